package resolvers_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/resolvers"
)

var update = flag.Bool("update", false, "write golden files anew")

// noon is when all questions here are asked.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A world is an index in memory, with the bodies that memory does not keep,
// and a resolver that asks it.
type world struct {
	*hot.Tier
	log    []whatchanged.Delivery
	audit  bytes.Buffer
	config resolvers.Config
	*resolvers.Resolver
}

// newWorld returns a world that was told of events, one delivery each.
func newWorld(t testing.TB, events ...whatchanged.Event) *world {
	t.Helper()
	w := &world{Tier: hot.Open(hot.Base{})}
	var err error
	w.config = resolvers.Config{Index: w, Now: func() time.Time { return noon },
		Log: slog.New(slog.NewJSONHandler(&w.audit, nil)), Clean: strings.Clone, Tracer: tracenoop.NewTracerProvider(), Meter: metricnoop.NewMeterProvider()}
	w.Resolver, err = resolvers.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		w.tell(e)
	}
	return w
}

// tell appends one delivery. It is stored ten minutes before noon and later,
// a second after the one before.
func (w *world) tell(events ...whatchanged.Event) {
	d := whatchanged.Delivery{Sequence: uint64(len(w.log) + 1), Source: "test", Type: "told", Outcome: whatchanged.Accepted,
		ReceivedAt: noon.Add(-10*time.Minute + time.Duration(len(w.log))*time.Second)}
	d.ID = fmt.Sprint("delivery-", d.Sequence)
	d.Body = fmt.Appendf(nil, `{"delivery":%d}`, d.Sequence)
	for i, e := range events {
		e.Position, e.SeenAt, e.Source = whatchanged.Position{Sequence: d.Sequence, Index: uint32(i)}, d.ReceivedAt, d.Source
		d.Events = append(d.Events, e)
	}
	w.log = append(w.log, d)
	w.Apply([]whatchanged.Delivery{d})
}

// Entities implements [resolvers.Index]; a Resolver has a method of this name.
func (w *world) Entities(ctx context.Context, v whatchanged.View, s whatchanged.EntitySelection) ([]whatchanged.EntityRecord, error) {
	return w.Tier.Entities(ctx, v, s)
}

// Deliveries implements [resolvers.Index].
func (w *world) Deliveries(_ context.Context, v whatchanged.View, sequences []uint64) ([]whatchanged.Delivery, error) {
	var out []whatchanged.Delivery
	for _, d := range w.log {
		if slices.Contains(sequences, d.Sequence) && d.Sequence <= v.KnownAt.Sequence {
			d.Events = nil
			out = append(out, d)
		}
	}
	return out, nil
}

var ann = resolvers.Viewer{Who: "ann", Agent: "test"}

// arguments of a question, as a surface gets them.
type arguments map[string]any

// ask asks as a surface does: checked against the schema, defaults filled in.
func ask[A resolvers.Answered](t testing.TB, w *world, field string, args arguments) (A, error) {
	t.Helper()
	var none A
	q, ok := resolvers.Lookup(field)
	if !ok {
		t.Fatalf("no question %q", field)
	}
	checked, err := schema.Check(field, args)
	if err != nil {
		return none, err
	}
	a, err := q.Ask(w.Resolver, resolvers.WithViewer(t.Context(), ann), checked)
	if err != nil {
		return none, err
	}
	return a.(A), nil
}

func whatChanged(t testing.TB, w *world, args arguments) (*resolvers.WhatChanged, error) {
	t.Helper()
	return ask[*resolvers.WhatChanged](t, w, "whatChanged", args)
}

func timeline(t testing.TB, w *world, args arguments) (*resolvers.Timeline, error) {
	t.Helper()
	return ask[*resolvers.Timeline](t, w, "timeline", args)
}

func must[A any](t testing.TB) func(A, error) A {
	return func(a A, err error) A {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// refused fails the test unless err is a refusal with a code, on a field.
func refused(t *testing.T, err error, code whatchanged.Code, field string) {
	t.Helper()
	_ = refusal(t, err, code, field)
}

// refusal is refused, and returns the error.
func refusal(t *testing.T, err error, code whatchanged.Code, field string) *whatchanged.Error {
	t.Helper()
	var e *whatchanged.Error
	if !errors.As(err, &e) || e.Code != code || e.Field != field {
		t.Fatalf("got %v (code %s), want %s on %q", err, whatchanged.CodeOf(err), code, field)
	}
	return e
}

func ref(s string) whatchanged.Ref {
	if !strings.Contains(s, ":") {
		s = "service:shop/" + s
	}
	r, err := whatchanged.ParseRef(s)
	if err != nil {
		panic(err)
	}
	return r
}

// ago is a moment, so many minutes before noon.
func ago(minutes float64) time.Time {
	return noon.Add(-time.Duration(minutes * float64(time.Minute)))
}

func when(minutes float64) string { return ago(minutes).Format(time.RFC3339Nano) }

// deployed is a deployment, minutes before noon, of a service of the shop.
func deployed(id, entity string, minutes float64, change ...func(*whatchanged.Event)) whatchanged.Event {
	e := whatchanged.Event{ID: id, Kind: whatchanged.Deployment, Action: "deployed", Entity: ref(entity), EffectiveAt: ago(minutes), Clock: whatchanged.SourceClock}
	for _, c := range change {
		c(&e)
	}
	return e
}

func kind(k whatchanged.EventKind) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Kind = k }
}

func in(environment, region string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) {
		e.Placement = whatchanged.Placement{Environment: environment, Region: region}
	}
}

func step(rollout string, phase whatchanged.Phase, share float64) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) {
		e.Kind, e.Rollout = whatchanged.RolloutKind, &whatchanged.RolloutStep{ID: rollout, Phase: phase, Share: &share}
	}
}

func summary(s string) func(*whatchanged.Event) { return func(e *whatchanged.Event) { e.Summary = s } }

// needs says that one entity depends on another, since two days ago.
func needs(from, to string) whatchanged.Event {
	return whatchanged.Event{ID: from + "-needs-" + to, Kind: whatchanged.Topology, Action: "declared", Entity: ref(from), EffectiveAt: ago(2 * 24 * 60),
		Dependency: &whatchanged.Dependency{To: ref(to), Evidence: whatchanged.Declared}}
}

func reverting(id string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Reverts = id }
}

func partOf(id string) func(*whatchanged.Event) { return func(e *whatchanged.Event) { e.Parent = id } }

func by(name string, automation bool) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Actor = &whatchanged.Actor{Name: name, Automation: automation} }
}

func carrying(commit string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) {
		e.Commits = []string{commit}
		if e.Kind == whatchanged.Commit {
			e.Version = commit
		}
	}
}
