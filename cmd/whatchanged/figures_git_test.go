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
	events, unchanged := 0, time.Duration(0)
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		server := f.open(b.TempDir(), "always")
		b.StartTimer()
		got, n := f.importGit(server.url, path)
		server.stored()
		b.StopTimer()
		events += n
		start := time.Now()
		again, _ := f.importGit(server.url, path)
		unchanged += time.Since(start)
		if got.Landings != *figuresCommits || again.Landings != 0 || again.Before != *figuresCommits {
			b.Fatalf("read %+v, and then %+v", got, again)
		}
		server.close()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N**figuresCommits)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(unchanged.Milliseconds())/float64(b.N), "ms-unchanged")
	b.ReportMetric(0, "ns/op")
}

// importGit reads what is new of a repository into a server.
func (f *figures) importGit(server, path string) (got ingest.GitReading, events int) {
	s := &remote.Server{URL: server}
	config := ingest.GitConfig{Path: path, Stored: remoteStored{s}}
	got, err := ingest.ReadGit(f.Context(), config, func(all []whatchanged.Event) error {
		var a ingest.Accepted
		err := s.Call(f.Context(), "/v1/import/"+ingest.GitSource, all, &a)
		events += a.Events
		return err
	})
	f.must(err)
	return got, events
}
