package cold

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

// zstd makes ZSTD what all is compressed with for which nothing is said:
// projections take no codecs from the columns.
const zstd = "default_compression_codec = 'ZSTD(1)', "

// layouts are other ways to lay out the events table, as changes to what the
// migrations say, in pairs of what stands there and what would. docs/adr has
// what was measured.
var layouts = []struct {
	name    string
	changes []string
}{
	{"projections in LZ4", nil},
	{"projections in ZSTD(1)", []string{"SETTINGS ", "SETTINGS " + zstd}},
	{"8192 rows a granule", []string{"SETTINGS ", "SETTINGS " + zstd, "granularity = 1024", "granularity = 8192"}},
	{"256 rows a granule", []string{"SETTINGS ", "SETTINGS " + zstd, "granularity = 1024", "granularity = 256"}},
	{"blocks of 16 KiB", []string{"SETTINGS ", "SETTINGS min_compress_block_size = 16384, " + zstd}},
	{"256 rows, blocks of 16 KiB", []string{"SETTINGS ", "SETTINGS min_compress_block_size = 16384, " + zstd, "granularity = 1024", "granularity = 256"}},
	{"all columns in one file", []string{"SETTINGS ", "SETTINGS min_bytes_for_wide_part = 1000000000000, " + zstd}},
	{"all in ZSTD(3)", []string{"SETTINGS ", "SETTINGS default_compression_codec = 'ZSTD(3)', ", "ZSTD(1)", "ZSTD(3)"}},
	{"all in LZ4", []string{"ZSTD(1)", "LZ4", "ZSTD(3)", "LZ4"}},
	{"no codecs but ZSTD(1)", []string{"SETTINGS ", "SETTINGS " + zstd, "CODEC(Delta, ZSTD(1))", "", "CODEC(T64, ZSTD(1))", "", "CODEC(ZSTD(1))", "", "CODEC(ZSTD(3))", ""}},
	{"DoubleDelta for Delta", []string{"SETTINGS ", "SETTINGS " + zstd, "Delta,", "DoubleDelta,"}},
	{"LowCardinality entity, actor, version", []string{
		"SETTINGS ", "SETTINGS " + zstd,
		" entity               String                CODEC(ZSTD(1))", " entity LowCardinality(String)",
		" actor                String                CODEC(ZSTD(1))", " actor LowCardinality(String)",
		" version              String                CODEC(ZSTD(1))", " version LowCardinality(String)",
		" previous_version     String                CODEC(ZSTD(1))", " previous_version LowCardinality(String)",
	}},
	{"ordered by aspect before time", []string{"SETTINGS ", "SETTINGS " + zstd, "ORDER BY (entity, effective_at,", "ORDER BY (entity, kind, environment, region, cluster, cell, effective_at,"}},
	{"without by_time", []string{"SETTINGS ", "SETTINGS " + zstd, "    PROJECTION by_time (SELECT * ORDER BY effective_at, sequence, ordinal),\n", ""}},
}

// A laidOut is a store whose events are laid out in some way.
type laidOut struct {
	r    *Reader
	size string
	took [4][]time.Duration
}

// BenchmarkLayouts asks the same of every layout, taking turns, and logs how
// long each took (the median, in milliseconds) and what it stores. The reads
// are what holds of a key, the same by hand, the newest 50 of all in two hours
// and their number, and the same of one key in a day.
func BenchmarkLayouts(b *testing.B) {
	all := make([]*laidOut, len(layouts))
	for i, l := range layouts {
		all[i] = layOut(b, l.changes)
	}
	g := &grown{n: *growthEvents, keys: max(1, *growthEvents/100/1000), random: rand.New(rand.NewPCG(1, 2))}
	for turn := 0; b.Loop(); turn++ {
		key, v := g.key()
		for i := range all {
			all[(turn+i)%len(all)].ask(b, key, v)
		}
	}
	var table strings.Builder
	for i, l := range layouts {
		text := ""
		for _, took := range all[i].took {
			text += fmt.Sprintf("%6.1f", quantile(took, .5))
		}
		fmt.Fprintf(&table, "\n%-40s%s  %s", l.name, text, all[i].size)
	}
	b.Log(table.String()) // one line each would be cut off
}

func layOut(b *testing.B, changes []string) *laidOut {
	text, err := migrations(Layout{})
	if err != nil {
		b.Fatal(err)
	}
	create := statements(text[0].text)[0]
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(create, changes[i]) {
			b.Fatalf("nothing says %q", changes[i])
		}
		create = strings.ReplaceAll(create, changes[i], changes[i+1])
	}
	s := newStore(b)
	w := s.openPatient(b)
	for _, statement := range []string{"DROP TABLE events SYNC", create} {
		if err := w.conn.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	grow(b, w, *growthEvents)
	if err := w.conn.Exec(patient(b.Context()), "OPTIMIZE TABLE events FINAL"); err != nil {
		b.Fatal(err)
	}
	return &laidOut{r: s.openReader(b), size: sizes(b, w)}
}

func (l *laidOut) ask(b *testing.B, key whatchanged.Ref, v whatchanged.View) {
	changes := func(past time.Duration, of ...whatchanged.Ref) func(context.Context) error {
		return func(ctx context.Context) error {
			in := whatchanged.Interval{From: v.AsOf.Add(-past), To: v.AsOf}
			_, err := l.r.Changes(ctx, v, whatchanged.Selection{Entities: of, Interval: in, Descending: true, Limit: 50})
			return err
		}
	}
	for i, ask := range []func(context.Context) error{
		func(ctx context.Context) error { return states(ctx, l.r, key, v) },
		func(ctx context.Context) error { return byHand(ctx, l.r, byHandSQL, key, v) },
		changes(2 * time.Hour),
		changes(24*time.Hour, key),
	} {
		l.took[i] = append(l.took[i], timed(b, func() error { return ask(b.Context()) }))
	}
}
