package resolvers_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
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
