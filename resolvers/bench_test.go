package resolvers_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/resolvers"
)

// large is an estate of 10,000 services with 100,000 edges and 100,000 changes
// in the last day.
func large(b *testing.B) *world {
	b.Helper()
	const services, edges, changes = 10_000, 100_000, 100_000
	r := rand.New(rand.NewPCG(1, 2))
	name := func(i int) string { return fmt.Sprintf("service:shop/s%d", i) }
	w := &world{Tier: hot.Open(hot.Base{})}
	var err error
	w.Resolver, err = resolvers.New(resolvers.Config{Index: w, Now: func() time.Time { return noon },
		Log: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(), Meter: metricnoop.NewMeterProvider()})
	if err != nil {
		b.Fatal(err)
	}
	var events []whatchanged.Event
	for i := range edges {
		e := needs(name(i%services), name(r.IntN(services)))
		e.ID = fmt.Sprint("edge-", i)
		events = append(events, e)
	}
	kinds := []whatchanged.EventKind{whatchanged.Deployment, whatchanged.Flag, whatchanged.Config, whatchanged.Commit}
	for i := range changes {
		e := deployed(fmt.Sprint("change-", i), name(r.IntN(services)), 24*60*r.Float64(), kind(kinds[i%4]), in("prod", []string{"eu", "us"}[i%2]), summary("deploy it"))
		e.Actor, e.Version, e.PreviousVersion = &whatchanged.Actor{Name: "ann"}, "2", "1"
		events = append(events, e)
	}
	w.tell(events...)
	return w
}

func BenchmarkWhatChanged(b *testing.B) {
	w := large(b)
	for _, bb := range []struct {
		name string
		in   resolvers.WhatChangedInput
	}{
		{"around one service, 1 hop", resolvers.WhatChangedInput{Scope: []string{"service:shop/s0"}, Hops: 1, Limit: 20}},
		{"around one service, 2 hops", resolvers.WhatChangedInput{Scope: []string{"service:shop/s0"}, Hops: 2, Limit: 20}},
		{"around one service, 3 hops", resolvers.WhatChangedInput{Scope: []string{"service:shop/s0"}, Hops: 3, Limit: 20}},
		{"by a bare name, in a region", resolvers.WhatChangedInput{Scope: []string{"s0"}, Regions: []string{"eu"}, Hops: 2, Limit: 20}},
		{"everything", resolvers.WhatChangedInput{Limit: 20}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			ctx := resolvers.WithViewer(b.Context(), ann)
			b.ReportAllocs()
			for b.Loop() {
				a, err := w.WhatChanged(ctx, bb.in)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(a.Total), "ranked")
			}
		})
	}
}

func BenchmarkTimeline(b *testing.B) {
	w := large(b)
	ctx := resolvers.WithViewer(b.Context(), ann)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Timeline(ctx, resolvers.TimelineInput{Scope: []string{"service:shop/s0"}, Hops: 2, Limit: 100, Fold: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConfig asks what one key is set to in two regions now, in a large
// estate, beside the two reads it cannot do without: of what holds, from the
// tier, and from a map that was made for this question alone.
func BenchmarkConfig(b *testing.B) {
	w := large(b)
	w.tell(set("a", 60, "prod", "eu", "1"), set("b", 50, "prod", "us", "2", was("1")), set("c", 40, "prod", "eu", "3", was("1")))
	key := []whatchanged.Ref{ref(fast)}
	v := whatchanged.View{AsOf: noon, KnownAt: whatchanged.At(uint64(len(w.log)))}
	holding := must[[]*whatchanged.Event](b)(w.States(b.Context(), v, whatchanged.StateSelection{Entities: key, Limit: 9}))
	byKey := map[whatchanged.Ref][]*whatchanged.Event{key[0]: holding}
	for _, bb := range []struct {
		name string
		do   func(context.Context) (int, error)
	}{
		{"config", func(ctx context.Context) (int, error) {
			a, err := w.Config(ctx, resolvers.ConfigInput{Key: []string{fast}, Limit: 20})
			if err != nil {
				return 0, err
			}
			return len(a.Items), nil
		}},
		{"what holds, from the tier", func(ctx context.Context) (int, error) {
			found, err := w.States(ctx, v, whatchanged.StateSelection{Entities: key, Limit: 9})
			return len(found), err
		}},
		{"baseline: what holds, from a map", func(context.Context) (int, error) { return len(slices.Clone(byKey[key[0]])), nil }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			ctx := resolvers.WithViewer(b.Context(), ann)
			b.ReportAllocs()
			for b.Loop() {
				if n, err := bb.do(ctx); err != nil || n != 2 {
					b.Fatalf("%d values, %v; want 2", n, err)
				}
			}
		})
	}
}

func BenchmarkImpact(b *testing.B) {
	w := large(b)
	for name, in := range map[string]resolvers.ImpactInput{
		"of a service, 2 hops": {Target: "service:shop/s0", Action: "change", Hops: 2, Limit: 20},
		"of a revert, 2 hops":  {Target: "change-5", Action: "revert", Hops: 2, Limit: 20},
	} {
		b.Run(name, func(b *testing.B) {
			ctx := resolvers.WithViewer(b.Context(), ann)
			b.ReportAllocs()
			for b.Loop() {
				a, err := w.Impact(ctx, in)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(a.Total), "reached")
			}
		})
	}
}

func BenchmarkIncidentBrief(b *testing.B) {
	w := large(b)
	ctx := resolvers.WithViewer(b.Context(), ann)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.IncidentBrief(ctx, resolvers.IncidentBriefInput{Scope: []string{"service:shop/s0"}, Limit: 3}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOverview(b *testing.B) {
	w := large(b)
	ctx := resolvers.WithViewer(b.Context(), ann)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Overview(ctx, resolvers.OverviewInput{Limit: 3}); err != nil {
			b.Fatal(err)
		}
	}
}
