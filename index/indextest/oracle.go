package indextest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// An Oracle answers from a list of deliveries by plain loops, as directly as
// the meaning of each read can be written down. It is slow and shares nothing
// with the tiers it is compared with. The deliveries come in order.
type Oracle []whatchanged.Delivery

// Watermark implements [Index].
func (o Oracle) Watermark(context.Context) (whatchanged.Watermark, error) {
	if len(o) == 0 {
		return whatchanged.Watermark{}, nil
	}
	last := o[len(o)-1]
	return whatchanged.Watermark{Position: whatchanged.At(last.Sequence), At: last.ReceivedAt}, nil
}

// PositionAt implements [Index].
func (o Oracle) PositionAt(_ context.Context, t time.Time) (p whatchanged.Position, _ error) {
	for _, d := range o {
		if d.ReceivedAt.Before(t) {
			p = whatchanged.At(d.Sequence)
		}
	}
	return p, nil
}

// stale is the refusal of a view that sees beyond the last delivery.
func (o Oracle) stale(v whatchanged.View) error {
	if w, _ := o.Watermark(context.Background()); v.KnownAt.Sequence > w.Position.Sequence {
		return whatchanged.Errorf(whatchanged.CodeStale, "not yet seen")
	}
	return nil
}

// told returns every event known in a view, in the order of positions.
func (o Oracle) told(v whatchanged.View) (all []whatchanged.Event) {
	for _, d := range o {
		for _, e := range d.Events {
			if e.Position.Compare(v.KnownAt) <= 0 {
				all = append(all, e)
			}
		}
	}
	return all
}

// Following implements [Index].
func (o Oracle) Following(_ context.Context, after whatchanged.Position, limit int) ([]*whatchanged.Event, whatchanged.Position, error) {
	w, err := o.Watermark(context.Background())
	upTo := w.Position
	var found []*whatchanged.Event
	for _, e := range o.told(whatchanged.View{KnownAt: upTo}) {
		if e.Position.Compare(after) > 0 && len(found) < limit {
			found = append(found, &e)
		}
	}
	if len(found) == limit {
		upTo = found[limit-1].Position
	}
	return found, upTo, err
}

// seen returns the events of a view in the order of time: of each id the last
// revision known, if it took effect.
func (o Oracle) seen(v whatchanged.View) (all []whatchanged.Event) {
	last := map[string]int{}
	for _, e := range o.told(v) {
		last[e.ID] = max(last[e.ID], e.Revision)
	}
	for _, e := range o.told(v) {
		if e.Revision == last[e.ID] && !e.EffectiveAt.After(v.AsOf) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b whatchanged.Event) int { return a.Key().Compare(b.Key()) })
	return all
}

// Changes implements [Index].
func (o Oracle) Changes(_ context.Context, v whatchanged.View, s whatchanged.Selection) (p whatchanged.Page, _ error) {
	for _, e := range o.seen(v) {
		switch {
		case len(s.Entities) > 0 && !slices.Contains(s.Entities, e.Entity):
		case len(s.IDs) > 0 && !slices.Contains(s.IDs, e.ID):
		case len(s.Kinds) > 0 && !slices.Contains(s.Kinds, e.Kind):
		case s.Steps && e.Rollout == nil:
		case s.Interval != whatchanged.Interval{} && !s.Interval.Contains(e.EffectiveAt):
		case s.Seen != whatchanged.Interval{} && !s.Seen.Contains(e.SeenAt):
		default:
			p.Events = append(p.Events, &e)
		}
	}
	p.Total = len(p.Events)
	if s.Descending {
		slices.Reverse(p.Events)
	}
	for s.After != nil && len(p.Events) > 0 {
		order := p.Events[0].Key().Compare(*s.After)
		if s.Descending {
			order = -order
		}
		if order > 0 {
			break
		}
		p.Events = p.Events[1:]
	}
	p.Events = p.Events[:min(s.Limit, len(p.Events))]
	return p, o.stale(v)
}

// ChangesOfEach implements [Index].
func (o Oracle) ChangesOfEach(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (all []whatchanged.Page, _ error) {
	for _, ref := range s.Entities {
		one := s
		one.Entities = []whatchanged.Ref{ref}
		p, _ := o.Changes(ctx, v, one)
		all = append(all, p)
	}
	return all, o.stale(v)
}

// States implements [Index].
func (o Oracle) States(_ context.Context, v whatchanged.View, s whatchanged.StateSelection) (all []*whatchanged.Event, _ error) {
	last := map[whatchanged.StateKey]*whatchanged.Event{}
	for _, e := range o.seen(v) { // in the order of time
		if k, ok := e.StateKey(); ok && s.Of(e.Entity) && s.Told(&e) && (len(s.Kinds) == 0 || slices.Contains(s.Kinds, e.Kind)) {
			last[k] = &e
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(last), whatchanged.StateKey.Compare) {
		if len(all) < s.Limit && (s.After == nil || k.Compare(*s.After) > 0) {
			all = append(all, last[k])
		}
	}
	return all, o.stale(v)
}

// Mentions implements [Index].
func (o Oracle) Mentions(_ context.Context, v whatchanged.View, m whatchanged.Mention) (p whatchanged.Page, _ error) {
	for _, e := range o.seen(v) {
		if carries(e, strings.TrimSpace(m.Text)) && (m.Interval == whatchanged.Interval{} || m.Interval.Contains(e.EffectiveAt)) {
			p.Events = append(p.Events, &e)
		}
	}
	p.Total = len(p.Events)
	slices.Reverse(p.Events)
	p.Events = p.Events[:min(m.Limit, len(p.Events))]
	return p, o.stale(v)
}

func carries(e whatchanged.Event, text string) bool {
	if text == "" {
		return false
	}
	if e.ID == text || e.Version == text {
		return true
	}
	hexadecimal := true
	for _, c := range text {
		hexadecimal = hexadecimal && strings.ContainsRune("0123456789abcdefABCDEF", c)
	}
	for _, c := range e.Commits {
		if hexadecimal && len(text) >= 7 && strings.HasPrefix(c, text) {
			return true
		}
	}
	for _, word := range strings.Fields(text) {
		if !strings.Contains(strings.ToLower(e.Summary), strings.ToLower(word)) {
			return false
		}
	}
	return true
}

// Entities implements [Index].
func (o Oracle) Entities(_ context.Context, v whatchanged.View, s whatchanged.EntitySelection) (all []whatchanged.EntityRecord, _ error) {
	first := map[whatchanged.Ref]whatchanged.Position{}
	for _, e := range slices.Backward(o.told(v)) {
		first[e.Entity] = e.Position
		if e.Dependency != nil {
			first[e.Dependency.To] = e.Position
		}
	}
	for ref, p := range first {
		switch {
		case len(s.Refs) > 0 && !slices.Contains(s.Refs, ref):
		case len(s.Kinds) > 0 && !slices.Contains(s.Kinds, ref.Kind):
		case !strings.Contains(ref.String(), strings.ToLower(s.Text)):
		default:
			all = append(all, whatchanged.EntityRecord{Ref: ref, FirstKnown: p})
		}
	}
	slices.SortFunc(all, func(a, b whatchanged.EntityRecord) int { return a.Ref.Compare(b.Ref) })
	return all[:min(s.Limit, len(all))], o.stale(v)
}

// edges returns the edges that hold in a view, in order.
func (o Oracle) edges(v whatchanged.View) (all []whatchanged.Edge) {
	for _, e := range o.seen(v) { // in the order of time, so the last one counts
		if e.Dependency == nil {
			continue
		}
		told := whatchanged.Edge{From: e.Entity, To: e.Dependency.To, Evidence: e.Dependency.Evidence, Since: e.EffectiveAt, ID: e.ID, Position: e.Position}
		all = slices.DeleteFunc(all, func(was whatchanged.Edge) bool {
			return was.From == told.From && was.To == told.To && was.Evidence == told.Evidence
		})
		if !e.Dependency.Removed {
			all = append(all, told)
		}
	}
	slices.SortFunc(all, func(a, b whatchanged.Edge) int {
		return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To), cmp.Compare(a.Evidence, b.Evidence))
	})
	return all
}

// Edges implements [Index].
func (o Oracle) Edges(_ context.Context, v whatchanged.View, refs []whatchanged.Ref, limit int) (all []whatchanged.Edge, _ error) {
	for _, e := range o.edges(v) {
		if slices.Contains(refs, e.From) || slices.Contains(refs, e.To) {
			all = append(all, e)
		}
	}
	return all[:min(limit, len(all))], o.stale(v)
}

// neighbours returns, in order, what one step from a reference leads to.
func (o Oracle) neighbours(v whatchanged.View, from whatchanged.Ref, d whatchanged.Direction) []whatchanged.Ref {
	found := map[whatchanged.Ref]bool{}
	for _, e := range o.edges(v) {
		if d == whatchanged.Dependents {
			e.From, e.To = e.To, e.From
		}
		if e.From == from {
			found[e.To] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), whatchanged.Ref.Compare)
}

// Reach implements [Index]. It takes entities off a queue, and since each
// level of the queue is sorted, the first to lead somewhere is the first by
// reference.
func (o Oracle) Reach(_ context.Context, v whatchanged.View, w whatchanged.Walk) (all []whatchanged.Reached, _ error) {
	visited := map[whatchanged.Ref]bool{}
	var level []whatchanged.Reached
	for _, from := range slices.SortedFunc(slices.Values(w.From), whatchanged.Ref.Compare) {
		if !visited[from] {
			visited[from] = true
			level = append(level, whatchanged.Reached{Ref: from, Path: []whatchanged.Ref{from}})
		}
	}
	for hop := 1; hop <= w.Hops; hop++ {
		var next []whatchanged.Reached
		for _, at := range level {
			for _, ref := range o.neighbours(v, at.Ref, w.Direction) {
				if !visited[ref] {
					visited[ref] = true
					next = append(next, whatchanged.Reached{Ref: ref, Hops: hop, Direction: w.Direction, Path: append(slices.Clone(at.Path), ref)})
				}
			}
		}
		slices.SortFunc(next, func(a, b whatchanged.Reached) int { return a.Ref.Compare(b.Ref) })
		all, level = append(all, next...), next
	}
	return all[:min(w.Limit, len(all))], o.stale(v)
}

// Sources implements [Index].
func (o Oracle) Sources(_ context.Context, v whatchanged.View, i whatchanged.Interval) (all []whatchanged.SourceArrivals, _ error) {
	by := map[string]*whatchanged.SourceArrivals{}
	for _, d := range o {
		if d.Sequence > v.KnownAt.Sequence {
			continue
		}
		if by[d.Source] == nil {
			by[d.Source] = &whatchanged.SourceArrivals{Source: d.Source}
		}
		if s := by[d.Source]; d.ReceivedAt.Before(i.To) {
			arrive(s, d, i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		all = append(all, *by[name])
	}
	return all, o.stale(v)
}

func arrive(s *whatchanged.SourceArrivals, d whatchanged.Delivery, i whatchanged.Interval) {
	to := &s.Told
	switch d.Type {
	case whatchanged.DeliveryConnected, whatchanged.DeliveryFollows, whatchanged.DeliveryLost, whatchanged.DeliveryStopped:
		s.Connection = &whatchanged.Connection{Report: d.Type, At: d.ReceivedAt}
		return
	case whatchanged.DeliveryRan:
		to = &s.Runs
	}
	if to.Last != nil && !to.Last.Before(whatchanged.GapsSince(i.To)) {
		if to.Gaps == nil {
			to.Gaps = whatchanged.Gaps{}
		}
		to.Gaps[whatchanged.GapSeconds(d.ReceivedAt.Sub(*to.Last))]++
	}
	to.Last = &d.ReceivedAt
	if i.Contains(d.ReceivedAt) {
		to.Count++
		if d.Outcome == whatchanged.Rejected {
			s.Rejected++
		}
	}
}

// Tellers implements [Index].
func (o Oracle) Tellers(_ context.Context, v whatchanged.View, refs []whatchanged.Ref) ([]string, error) {
	names := map[string]bool{}
	for _, e := range o.told(v) {
		if slices.Contains(refs, e.Entity) || e.Dependency != nil && slices.Contains(refs, e.Dependency.To) {
			names[e.Source] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), o.stale(v)
}

// Deliveries implements [Index].
func (o Oracle) Deliveries(_ context.Context, v whatchanged.View, sequences []uint64) (all []whatchanged.Delivery, _ error) {
	for _, d := range o {
		if slices.Contains(sequences, d.Sequence) && d.Sequence <= v.KnownAt.Sequence {
			d.Events = nil
			all = append(all, d)
		}
	}
	return all, o.stale(v)
}
