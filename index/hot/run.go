package hot

import (
	"cmp"
	"slices"
	"sort"

	"whatchanged.dev/whatchanged"
)

// A run is a stretch of a part's events in order of time: all of those from
// one place to another, or the ones that a posting list names.
type run struct {
	part
	places   []int32 // nil: every event in [from, to)
	from, to int
}

func (r *run) len() int { return r.to - r.from }

// place returns where in the segment the run's event i stands.
func (r *run) place(i int) int {
	if r.places != nil {
		return int(r.places[r.from+i])
	}
	return r.from + i
}

// search returns the first i whose place fulfils what all later ones do, too.
func (r *run) search(f func(place int) bool) int {
	return sort.Search(r.len(), func(i int) bool { return f(r.place(i)) })
}

// within narrows r to the events that took effect in i.
func (r run) within(i whatchanged.Interval) run {
	from, to := i.From.UnixMicro(), i.To.UnixMicro()
	first := r.search(func(p int) bool { return r.effective[p] >= from })
	last := r.search(func(p int) bool { return r.effective[p] >= to })
	r.from, r.to = r.from+first, r.from+max(first, last)
	return r
}

// posted is the run of a posting list.
func (p part) posted(at []int32) run { return run{part: p, places: at, to: len(at)} }

// runs returns where in the part the selection's events stand; entities are
// the numbers of the selection's.
func (p part) runs(sel whatchanged.Selection, entities []uint32) []run {
	var out []run
	add := func(r run) {
		if r = r.within(sel.Interval); r.len() > 0 {
			out = append(out, r)
		}
	}
	switch {
	case len(sel.IDs) > 0:
		for _, id := range sel.IDs {
			at := p.withID(id)
			if len(sel.Entities) > 0 {
				at = slices.DeleteFunc(slices.Clone(at), func(i int32) bool { return !slices.Contains(sel.Entities, p.events[i].Entity) })
			}
			if len(at) > 0 {
				add(p.posted(at))
			}
		}
	case len(sel.Entities) > 0:
		for _, n := range entities {
			if at := p.entities.of(n); len(at) > 0 {
				add(p.posted(at))
			}
		}
	default:
		add(run{part: p, to: len(p.events)})
	}
	return out
}

// hidden says which places of a part a view does not see; nil if it sees all.
func (s *snapshot) hidden(p part, v whatchanged.View) func(place int) bool {
	known := p.last.Compare(v.KnownAt) <= 0
	if known && len(p.corrected) == 0 {
		return nil
	}
	return func(place int) bool {
		if !known && (p.sequence[place] > v.KnownAt.Sequence || p.events[place].Position.Compare(v.KnownAt) > 0) {
			return true
		}
		if _, ok := slices.BinarySearch(p.corrected, int32(place)); !ok {
			return false
		}
		e := p.events[place]
		return s.corrected(e.ID, e.Revision, v)
	}
}

// count returns how many events of a run a view sees.
func (s *snapshot) count(r run, v whatchanged.View) int {
	hidden := s.hidden(r.part, v)
	n := r.len()
	switch {
	case hidden == nil:
	case r.places == nil && r.last.Compare(v.KnownAt) <= 0: // only what was corrected may be hidden
		from, _ := slices.BinarySearch(r.corrected, int32(r.from))
		to, _ := slices.BinarySearch(r.corrected, int32(r.to))
		for _, p := range r.corrected[from:to] {
			if hidden(int(p)) {
				n--
			}
		}
	default:
		for i := range r.len() {
			if hidden(r.place(i)) {
				n--
			}
		}
	}
	return n
}

// only narrows r to the events that a view sees and that are wanted.
func (s *snapshot) only(r run, v whatchanged.View, wanted func(*whatchanged.Event) bool) run {
	hidden := s.hidden(r.part, v)
	kept := []int32{}
	for i := range r.len() {
		if at := r.place(i); wanted(r.events[at]) && (hidden == nil || !hidden(at)) {
			kept = append(kept, int32(at))
		}
	}
	return r.posted(kept)
}

// A cursor steps through the visible events of a run in either direction.
type cursor struct {
	run
	hidden     func(place int) bool
	descending bool
	i, end, by int
	placed     int   // where in the segment it stands
	at         int64 // when that took effect
}

// cursor starts behind sel.After; ok is false when nothing is left.
func (s *snapshot) cursor(r run, v whatchanged.View, sel whatchanged.Selection) (c cursor, ok bool) {
	c = cursor{run: r, hidden: s.hidden(r.part, v), i: -1, end: r.len(), by: 1, descending: sel.Descending}
	if sel.Descending {
		c.i, c.end, c.by = r.len(), -1, -1
	}
	if sel.After != nil {
		c.i = r.search(func(p int) bool { return r.events[p].Key().Compare(*sel.After) >= 0 })
		if at := c.i; !sel.Descending && (at == r.len() || r.events[r.place(at)].Key().Compare(*sel.After) != 0) {
			c.i--
		}
	}
	return c, c.step()
}

// step goes to the next visible event.
func (c *cursor) step() bool {
	for c.i += c.by; c.i != c.end; c.i += c.by {
		c.placed = c.place(c.i)
		if c.hidden == nil || !c.hidden(c.placed) {
			c.at = c.effective[c.placed]
			return true
		}
	}
	return false
}

// before reports whether c's event comes before d's in the order asked for.
func (c *cursor) before(d *cursor) bool {
	order := cmp.Compare(c.at, d.at)
	if order == 0 {
		order = c.compare(c.placed, d.segment, d.placed)
	}
	return order < 0 != c.descending && order != 0
}

// merge interleaves runs in the order the selection asks for, up to its limit;
// total is how many events there are in all.
func (s *snapshot) merge(runs []run, v whatchanged.View, sel whatchanged.Selection, total int) []*whatchanged.Event {
	if sel.Limit == 0 {
		return nil
	}
	cursors := make([]cursor, 0, len(runs))
	for _, r := range runs {
		if c, ok := s.cursor(r, v, sel); ok {
			cursors = append(cursors, c)
		}
	}
	h := make(heap, len(cursors))
	for i := range cursors {
		h[i] = &cursors[i]
	}
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.sink(i)
	}
	out := make([]*whatchanged.Event, 0, min(sel.Limit, total))
	for len(h) > 0 && len(out) < sel.Limit {
		out = append(out, h[0].events[h[0].placed])
		if !h[0].step() {
			h[0] = h[len(h)-1]
			h = h[:len(h)-1]
		}
		h.sink(0)
	}
	return out
}

// A heap has the cursor whose event comes first at its root.
type heap []*cursor

// sink moves cursor i down to where it belongs.
func (h heap) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(h[i]) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
