package main

import (
	"flag"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/remote"
	"whatchanged.dev/whatchanged/ingest"
)

var figuresCommits = flag.Int("figures-commits", 50_000, "landings of the repository that BenchmarkIngestGit reads")

// BenchmarkIngestGit brings the history of a generated repository into a
// server, as whatchanged ingest git does, until ClickHouse has all of it; and
// then again, when there is nothing new.
func BenchmarkIngestGit(b *testing.B) {
	f := &figures{B: b}
	path := history(b, *figuresCommits)
	server := f.open(b.TempDir(), "always")
	defer server.close()
	s := &remote.Server{URL: server.url}
	events, unchanged := 0, time.Duration(0)
	b.ResetTimer()
	for range b.N {
		read := func() ingest.GitReading {
			config := ingest.GitConfig{Path: path, Stored: remoteStored{s}}
			got, err := ingest.ReadGit(b.Context(), config, func(all []whatchanged.Event) error {
				var a ingest.Accepted
				err := s.Call(b.Context(), "/v1/import/"+ingest.GitSource, all, &a)
				events += a.Events
				return err
			})
			f.must(err)
			return got
		}
		if got := read(); got.Landings != *figuresCommits {
			b.Fatalf("read %d landings, want %d; a second round needs another data folder", got.Landings, *figuresCommits)
		}
		server.stored()
		b.StopTimer()
		start := time.Now()
		if got := read(); got.Landings != 0 || got.Before != *figuresCommits {
			b.Fatalf("again: %+v", got)
		}
		unchanged = time.Since(start)
	}
	b.ReportMetric(float64(*figuresCommits)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(unchanged.Milliseconds()), "ms-unchanged")
	b.ReportMetric(0, "ns/op")
}
