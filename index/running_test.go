package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
)

// running is an index that runs over a real change log and a real engine.
type running struct {
	*Index
	t       testing.TB
	reader  *sdkmetric.ManualReader
	clock   *clock
	started time.Time // of the test, canonical
}

func run(t testing.TB, c Config) *running {
	t.Helper()
	now := whatchanged.Canonical(time.Now())
	r := &running{t: t, reader: sdkmetric.NewManualReader(), clock: &clock{now: now}, started: now}
	if c.Log == nil {
		c.Log = newLog(t, changelog.Config{})
	}
	if c.Cold.Writer.Options == nil {
		c.Cold = newStore(t)
	}
	c.Keep, c.Every, c.Now = time.Hour, time.Hour, r.clock.Now
	c.Meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))
	x, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Index = x
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the index stopped: %v", err)
		}
	})
	return r
}

// ago is a moment before the test.
func (r *running) ago(d time.Duration) time.Time { return r.started.Add(-d) }

// told appends a delivery of events and waits until this process has seen it.
func (r *running) told(events ...whatchanged.Event) whatchanged.Position {
	r.t.Helper()
	receipt, err := r.config.Log.Append(r.t.Context(), whatchanged.Delivery{Source: "test", Outcome: whatchanged.Accepted,
		Body: fmt.Append(nil, len(events)), Events: events})
	if err != nil {
		r.t.Fatal(err)
	}
	<-r.Loaded()
	if err := r.Await(r.t.Context(), receipt.Position); err != nil {
		r.t.Fatal(err)
	}
	return receipt.Position
}

// stored waits until the cold tier has stored a position.
func (r *running) stored(p whatchanged.Position) {
	r.t.Helper()
	until(r.t, fmt.Sprint(p, " is stored"), func(ctx context.Context) bool {
		mark, err := r.Index.reader.Load().Watermark(ctx)
		return err == nil && mark.Position.Compare(p) >= 0
	})
}

// reads counts the reads of the cold tier so far by what became of them.
func (r *running) reads() string {
	r.t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(r.t.Context(), &all); err != nil {
		r.t.Fatal(err)
	}
	count := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "whatchanged.cold.reads" {
				continue
			}
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				result, _ := p.Attributes.Value(attribute.Key("cache"))
				count[result.AsString()] += p.Value
			}
		}
	}
	return fmt.Sprintf("%d hits, %d misses", count["hit"], count["miss"]+count["shared"])
}

// found asks for all that took effect in an interval, as far as was known.
func (r *running) found(known whatchanged.Position, i whatchanged.Interval, who string) string {
	r.t.Helper()
	<-r.Loaded()
	v := whatchanged.View{AsOf: i.To, KnownAt: known, Visibility: who}
	page, err := r.Changes(r.t.Context(), v, whatchanged.Selection{Interval: i, Limit: 10_000})
	if err != nil {
		r.t.Fatal(err)
	}
	r.cache.store.Wait() // until what was read is kept
	return strings.Join(names(page.Events), " ")
}

func names(events []*whatchanged.Event) (all []string) {
	for i := range events {
		all = append(all, events[i].Identity())
	}
	return all
}

func event(id string, at time.Time) whatchanged.Event {
	return whatchanged.Event{ID: id, Source: "test", Kind: whatchanged.Config, Action: "changed", EffectiveAt: at,
		Clock: whatchanged.SourceClock, Entity: whatchanged.Ref{Kind: "config", Namespace: "shop", Name: "limits"}}
}

func correction(n int, id string, at time.Time) whatchanged.Event {
	e := event(id, at)
	e.Revision = n
	return e
}

// until waits for what no channel tells of.
func until(t testing.TB, what string, holds func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for poll := time.NewTicker(5 * time.Millisecond); !holds(ctx); {
		select {
		case <-poll.C:
		case <-ctx.Done():
			t.Fatalf("it did not come about that %s", what)
		}
	}
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wants fails the test unless err is of a kind.
func wants(t testing.TB, what string, err error, kind *whatchanged.Error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: error is %v, want %s", what, err, kind.Code)
	}
}

func sorted(s string) string {
	words := strings.Fields(s)
	slices.Sort(words)
	return strings.Join(words, " ")
}
