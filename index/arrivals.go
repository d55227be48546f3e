package index

import (
	"context"
	"maps"
	"slices"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold"
)

// Sources says what arrived of each source, for an interval of arrival. All but
// the counts before the hot horizon is in memory, unless the interval ends, or
// what is known does, before it.
func (x *Index) Sources(ctx context.Context, v whatchanged.View, i whatchanged.Interval) ([]whatchanged.SourceArrivals, error) {
	t, err := x.tier(ctx, v.KnownAt)
	if err != nil {
		return nil, err
	}
	if t.Covers(v, i) {
		return t.Sources(ctx, v, i)
	}
	horizon, position := t.Horizon()
	if v.KnownAt.Compare(position) < 0 {
		before, err := x.coldSources(ctx, v, i)
		return slices.Clone(before), err
	}
	heard, err := t.Sources(ctx, v, whatchanged.Interval{From: horizon, To: later(i.To, horizon)})
	if err != nil {
		return nil, err
	}
	// What arrived before the horizon stands up to this position, so that the
	// question to the cold tier stays the same while new deliveries come.
	last, err := t.PositionAt(ctx, horizon)
	if err != nil {
		return nil, err
	}
	if last.Compare(v.KnownAt) < 0 {
		v.KnownAt = last
	}
	before, err := x.coldSources(ctx, v, whatchanged.Interval{From: i.From, To: earlier(i.To, horizon)})
	return addUp(before, heard, i.To.Before(horizon)), err
}

// Tellers returns the names of the sources that ever told of any of refs. The
// hot tier has them all.
func (x *Index) Tellers(ctx context.Context, v whatchanged.View, refs []whatchanged.Ref) ([]string, error) {
	t, err := x.tier(ctx, v.KnownAt)
	if err != nil {
		return nil, err
	}
	return t.Tellers(ctx, v, refs)
}

func (x *Index) coldSources(ctx context.Context, v whatchanged.View, i whatchanged.Interval) ([]whatchanged.SourceArrivals, error) {
	v = arrivals(v)
	return fromCold(ctx, x, "sources", v, i, func(ctx context.Context, r *cold.Reader) ([]whatchanged.SourceArrivals, error) {
		return r.Sources(ctx, v, i)
	})
}

// arrivals returns a view of what arrived: when that took effect is not asked.
func arrivals(v whatchanged.View) whatchanged.View {
	return whatchanged.View{KnownAt: whatchanged.At(v.KnownAt.Sequence), Visibility: v.Visibility}
}

// addUp adds the counts from before the horizon to what is known from it on.
// Of an interval that ended before it, only the names are known from it on.
func addUp(before, from []whatchanged.SourceArrivals, ended bool) []whatchanged.SourceArrivals {
	out := slices.Clone(from)
	for i := range out {
		s := &out[i]
		if ended {
			*s = whatchanged.SourceArrivals{Source: s.Source}
		}
		n := slices.IndexFunc(before, func(b whatchanged.SourceArrivals) bool { return b.Source == s.Source })
		switch {
		case n < 0:
		case ended:
			*s = before[n]
		default:
			b := &before[n]
			s.Told.Count, s.Runs.Count, s.Rejected = s.Told.Count+b.Told.Count, s.Runs.Count+b.Runs.Count, s.Rejected+b.Rejected
		}
	}
	return out
}

// Deliveries returns stored deliveries with their bodies. Memory does not keep
// bodies; those that the cold tier cannot tell of now may still be in the log.
func (x *Index) Deliveries(ctx context.Context, v whatchanged.View, sequences []uint64) ([]whatchanged.Delivery, error) {
	if _, err := x.tier(ctx, v.KnownAt); err != nil || len(sequences) == 0 {
		return nil, err
	}
	need := arrivals(v)
	need.KnownAt.Sequence = min(v.KnownAt.Sequence, slices.Max(sequences))
	found, err := fromCold(ctx, x, "deliveries", need, sequences, func(ctx context.Context, r *cold.Reader) ([]whatchanged.Delivery, error) {
		return r.Deliveries(ctx, need, sequences)
	})
	if err == nil {
		return slices.Clone(found), nil
	}
	if logged, ok := x.logged(ctx, need, sequences); ok {
		return logged, nil
	}
	return nil, err
}

// logged reads deliveries from the change log; ok is false when it no longer
// has one of them.
func (x *Index) logged(ctx context.Context, v whatchanged.View, sequences []uint64) (all []whatchanged.Delivery, ok bool) {
	for _, n := range slices.Compact(slices.Sorted(slices.Values(sequences))) {
		if n > v.KnownAt.Sequence {
			break
		}
		found, err := x.config.Log.Read(ctx, n, n+1)
		if err != nil || len(found) == 0 {
			return nil, false
		}
		found[0].Events = nil
		all = append(all, found[0])
	}
	return all, true
}

// Recent returns the positions of the events of these identities that memory
// holds.
func (x *Index) Recent(identities []string) map[string]whatchanged.Position {
	known := map[string]whatchanged.Position{}
	t := x.hot.Load()
	if t == nil {
		return known
	}
	for _, identity := range identities {
		if p, ok := t.Known(identity); ok {
			known[identity] = p
		}
	}
	return known
}

// Known returns the positions of the events of these identities that are
// stored: recent ones from memory, the rest in one read.
func (x *Index) Known(ctx context.Context, identities []string) (map[string]whatchanged.Position, error) {
	known := x.Recent(identities)
	rest := slices.DeleteFunc(slices.Clone(identities), func(id string) bool { _, ok := known[id]; return ok })
	if len(rest) == 0 {
		return known, nil
	}
	w := x.writer.Load()
	if w == nil {
		return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "ClickHouse is not there yet; send again")
	}
	more, err := w.Known(ctx, rest)
	maps.Copy(known, more)
	return known, err
}
