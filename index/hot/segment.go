package hot

import (
	"slices"
	"sort"
	"time"

	"whatchanged.dev/whatchanged"
)

// A segment is an immutable run of events in order of time, with postings: for
// each entity and each id, where its events stand in the run. New events come
// as small segments; compaction merges them.
type segment struct {
	events   []*whatchanged.Event // by Key
	byEntity map[whatchanged.Ref][]int32
	byID     map[string][]int32
	last     whatchanged.Position // the highest position in it
}

func newSegment(events []*whatchanged.Event) *segment {
	slices.SortFunc(events, func(a, b *whatchanged.Event) int { return a.Key().Compare(b.Key()) })
	s := &segment{events: events, byEntity: make(map[whatchanged.Ref][]int32), byID: make(map[string][]int32, len(events))}
	for i, e := range events {
		s.byEntity[e.Entity] = append(s.byEntity[e.Entity], int32(i))
		s.byID[e.ID] = append(s.byID[e.ID], int32(i))
		if e.Position.Compare(s.last) > 0 {
			s.last = e.Position
		}
	}
	return s
}

// mergeSegments makes one segment of several.
func mergeSegments(segments []*segment) *segment {
	n := 0
	for _, s := range segments {
		n += len(s.events)
	}
	all := make([]*whatchanged.Event, 0, n)
	for _, s := range segments {
		all = append(all, s.events...)
	}
	return newSegment(all)
}

// A run is a stretch of a segment's events in order of time: all of those
// between two places, or the ones that a posting list names.
type run struct {
	events []*whatchanged.Event
	at     []int32 // nil: every event
}

func (r run) len() int {
	if r.at != nil {
		return len(r.at)
	}
	return len(r.events)
}

func (r run) event(i int) *whatchanged.Event {
	if r.at != nil {
		return r.events[r.at[i]]
	}
	return r.events[i]
}

// within narrows r to the events that took effect in i.
func (r run) within(i whatchanged.Interval) run {
	from := sort.Search(r.len(), func(n int) bool { return !r.event(n).EffectiveAt.Before(i.From) })
	to := sort.Search(r.len(), func(n int) bool { return !r.event(n).EffectiveAt.Before(i.To) })
	return r.slice(from, max(from, to))
}

func (r run) slice(from, to int) run {
	if r.at != nil {
		return run{r.events, r.at[from:to]}
	}
	return run{r.events[from:to], nil}
}

// runs returns where in the segment the selection's events stand.
func (s *segment) runs(sel whatchanged.Selection) []run {
	var out []run
	add := func(at []int32) {
		if r := (run{s.events, at}).within(sel.Interval); len(at) > 0 && r.len() > 0 {
			out = append(out, r)
		}
	}
	switch {
	case len(sel.IDs) > 0:
		for _, id := range sel.IDs {
			add(s.on(s.byID[id], sel.Entities))
		}
	case len(sel.Entities) > 0:
		for _, ref := range sel.Entities {
			add(s.byEntity[ref])
		}
	default:
		if r := (run{events: s.events}).within(sel.Interval); r.len() > 0 {
			out = append(out, r)
		}
	}
	return out
}

// on narrows a posting list to the events on any of the entities; none asks
// nothing.
func (s *segment) on(at []int32, entities []whatchanged.Ref) []int32 {
	if len(entities) == 0 {
		return at
	}
	return slices.DeleteFunc(slices.Clone(at), func(i int32) bool { return !slices.Contains(entities, s.events[i].Entity) })
}

// keep returns the segment without the events that are before both horizons.
func (s *segment) keep(horizon time.Time, position whatchanged.Position) *segment {
	kept := make([]*whatchanged.Event, 0, len(s.events))
	for _, e := range s.events {
		if !e.EffectiveAt.Before(horizon) || e.Position.Compare(position) > 0 {
			kept = append(kept, e)
		}
	}
	if len(kept) == len(s.events) {
		return s
	}
	return newSegment(kept)
}
