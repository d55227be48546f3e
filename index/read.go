package index

import (
	"context"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold"
	"whatchanged.dev/whatchanged/index/hot"
)

// tier returns the hot tier, without which nothing is answered, as it stands
// once it has seen a position. It waits a little for that.
func (x *Index) tier(ctx context.Context, seen whatchanged.Position) (*hot.Tier, error) {
	t := x.hot.Load()
	if t == nil || !x.isLoaded() {
		return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "the index is still loading; ask again")
	}
	ctx, cancel := context.WithTimeout(ctx, x.config.Patience)
	defer cancel()
	if err := t.Await(ctx, seen); err != nil {
		return nil, err
	}
	return t.Frozen(), nil
}

// Watermark returns how far this process has read the change log.
func (x *Index) Watermark(ctx context.Context) (whatchanged.Watermark, error) {
	t, err := x.tier(ctx, whatchanged.Position{})
	if err != nil {
		return whatchanged.Watermark{}, err
	}
	return t.Watermark(ctx)
}

// Await returns once p has been seen.
func (x *Index) Await(ctx context.Context, p whatchanged.Position) error {
	_, err := x.tier(ctx, p)
	return err
}

// PositionAt returns the last position stored before at.
func (x *Index) PositionAt(ctx context.Context, at time.Time) (whatchanged.Position, error) {
	t, err := x.tier(ctx, whatchanged.Position{})
	if err != nil {
		return whatchanged.Position{}, err
	}
	if t.Remembers(at) {
		return t.PositionAt(ctx, at)
	}
	r, err := x.history()
	if err != nil {
		return whatchanged.Position{}, err
	}
	return r.PositionAt(ctx, at)
}

// Changes returns the events of a selection.
func (x *Index) Changes(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error) {
	t, err := x.tier(ctx, v.KnownAt)
	if err != nil {
		return whatchanged.Page{}, err
	}
	if len(s.IDs) > 0 && t.Holds(v, s.IDs) || arrivedHot(t, v, s) {
		return t.Changes(ctx, v, s)
	}
	read := func(i whatchanged.Interval) (whatchanged.Page, error) {
		s.Interval = i
		return t.Changes(ctx, v, s)
	}
	readCold := func(v whatchanged.View, i whatchanged.Interval) (whatchanged.Page, error) {
		s.Interval = i
		return fromCold(ctx, x, "changes", v, s, func(ctx context.Context, r *cold.Reader) (whatchanged.Page, error) {
			return r.Changes(ctx, v, s)
		})
	}
	recent, past, err := divide(t, v, s.Interval, read, readCold)
	return join(recent, past, s.Descending, s.Limit), err
}

// arrivedHot reports whether all that a selection asks arrived after the hot
// horizon: the tier holds that whenever it took effect.
func arrivedHot(t *hot.Tier, v whatchanged.View, s whatchanged.Selection) bool {
	return s.Seen != whatchanged.Interval{} && t.Covers(v, s.Seen)
}

// ChangesOfEach returns, for each entity of a selection, the page of it alone.
func (x *Index) ChangesOfEach(ctx context.Context, v whatchanged.View, s whatchanged.Selection) ([]whatchanged.Page, error) {
	t, err := x.tier(ctx, v.KnownAt)
	if err != nil {
		return nil, err
	}
	if arrivedHot(t, v, s) {
		return t.ChangesOfEach(ctx, v, s)
	}
	read := func(i whatchanged.Interval) ([]whatchanged.Page, error) {
		s.Interval = i
		return t.ChangesOfEach(ctx, v, s)
	}
	readCold := func(v whatchanged.View, i whatchanged.Interval) ([]whatchanged.Page, error) {
		s.Interval = i
		return fromCold(ctx, x, "changesOfEach", v, s, func(ctx context.Context, r *cold.Reader) ([]whatchanged.Page, error) {
			return r.ChangesOfEach(ctx, v, s)
		})
	}
	recent, past, err := divide(t, v, s.Interval, read, readCold)
	if err != nil {
		return nil, err
	}
	pages := make([]whatchanged.Page, len(s.Entities))
	for i := range pages {
		pages[i] = join(pageAt(recent, i), pageAt(past, i), s.Descending, s.Limit)
	}
	return pages, nil
}

// States returns what holds in a view: the event in force of each aspect.
func (x *Index) States(ctx context.Context, v whatchanged.View, s whatchanged.StateSelection) ([]*whatchanged.Event, error) {
	t, err := x.tier(ctx, v.KnownAt)
	if err != nil {
		return nil, err
	}
	if events, ok, err := t.ProvenStates(v, s); ok || err != nil {
		return events, err
	}
	if horizon, position := t.Horizon(); v.KnownAt.Compare(position) >= 0 && v.AsOf.Before(horizon) {
		v = settled(t, v, horizon)
	}
	found, err := fromCold(ctx, x, "states", v, s, func(ctx context.Context, r *cold.Reader) ([]*whatchanged.Event, error) {
		return r.States(ctx, v, s)
	})
	return slices.Clone(found), err
}

// pageAt returns the page at i, an empty one of a part that was not asked.
func pageAt(pages []whatchanged.Page, i int) whatchanged.Page {
	if i < len(pages) {
		return pages[i]
	}
	return whatchanged.Page{}
}

// Mentions returns the events that carry a text, latest first.
func (x *Index) Mentions(ctx context.Context, v whatchanged.View, m whatchanged.Mention) (whatchanged.Page, error) {
	t, err := x.tier(ctx, v.KnownAt)
	if err != nil {
		return whatchanged.Page{}, err
	}
	read := func(i whatchanged.Interval) (whatchanged.Page, error) {
		m.Interval = i
		return t.Mentions(ctx, v, m)
	}
	readCold := func(v whatchanged.View, i whatchanged.Interval) (whatchanged.Page, error) {
		m.Interval = i
		return fromCold(ctx, x, "mentions", v, m, func(ctx context.Context, r *cold.Reader) (whatchanged.Page, error) {
			return r.Mentions(ctx, v, m)
		})
	}
	recent, past, err := divide(t, v, m.Interval, read, readCold)
	return join(recent, past, true, m.Limit), err
}

// divide reads what took effect before the hot horizon from the cold tier, and
// what did from it on from the hot tier; all of it from the cold tier if the
// view knows less than the hot tier can prove. An empty interval asks nothing.
func divide[T any](t *hot.Tier, v whatchanged.View, i whatchanged.Interval,
	read func(whatchanged.Interval) (T, error),
	readCold func(whatchanged.View, whatchanged.Interval) (T, error),
) (recent, past T, err error) {
	if i == (whatchanged.Interval{}) {
		i = whatchanged.Always
	}
	horizon, position := t.Horizon()
	if v.KnownAt.Compare(position) < 0 {
		past, err = readCold(v, i)
		return recent, past, err
	}
	if from := (whatchanged.Interval{From: later(i.From, horizon), To: i.To}); !from.Empty() {
		if recent, err = read(from); err != nil {
			return recent, past, err
		}
	}
	if before := (whatchanged.Interval{From: i.From, To: earlier(i.To, horizon)}); !before.Empty() {
		past, err = readCold(settled(t, v, before.To), before)
	}
	return recent, past, err
}

// settled narrows a view of what took effect before end, at or before the hot
// horizon, to the last position that touched that past. Both see the same, but
// this one stays the same while new events stream in.
func settled(t *hot.Tier, v whatchanged.View, end time.Time) whatchanged.View {
	if p := t.Repaired(); v.KnownAt.Compare(p) > 0 {
		v.KnownAt = p
	}
	v.AsOf = earlier(v.AsOf, end)
	return v
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// join makes one page of two, with a slice of its own: that of a kept answer
// is shared.
func join(recent, past whatchanged.Page, descending bool, limit int) whatchanged.Page {
	total := recent.Total + past.Total
	if len(past.Events) == 0 {
		return whatchanged.Page{Events: recent.Events, Total: total}
	}
	first, second := past.Events, recent.Events
	if descending {
		first, second = second, first
	}
	first = first[:min(len(first), limit)]
	second = second[:min(len(second), limit-len(first))]
	return whatchanged.Page{Events: slices.Concat(first, second), Total: total}
}

// Entities returns the entities of a selection. The hot tier has them all.
func (x *Index) Entities(ctx context.Context, v whatchanged.View, s whatchanged.EntitySelection) ([]whatchanged.EntityRecord, error) {
	t, err := x.tier(ctx, v.KnownAt)
	if err != nil {
		return nil, err
	}
	return t.Entities(ctx, v, s)
}

// List returns entities in an order. The hot tier has them all, of every view.
func (x *Index) List(ctx context.Context, v whatchanged.View, q whatchanged.EntityList) (whatchanged.Listing, error) {
	t, err := x.tier(ctx, v.KnownAt)
	if err != nil {
		return whatchanged.Listing{}, err
	}
	return t.List(ctx, v, q)
}

// Reach follows the dependency edges that hold in the view.
func (x *Index) Reach(ctx context.Context, v whatchanged.View, w whatchanged.Walk) ([]whatchanged.Reached, error) {
	t, err := x.tier(ctx, v.KnownAt)
	if err != nil {
		return nil, err
	}
	if _, position := t.Horizon(); v.KnownAt.Compare(position) >= 0 {
		return t.Reach(ctx, v, w)
	}
	found, err := fromCold(ctx, x, "reach", v, w, func(ctx context.Context, r *cold.Reader) ([]whatchanged.Reached, error) {
		return r.Reach(ctx, v, w)
	})
	return slices.Clone(found), err
}

// Edges returns the dependency edges that hold in the view and touch any of
// refs with either end.
func (x *Index) Edges(ctx context.Context, v whatchanged.View, refs []whatchanged.Ref, limit int) ([]whatchanged.Edge, error) {
	t, err := x.tier(ctx, v.KnownAt)
	if err != nil {
		return nil, err
	}
	if _, position := t.Horizon(); v.KnownAt.Compare(position) >= 0 {
		return t.Edges(ctx, v, refs, limit)
	}
	args := struct {
		Refs  []whatchanged.Ref
		Limit int
	}{refs, limit}
	found, err := fromCold(ctx, x, "edges", v, args, func(ctx context.Context, r *cold.Reader) ([]whatchanged.Edge, error) {
		return r.Edges(ctx, v, refs, limit)
	})
	return slices.Clone(found), err
}
