package cold

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
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

// BenchmarkGrowth asks what holds of one key as of any time, beside the same
// asked by hand, taking turns, from more and more events.
func BenchmarkGrowth(b *testing.B) {
	s := newStore(b)
	w, r := s.openWriter(b), s.openReader(b)
	n := *growthEvents
	keys := max(1, n/100/1000)
	begun := time.Now()
	const batch = 5_000_000
	for from := 0; from < n; from += batch {
		if err := w.conn.Exec(clickhouse.Context(b.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 0})), growthSQL,
			clickhouse.Named("n", n), clickhouse.Named("keys", keys), clickhouse.Named("from", from), clickhouse.Named("batch", min(batch, n-from))); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.conn.Exec(b.Context(), "INSERT INTO deliveries (sequence, batch, received_at, source, outcome) VALUES (?, 1, now64(6), 'git', 'accepted')", n); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d events made at %.0f events/s", n, float64(n)/time.Since(begun).Seconds())
	sizes(b, s)
	random := rand.New(rand.NewPCG(1, 2))
	var states, byHand []time.Duration
	for b.Loop() {
		key := whatchanged.Ref{Kind: whatchanged.KindConfig, Namespace: fmt.Sprint("team-", random.IntN(100)), Name: fmt.Sprint("key-", random.IntN(keys))}
		v := whatchanged.View{AsOf: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(random.Int64N(int64(90 * 24 * time.Hour)))), KnownAt: whatchanged.At(uint64(n))}
		states = append(states, timed(b, func() error {
			_, err := r.States(b.Context(), v, whatchanged.StateSelection{Entities: []whatchanged.Ref{key}, Limit: 10})
			return err
		}))
		byHand = append(byHand, timed(b, func() error {
			rows, err := r.conn.Query(b.Context(), byHandSQL, clickhouse.Named("entity", key.String()), clickhouse.DateNamed("at", v.AsOf, clickhouse.MicroSeconds))
			if err != nil {
				return err
			}
			for rows.Next() {
			}
			return errors.Join(rows.Err(), rows.Close())
		}))
	}
	b.ReportMetric(median(states).Seconds()*1000, "p50-ms")
	b.ReportMetric(median(byHand).Seconds()*1000, "by-hand-ms")
	b.ReportMetric(median(states).Seconds()/median(byHand).Seconds(), "ratio")
}

func timed(b *testing.B, do func() error) time.Duration {
	begun := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
