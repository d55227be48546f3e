package cold

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"whatchanged.dev/whatchanged"
)

// growthEvents is passed on by `go test -bench BenchmarkGrowth ./index/cold
// -args -growth-events 100000000`.
var growthEvents = flag.Int("growth-events", 1_000_000, "events that BenchmarkGrowth reads from")

//go:embed testdata/growth.sql
var growthSQL string

// byHandSQL is what somebody would write who knows the table and wants, of one
// key in each region, what was set as of a moment, by whom and what it was
// before. It knows nothing of corrections, of what was known when, and of what
// was only observed.
const byHandSQL = `SELECT region, after, before, version, previous_version, actor, effective_at, written_at, id, summary, links, approval, validation, attributes
	FROM events WHERE entity = {entity:String} AND effective_at <= {at:DateTime64(6, 'UTC')} ORDER BY region, effective_at DESC LIMIT 1 BY region`

// byHandWholeSQL reads all that an answer may need of the same events.
var byHandWholeSQL = strings.Replace(byHandSQL, "region, after, before, version, previous_version, actor, effective_at, written_at, id, summary, links, approval, validation, attributes", "*", 1)

// An estate that grew: so many events, a thousand of each key.
type grown struct {
	n, keys int
	random  *rand.Rand
}

// grow makes n events inside ClickHouse. The parts that were merged go at once:
// a hundred million events fill the disk otherwise.
func grow(b *testing.B, w *Writer, n int) *grown {
	g := &grown{n: n, keys: max(1, n/100/1000), random: rand.New(rand.NewPCG(1, 2))}
	if err := w.conn.Exec(b.Context(), "ALTER TABLE events MODIFY SETTING old_parts_lifetime = 1"); err != nil {
		b.Fatal(err)
	}
	const batch = 2_000_000 // larger blocks are fewer parts to merge
	for from := 0; from < n; from += batch {
		if err := w.conn.Exec(patient(b.Context()), growthSQL, clickhouse.Named("n", n), clickhouse.Named("keys", g.keys),
			clickhouse.Named("from", from), clickhouse.Named("batch", min(batch, n-from))); err != nil {
			b.Fatal(err)
		}
	}
	for _, statement := range []string{
		"INSERT INTO corrections SELECT id, revision, sequence, ordinal FROM events WHERE revision > 0",
		fmt.Sprintf("INSERT INTO deliveries (sequence, batch, received_at, source, outcome) VALUES (%d, 1, now64(6), 'git', 'accepted')", n),
	} {
		if err := w.conn.Exec(patient(b.Context()), statement); err != nil {
			b.Fatal(err)
		}
	}
	return g
}

// openPatient opens a writer whose statements may take an hour without a word.
func (s store) openPatient(b *testing.B) *Writer {
	s.writer.ReadTimeout = time.Hour
	return s.openWriter(b)
}

// patient lets a statement take as long as it takes.
func patient(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 0}))
}

// key returns any of the keys, and a view of what was known in the end of it as
// of any time.
func (g *grown) key() (whatchanged.Ref, whatchanged.View) {
	key := whatchanged.Ref{Kind: whatchanged.KindConfig, Namespace: fmt.Sprint("team-", g.random.IntN(100)), Name: fmt.Sprint("key-", g.random.IntN(g.keys))}
	return key, whatchanged.View{AsOf: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(g.random.Int64N(int64(90 * 24 * time.Hour)))), KnownAt: whatchanged.At(uint64(g.n))}
}

// states asks what holds of a key.
func states(ctx context.Context, r *Reader, key whatchanged.Ref, v whatchanged.View) error {
	found, err := r.States(ctx, v, whatchanged.StateSelection{Entities: []whatchanged.Ref{key}, Limit: 10})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("nothing holds of %s as of %s", key, v.AsOf)
	}
	return err
}

// byHand asks the same by hand.
func byHand(ctx context.Context, r *Reader, text string, key whatchanged.Ref, v whatchanged.View) error {
	rows, err := r.conn.Query(ctx, text, clickhouse.Named("entity", key.String()), clickhouse.DateNamed("at", v.AsOf, clickhouse.MicroSeconds))
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return errors.Join(rows.Err(), rows.Close())
}

// BenchmarkGrowth asks what holds of one key as of any time, beside the same
// asked by hand, taking turns, from more and more events.
func BenchmarkGrowth(b *testing.B) {
	s := newStore(b)
	w, r := s.openPatient(b), s.openReader(b)
	begun := time.Now()
	g := grow(b, w, *growthEvents)
	b.Logf("%d events made at %.0f events/s", g.n, float64(g.n)/time.Since(begun).Seconds())
	b.Log(sizes(b, w))
	var ours, hand, whole []time.Duration
	for b.Loop() {
		key, v := g.key()
		turns := []func(){
			func() { ours = append(ours, timed(b, func() error { return states(b.Context(), r, key, v) })) },
			func() {
				hand = append(hand, timed(b, func() error { return byHand(b.Context(), r, byHandSQL, key, v) }))
			},
			func() {
				whole = append(whole, timed(b, func() error { return byHand(b.Context(), r, byHandWholeSQL, key, v) }))
			},
		}
		for _, i := range g.random.Perm(len(turns)) { // who comes first fetches the pages from the disk
			turns[i]()
		}
	}
	b.ReportMetric(quantile(ours, .5), "p50-ms")
	b.ReportMetric(quantile(ours, .99), "p99-ms")
	b.ReportMetric(quantile(hand, .5), "by-hand-ms")
	b.ReportMetric(quantile(hand, .99), "by-hand-p99-ms")
	b.ReportMetric(quantile(whole, .5), "all-columns-by-hand-ms")
	b.ReportMetric(quantile(ours, .5)/quantile(hand, .5), "ratio")
	b.ReportMetric(quantile(ours, .5)/quantile(whole, .5), "ratio-to-all-columns")
}

func timed(b *testing.B, do func() error) time.Duration {
	begun := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}

// quantile returns the milliseconds that a share of all do not exceed.
func quantile(all []time.Duration, share float64) float64 {
	slices.Sort(all)
	return all[int(float64(len(all)-1)*share)].Seconds() * 1000
}
