package hot

import (
	"context"
	"maps"
	"slices"

	"whatchanged.dev/whatchanged"
)

// forgotten is, of each aspect, the event in force among those that the tier
// has given back, by the number of its entity. Whatever is asked of the tier
// knew of them and came after them, so no other of those can be in force, as
// long as this one stands. It is shared by snapshots and never changes.
type forgotten map[uint32]map[whatchanged.StateKey]*whatchanged.Event

// with returns what is in force when further events are given back.
func (f forgotten) with(events []*whatchanged.Event, n *names) forgotten {
	next := maps.Clone(f)
	if next == nil {
		next = forgotten{}
	}
	cloned := map[uint32]bool{}
	for _, e := range events {
		k, ok := e.StateKey()
		if !ok {
			continue
		}
		i := n.number(e.Entity)
		if !cloned[i] {
			next[i], cloned[i] = maps.Clone(next[i]), true
		}
		if next[i] == nil {
			next[i] = map[whatchanged.StateKey]*whatchanged.Event{}
		}
		if was := next[i][k]; was == nil || was.Key().Compare(e.Key()) < 0 {
			next[i][k] = e
		}
	}
	return next
}

// forget notes what was in force among events that are given back. Those that
// were corrected by a position nobody asks from before it any more.
func (s *snapshot) forget(events []*whatchanged.Event, position whatchanged.Position) {
	v := whatchanged.View{KnownAt: position}
	events = slices.DeleteFunc(events, func(e *whatchanged.Event) bool { return s.corrected(e.ID, e.Revision, v) })
	s.forgotten = s.forgotten.with(events, s.names)
}

// States returns what holds in a view: the event in force of each aspect, in
// the order of their keys. It fails with ErrUnavailable when the tier cannot
// prove that.
func (t *Tier) States(_ context.Context, v whatchanged.View, sel whatchanged.StateSelection) ([]*whatchanged.Event, error) {
	events, ok, err := t.ProvenStates(v, sel)
	if err == nil && !ok {
		err = whatchanged.Errorf(whatchanged.CodeUnavailable, "what holds at %v is not in memory", v.AsOf)
	}
	return events, err
}

// ProvenStates is States for those who can ask elsewhere: ok is false when the
// tier cannot prove what holds, since the view lies before the horizon, or one
// of the events that it gave back was corrected, and what was in force before
// that it does not know.
func (t *Tier) ProvenStates(v whatchanged.View, sel whatchanged.StateSelection) (events []*whatchanged.Event, ok bool, err error) {
	s, err := t.at(v)
	if err != nil {
		return nil, false, err
	}
	if s.stateless || v.KnownAt.Compare(s.known) < 0 || v.AsOf.Before(s.horizon) {
		return nil, false, nil
	}
	found := map[whatchanged.StateKey]*whatchanged.Event{}
	take := func(k whatchanged.StateKey, e *whatchanged.Event) {
		if was := found[k]; was == nil || was.Key().Compare(e.Key()) < 0 {
			found[k] = e
		}
	}
	numbers := s.statesOf(sel)
	s.eachState(v, sel, numbers, take)
	doubted := s.fromForgotten(v, sel, numbers, take)
	for k, e := range doubted {
		if was := found[k]; was == nil || was.Key().Compare(e.Key()) < 0 {
			return nil, false, nil
		}
	}
	return limited(found, sel), true, nil
}

// limited returns the events of a selection's page in order.
func limited(found map[whatchanged.StateKey]*whatchanged.Event, sel whatchanged.StateSelection) []*whatchanged.Event {
	var out []*whatchanged.Event
	for _, k := range slices.SortedFunc(maps.Keys(found), whatchanged.StateKey.Compare) {
		if len(out) < sel.Limit && (sel.After == nil || k.Compare(*sel.After) > 0) {
			out = append(out, found[k])
		}
	}
	return out
}

// statesOf returns the numbers of the entities that a selection is of, nil for
// all.
func (s *snapshot) statesOf(sel whatchanged.StateSelection) []uint32 {
	if len(sel.Entities) == 0 && len(sel.Prefixes) == 0 {
		return nil
	}
	numbers := s.names.known(sel.Entities)
	for _, p := range sel.Prefixes {
		numbers = append(numbers, s.names.beginning(p)...)
	}
	slices.Sort(numbers)
	return slices.Compact(append([]uint32{}, numbers...))
}

func wantsState(sel whatchanged.StateSelection, e *whatchanged.Event) (whatchanged.StateKey, bool) {
	k, ok := e.StateKey()
	return k, ok && (len(sel.Kinds) == 0 || slices.Contains(sel.Kinds, e.Kind))
}

// eachState hands over the held events that a selection is of and a view sees.
func (s *snapshot) eachState(v whatchanged.View, sel whatchanged.StateSelection, numbers []uint32, take func(whatchanged.StateKey, *whatchanged.Event)) {
	until := seen(v, whatchanged.Interval{})
	for _, p := range s.parts {
		hidden := s.hidden(p, v)
		each := func(r run) {
			r = r.within(until)
			for i := range r.len() {
				at := r.place(i)
				if k, ok := wantsState(sel, r.events[at]); ok && sel.Told(r.events[at]) && (hidden == nil || !hidden(at)) {
					take(k, r.events[at])
				}
			}
		}
		if numbers == nil {
			each(run{part: p, to: len(p.events)})
			continue
		}
		for _, n := range numbers {
			if at := p.entities.of(n); len(at) > 0 {
				each(p.posted(at))
			}
		}
	}
}

// fromForgotten hands over what was in force among the events given back, and
// returns those of them that were corrected in the view, or that others told
// than those asked for: what was in force without them is not known.
func (s *snapshot) fromForgotten(v whatchanged.View, sel whatchanged.StateSelection, numbers []uint32, take func(whatchanged.StateKey, *whatchanged.Event)) map[whatchanged.StateKey]*whatchanged.Event {
	doubted := map[whatchanged.StateKey]*whatchanged.Event{}
	each := func(of map[whatchanged.StateKey]*whatchanged.Event) {
		for k, e := range of {
			if _, ok := wantsState(sel, e); !ok {
				continue
			}
			if s.corrected(e.ID, e.Revision, v) || !sel.Told(e) {
				doubted[k] = e
				continue
			}
			take(k, e)
		}
	}
	if numbers == nil {
		for _, of := range s.forgotten {
			each(of)
		}
		return doubted
	}
	for _, n := range numbers {
		each(s.forgotten[n])
	}
	return doubted
}
