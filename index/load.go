package index

import (
	"context"
	"iter"
	"math"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold"
	"whatchanged.dev/whatchanged/index/hot"
)

// load makes a hot tier that reaches so far back, from a snapshot of the cold
// one.
func (x *Index) load(ctx context.Context, reach time.Duration) (*hot.Tier, error) {
	r := x.reader.Load()
	horizon := x.horizon(reach)
	position, err := r.PositionAt(ctx, horizon)
	if err != nil {
		return nil, err
	}
	snap, err := r.Snapshot(ctx, horizon, position)
	if err != nil {
		return nil, err
	}
	// The first answers are not to wait for what came late, nor for what held
	// before: views that would need it are answered by history meanwhile.
	near := reach < x.config.Keep
	base := hot.Base{Watermark: snap.Watermark, Horizon: horizon, Position: position, Stateless: near}
	if near {
		base.Known = snap.Watermark.Position
	}
	heard, err := snap.Heard(ctx)
	if err != nil {
		return nil, err
	}
	if base.Events, err = collect(snap.Events(ctx, !near), err); err != nil {
		return nil, err
	}
	base.Deliveries, err = collect(snap.Deliveries(ctx), err)
	edges, err := collect(snap.Edges(ctx), err)
	corrections, err := collect(snap.Corrections(ctx), err)
	places, err := collect(snap.Places(ctx), err)
	owners, err := collect(snap.Owners(ctx), err)
	tellers, err := collect(snap.Tellers(ctx), err)
	if err != nil {
		return nil, err
	}
	if !near {
		before := whatchanged.View{AsOf: horizon.Add(-whatchanged.Resolution), KnownAt: position}
		if base.States, err = r.States(ctx, before, whatchanged.StateSelection{Limit: math.MaxInt64}); err != nil {
			return nil, err
		}
	}
	base.Heard, base.Tellers = heardOf(heard), each(tellers, func(t cold.Teller) hot.Teller { return hot.Teller(t) })
	base.Places, base.Owners = placesOf(places), ownersOf(owners)
	base.Edges, base.Corrections = edgesOf(edges), correctionsOf(corrections)
	acknowledged, _, err := x.config.Log.Last(ctx)
	if err != nil {
		return nil, err
	}
	x.acknowledged.Store(acknowledged)
	return hot.Open(base), nil
}

// caughtUp lets questions be answered once the hot tier has seen all that was
// acknowledged before it was loaded: sooner, the index would deny what a sender
// was told is stored.
func (x *Index) caughtUp(ctx context.Context) {
	mark, _ := x.hot.Load().Watermark(ctx) // it is in memory
	if mark.Position.Sequence < x.acknowledged.Load() {
		return
	}
	x.once.Do(func() { close(x.loaded) })
}

// collect reads all of seq, unless an earlier step failed.
func collect[T any](seq iter.Seq2[T, error], err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	var all []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func heardOf(heard map[string]cold.Heard) map[string]hot.Heard {
	out := make(map[string]hot.Heard, len(heard))
	for name, h := range heard {
		out[name] = hot.Heard{Told: hot.Series(h.Told), Runs: hot.Series(h.Runs), Connection: h.Connection}
	}
	return out
}

func edgesOf(edges []cold.Edge) []hot.Edge {
	return each(edges, func(e cold.Edge) hot.Edge { return hot.Edge(e) })
}

func correctionsOf(corrections []cold.Correction) []hot.Correction {
	return each(corrections, func(c cold.Correction) hot.Correction { return hot.Correction(c) })
}

func placesOf(places []cold.Place) []hot.Place {
	return each(places, func(p cold.Place) hot.Place { return hot.Place(p) })
}

func ownersOf(owners []cold.Owner) []hot.Owner {
	return each(owners, func(o cold.Owner) hot.Owner { return hot.Owner(o) })
}

func each[A, B any](all []A, of func(A) B) []B {
	out := make([]B, len(all))
	for i, a := range all {
		out[i] = of(a)
	}
	return out
}
