package cold

import (
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/indextest"
)

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func byPosition(a, b whatchanged.Event) int { return a.Position.Compare(b.Position) }

func TestSnapshot(t *testing.T) {
	log := indextest.World(3, 200)
	s := newStore(t)
	write(t, s.openWriter(t), log)
	r := s.openReader(t)
	from := log[120]
	horizon, position := from.ReceivedAt.Add(-time.Minute), whatchanged.Position{Sequence: from.Sequence}
	snap, err := r.Snapshot(t.Context(), horizon, position)
	if err != nil {
		t.Fatal(err)
	}

	last := map[string]int{} // the revisions known at the horizon
	for _, d := range log {
		for _, e := range d.Events {
			if e.Position.Compare(position) <= 0 {
				last[e.ID] = max(last[e.ID], e.Revision)
			}
		}
	}
	var events []whatchanged.Event
	var edges []Edge
	var corrections []Correction
	for _, d := range log {
		for _, e := range d.Events {
			if e.Revision > 0 {
				corrections = append(corrections, Correction{e.ID, e.Revision, e.Position})
			}
			if e.Revision < last[e.ID] && e.Position.Compare(position) <= 0 {
				continue
			}
			if !e.EffectiveAt.Before(horizon) || e.Position.Compare(position) >= 0 {
				events = append(events, e)
			}
			if e.Dependency != nil {
				edges = append(edges, Edge{e.Entity, *e.Dependency, e.EffectiveAt, e.Position, e.ID, e.Revision})
			}
		}
	}
	same := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(place{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	same("watermark", snap.Watermark, whatchanged.Watermark{Position: whatchanged.At(200), At: log[199].ReceivedAt})
	same("events", slices.SortedFunc(slices.Values(collect(t, snap.Events(t.Context(), true))), byPosition), events)
	same("edges", slices.SortedFunc(slices.Values(collect(t, snap.Edges(t.Context()))),
		func(a, b Edge) int { return a.Position.Compare(b.Position) }), edges)
	same("corrections", slices.SortedFunc(slices.Values(collect(t, snap.Corrections(t.Context()))),
		func(a, b Correction) int { return a.Position.Compare(b.Position) }), corrections)

	at := map[place]Place{}
	var owners []Owner
	tell := func(p place, first, last whatchanged.Position) {
		was, ok := at[p]
		if !ok {
			was = Place{p.entity, p.environment, p.region, first, last}
		}
		if last.Compare(was.Last) > 0 {
			was.Last = last
		}
		at[p] = was
	}
	for _, d := range log {
		for _, e := range d.Events {
			tell(place{e.Entity, e.Placement.Environment, e.Placement.Region}, e.Position, e.Position)
			if e.Dependency != nil {
				tell(place{entity: e.Dependency.To}, e.Position, whatchanged.Position{})
			}
			if e.Kind == whatchanged.Ownership {
				owners = append(owners, Owner{e.Entity, whatchanged.OwnerOf(e.After), e.EffectiveAt, e.Position, e.ID, e.Revision})
			}
		}
	}
	places := map[place]Place{}
	for _, p := range collect(t, snap.Places(t.Context())) {
		places[place{p.Entity, p.Environment, p.Region}] = p
	}
	same("places", places, at)
	same("owners", slices.SortedFunc(slices.Values(collect(t, snap.Owners(t.Context()))),
		func(a, b Owner) int { return a.Position.Compare(b.Position) }), owners)
	var heads []whatchanged.Delivery
	for _, d := range log[position.Sequence-1:] {
		if !d.Reports() {
			d.Type = ""
		}
		heads = append(heads, whatchanged.Delivery{Sequence: d.Sequence, ReceivedAt: d.ReceivedAt, Source: d.Source, Outcome: d.Outcome, Type: d.Type})
	}
	same("deliveries", collect(t, snap.Deliveries(t.Context())), heads)
	heard := must[map[string]Heard](t)(snap.Heard(t.Context()))
	before := whatchanged.View{KnownAt: whatchanged.At(position.Sequence - 1)}
	for _, want := range must[[]whatchanged.SourceArrivals](t)(indextest.Oracle(log).Sources(t.Context(), before, whatchanged.Interval{From: whatchanged.MinTime, To: horizon.AddDate(0, 0, 1)})) {
		got := heard[want.Source]
		same("gaps of "+want.Source, []any{sumOf(got.Told.Gaps), sumOf(got.Runs.Gaps)}, []any{want.Told.Gaps, want.Runs.Gaps})
		same("last of "+want.Source, []any{got.Told.Last, got.Runs.Last, got.Connection}, []any{want.Told.Last, want.Runs.Last, want.Connection})
	}
	told := map[teller]whatchanged.Position{}
	for _, at := range collect(t, snap.Tellers(t.Context())) {
		told[teller{at.Entity, at.Source}] = at.First
	}
	first := map[teller]whatchanged.Position{}
	for _, d := range slices.Backward(log) {
		for _, e := range slices.Backward(d.Events) {
			first[teller{e.Entity, e.Source}] = e.Position
			if e.Dependency != nil {
				first[teller{e.Dependency.To, e.Source}] = e.Position
			}
		}
	}
	same("tellers", fmt.Sprint(told), fmt.Sprint(first))
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestASnapshotMayBeLeftEarly(t *testing.T) {
	s := newStore(t)
	write(t, s.openWriter(t), indextest.World(3, 200))
	snap, err := s.openReader(t).Snapshot(t.Context(), whatchanged.MinTime, whatchanged.Position{})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		for _, err := range snap.Events(t.Context(), true) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if n := len(collect(t, snap.Events(t.Context(), true))); n == 0 {
		t.Error("no events after leaving early")
	}
}
