package index

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold"
	"whatchanged.dev/whatchanged/index/hot"
)

// patience is how long a read waits for the cold tier to store what the hot
// tier has already seen.
const patience = 3 * time.Second

// tier returns the hot tier, without which nothing is answered.
func (x *Index) tier() (*hot.Tier, error) {
	if t := x.hot.Load(); t != nil {
		return t, nil
	}
	return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "the index is still loading; ask again")
}

// Watermark returns how far this process has read the change log.
func (x *Index) Watermark(ctx context.Context) (whatchanged.Watermark, error) {
	t, err := x.tier()
	if err != nil {
		return whatchanged.Watermark{}, err
	}
	return t.Watermark(ctx)
}

// Await returns once p has been seen.
func (x *Index) Await(ctx context.Context, p whatchanged.Position) error {
	t, err := x.tier()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return t.Await(ctx, p)
}

// PositionAt returns the last position stored before at.
func (x *Index) PositionAt(ctx context.Context, at time.Time) (whatchanged.Position, error) {
	t, err := x.tier()
	if err != nil {
		return whatchanged.Position{}, err
	}
	if horizon, _ := t.Horizon(); !at.Before(horizon) {
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
	t, err := x.tier()
	if err != nil {
		return whatchanged.Page{}, err
	}
	if s.IDs != nil {
		if _, position := t.Horizon(); v.KnownAt.Compare(position) >= 0 && t.Holds(v, s.IDs) {
			return t.Changes(ctx, v, s)
		}
		return x.coldChanges(ctx, v, s)
	}
	old, recent, whole := split(t, v, s.Interval)
	if whole {
		return x.coldChanges(ctx, v, s)
	}
	var parts [2]whatchanged.Page
	if s.Interval = recent; !recent.Empty() {
		if parts[0], err = t.Changes(ctx, v, s); err != nil {
			return whatchanged.Page{}, err
		}
	}
	if s.Interval = old; !old.Empty() {
		if parts[1], err = x.coldChanges(ctx, settled(t, v, old.To), s); err != nil {
			return whatchanged.Page{}, err
		}
	}
	if !s.Descending {
		slices.Reverse(parts[:])
	}
	return joinPages(parts, s.Limit), nil
}

// split cuts an interval at the hot horizon: before it the cold tier answers,
// from it on the hot tier. whole says that the hot tier cannot help at all,
// because the view lies before its horizon.
func split(t *hot.Tier, v whatchanged.View, i whatchanged.Interval) (old, recent whatchanged.Interval, whole bool) {
	horizon, position := t.Horizon()
	if v.KnownAt.Compare(position) < 0 {
		return i, whatchanged.Interval{}, true
	}
	old, recent = i, i
	if old.To.After(horizon) {
		old.To = horizon
	}
	if recent.From.Before(horizon) {
		recent.From = horizon
	}
	return old, recent, false
}

// settled narrows a view of what took effect before end, at or before the hot
// horizon, to the last position that touched that past. Both see the same, but
// this one stays the same while new events stream in.
func settled(t *hot.Tier, v whatchanged.View, end time.Time) whatchanged.View {
	if p := t.Repaired(); v.KnownAt.Compare(p) > 0 {
		v.KnownAt = p
	}
	if v.AsOf.After(end) {
		v.AsOf = end
	}
	return v
}

// joinPages puts the second page behind the first.
func joinPages(parts [2]whatchanged.Page, limit int) whatchanged.Page {
	all := slices.Concat(parts[0].Events, parts[1].Events)
	return whatchanged.Page{Events: all[:min(len(all), limit)], Total: parts[0].Total + parts[1].Total}
}

func (x *Index) coldChanges(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error) {
	return fromCold(ctx, x, "changes", v, s, func(ctx context.Context, r *cold.Reader) (whatchanged.Page, error) {
		return r.Changes(ctx, v, s)
	})
}

// Mentions returns the events that carry a text, latest first.
func (x *Index) Mentions(ctx context.Context, v whatchanged.View, m whatchanged.Mention) (whatchanged.Page, error) {
	t, err := x.tier()
	if err != nil {
		return whatchanged.Page{}, err
	}
	read := func(v whatchanged.View, m whatchanged.Mention) (whatchanged.Page, error) {
		return fromCold(ctx, x, "mentions", v, m, func(ctx context.Context, r *cold.Reader) (whatchanged.Page, error) {
			return r.Mentions(ctx, v, m)
		})
	}
	old, recent, whole := split(t, v, m.Interval)
	if whole {
		return read(v, m)
	}
	var parts [2]whatchanged.Page
	if m.Interval = recent; !recent.Empty() {
		if parts[0], err = t.Mentions(ctx, v, m); err != nil {
			return whatchanged.Page{}, err
		}
	}
	if m.Interval = old; !old.Empty() {
		if parts[1], err = read(settled(t, v, old.To), m); err != nil {
			return whatchanged.Page{}, err
		}
	}
	return joinPages(parts, m.Limit), nil
}

// Entities returns the entities of a selection.
func (x *Index) Entities(ctx context.Context, v whatchanged.View, s whatchanged.EntitySelection) ([]whatchanged.EntityRecord, error) {
	t, err := x.tier()
	if err != nil {
		return nil, err
	}
	if _, position := t.Horizon(); v.KnownAt.Compare(position) >= 0 {
		return t.Entities(ctx, v, s)
	}
	return fromCold(ctx, x, "entities", v, s, func(ctx context.Context, r *cold.Reader) ([]whatchanged.EntityRecord, error) {
		return r.Entities(ctx, v, s)
	})
}

// Reach follows the dependency edges that hold in the view.
func (x *Index) Reach(ctx context.Context, v whatchanged.View, w whatchanged.Walk) ([]whatchanged.Reached, error) {
	t, err := x.tier()
	if err != nil {
		return nil, err
	}
	if _, position := t.Horizon(); v.KnownAt.Compare(position) >= 0 {
		return t.Reach(ctx, v, w)
	}
	return fromCold(ctx, x, "reach", v, w, func(ctx context.Context, r *cold.Reader) ([]whatchanged.Reached, error) {
		return r.Reach(ctx, v, w)
	})
}

// Sources says how each source was heard in an interval of arrival.
func (x *Index) Sources(ctx context.Context, v whatchanged.View, i whatchanged.Interval) ([]whatchanged.SourceCoverage, error) {
	t, err := x.tier()
	if err != nil {
		return nil, err
	}
	read := func(v whatchanged.View) ([]whatchanged.SourceCoverage, error) {
		return fromCold(ctx, x, "sources", v, i, func(ctx context.Context, r *cold.Reader) ([]whatchanged.SourceCoverage, error) {
			return r.Sources(ctx, v, i)
		})
	}
	old, recent, whole := split(t, v, i)
	if whole {
		return read(v)
	}
	heard, err := t.Sources(ctx, v, recent)
	if err != nil || old.Empty() {
		return heard, err
	}
	_, v.KnownAt = t.Horizon() // what arrived before the horizon stands before this
	before, err := read(v)
	return addUp(before, heard), err
}

// addUp joins what was heard before the horizon and from it on.
func addUp(before, from []whatchanged.SourceCoverage) []whatchanged.SourceCoverage {
	out := slices.Clone(from)
	for _, b := range before {
		i := slices.IndexFunc(out, func(s whatchanged.SourceCoverage) bool { return s.Source == b.Source })
		if i < 0 {
			out = append(out, b)
			continue
		}
		s := &out[i]
		s.Deliveries, s.Rejected = s.Deliveries+b.Deliveries, s.Rejected+b.Rejected
		if s.State != whatchanged.CoverageHeard {
			s.State = b.State
		}
	}
	slices.SortFunc(out, func(a, b whatchanged.SourceCoverage) int { return cmp.Compare(a.Source, b.Source) })
	return out
}

// Deliveries returns stored deliveries with their bodies, which only the cold
// tier has.
func (x *Index) Deliveries(ctx context.Context, v whatchanged.View, sequences []uint64) ([]whatchanged.Delivery, error) {
	need := v
	need.KnownAt = whatchanged.At(min(v.KnownAt.Sequence, slices.Max(append(sequences, 0))))
	return fromCold(ctx, x, "deliveries", need, sequences, func(ctx context.Context, r *cold.Reader) ([]whatchanged.Delivery, error) {
		return r.Deliveries(ctx, need, sequences)
	})
}

// history returns the cold tier.
func (x *Index) history() (*cold.Reader, error) {
	if r := x.reader.Load(); r != nil {
		return r, nil
	}
	return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "ClickHouse is not there yet; ask again")
}

// fromCold reads from the cold tier, through the cache. It waits a little for
// the cold tier to store what the view may see.
func fromCold[T any](ctx context.Context, x *Index, name string, v whatchanged.View, args any, read func(context.Context, *cold.Reader) (T, error)) (T, error) {
	r, err := x.history()
	if err != nil {
		var none T
		return none, err
	}
	key := struct {
		View whatchanged.View
		Args any
	}{v, args}
	return through(ctx, x.cache, name, key, func(ctx context.Context) (T, error) {
		ctx, cancel := context.WithTimeout(ctx, patience+deadline)
		defer cancel()
		late := time.After(patience)
		for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
			out, err := read(ctx, r)
			if !errors.Is(err, whatchanged.ErrStale) {
				return out, err
			}
			select {
			case <-time.After(wait):
			case <-late:
				return out, err
			case <-ctx.Done():
				return out, err
			}
		}
	})
}

// Known returns the positions of the events of these identities that are
// stored, as ingest needs it: recent ones from memory, the rest in one read.
func (x *Index) Known(ctx context.Context, identities []string) (map[string]whatchanged.Position, error) {
	known := map[string]whatchanged.Position{}
	var rest []string
	t := x.hot.Load()
	for _, identity := range identities {
		if t != nil {
			if p, ok := t.Known(identity); ok {
				known[identity] = p
				continue
			}
		}
		rest = append(rest, identity)
	}
	if len(rest) == 0 {
		return known, nil
	}
	w := x.writer.Load()
	if w == nil {
		return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "ClickHouse is not there yet; send again")
	}
	more, err := w.Known(ctx, rest)
	for identity, p := range more {
		known[identity] = p
	}
	return known, err
}
