package hot

import (
	"container/heap"
	"slices"
	"sort"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A snapshot is the whole tier at one watermark. It never changes: readers take
// the pointer and need no lock, and the next batch makes the next snapshot,
// sharing all that stayed the same.
type snapshot struct {
	horizon   time.Time            // events that took effect from here on are all held
	position  whatchanged.Position // and so are those after this, the last position stored before the horizon
	watermark whatchanged.Watermark
	repaired  whatchanged.Position // see Tier.Repaired

	segments  []*segment
	revisions map[string][]revision // corrections, by event id
	entities  []entity              // by reference
	edges     map[edgeKey]history
	topology  *topology
	arrivals  arrivals            // of all sources
	sources   map[string]*heardOf // by source
}

// A revision is a correction of an event.
type revision struct {
	number   int
	position whatchanged.Position
}

// An entity is a record with its text, for search.
type entity struct {
	whatchanged.EntityRecord
	text string
}

// arrivals are deliveries in the order of the log. Slices of this kind are
// appended to by one writer only, so older snapshots may share them.
type arrivals []arrival

type arrival struct {
	sequence uint64
	at       time.Time
}

// heardOf is what is known of one source's deliveries.
type heardOf struct {
	before   *time.Time // its last delivery before the horizon
	all      arrivals
	rejected arrivals
}

// visible reports whether e is there in the view: known, and not corrected as
// far as was known.
func (s *snapshot) visible(e *whatchanged.Event, v whatchanged.View) bool {
	return e.Position.Compare(v.KnownAt) <= 0 && !s.corrected(e.ID, e.Revision, v)
}

// corrected reports whether a later revision was known in the view.
func (s *snapshot) corrected(id string, number int, v whatchanged.View) bool {
	return len(s.revisions) > 0 && slices.ContainsFunc(s.revisions[id], func(r revision) bool {
		return r.number > number && r.position.Compare(v.KnownAt) <= 0
	})
}

// in says which versions of edges count in a view.
func (s *snapshot) in(v whatchanged.View) func(*edgeVersion) bool {
	return func(e *edgeVersion) bool {
		return !e.effectiveAt.After(v.AsOf) && e.position.Compare(v.KnownAt) <= 0 && !s.corrected(e.id, e.revision, v)
	}
}

// runs returns the stretches that hold the selection's events, and whether all
// of them are visible without looking.
func (s *snapshot) runs(v whatchanged.View, sel whatchanged.Selection) (runs []run, certain bool) {
	certain = len(s.revisions) == 0
	for _, seg := range s.segments {
		runs = append(runs, seg.runs(sel)...)
		certain = certain && seg.last.Compare(v.KnownAt) <= 0
	}
	return runs, certain
}

// seen narrows an interval of effect to what has taken effect in the view. An
// empty interval asks nothing.
func seen(v whatchanged.View, i whatchanged.Interval) whatchanged.Interval {
	if i == (whatchanged.Interval{}) {
		i = whatchanged.Always
	}
	if end := v.AsOf.Add(whatchanged.Resolution); end.Before(i.To) {
		i.To = end
	}
	return i
}

// changes reads a selection.
func (s *snapshot) changes(v whatchanged.View, sel whatchanged.Selection) whatchanged.Page {
	sel.Interval = seen(v, sel.Interval)
	sel.Entities, sel.IDs = distinct(sel.Entities, whatchanged.Ref.Compare), distinct(sel.IDs, strings.Compare)
	runs, certain := s.runs(v, sel)
	wanted := wants(sel)
	var page whatchanged.Page
	for i, r := range runs {
		if !certain || wanted != nil {
			runs[i] = s.only(r, v, wanted)
		}
		page.Total += runs[i].len()
	}
	page.Events = merge(runs, sel)
	return page
}

// distinct returns the values of s in order, each once.
func distinct[T comparable](s []T, compare func(a, b T) int) []T {
	if len(s) < 2 {
		return s
	}
	return slices.Compact(slices.SortedFunc(slices.Values(s), compare))
}

// only narrows r to what is visible and, unless that is nil, wanted.
func (s *snapshot) only(r run, v whatchanged.View, wanted func(*whatchanged.Event) bool) run {
	kept := make([]int32, 0, r.len())
	var all []*whatchanged.Event
	for i := range r.len() {
		if e := r.event(i); (wanted == nil || wanted(e)) && s.visible(e, v) {
			kept = append(kept, int32(len(all)))
			all = append(all, e)
		}
	}
	return run{all, kept}
}

// merge interleaves runs in the order the selection asks for, up to its limit.
func merge(runs []run, sel whatchanged.Selection) []*whatchanged.Event {
	h := &runHeap{descending: sel.Descending}
	cursors := make([]runCursor, len(runs))
	left := 0
	for i, r := range runs {
		cursors[i] = newRunCursor(r, sel)
		if n := cursors[i].left(); n > 0 {
			left += n
			h.cursors = append(h.cursors, &cursors[i])
		}
	}
	heap.Init(h)
	out := make([]*whatchanged.Event, 0, min(sel.Limit, left))
	for len(h.cursors) > 0 && len(out) < sel.Limit {
		c := h.cursors[0]
		out = append(out, c.event())
		c.step()
		if c.left() > 0 {
			heap.Fix(h, 0)
		} else {
			heap.Pop(h)
		}
	}
	return out
}

// A runCursor steps through a run in either direction.
type runCursor struct {
	run
	at, end, by int
}

// newRunCursor starts behind sel.After.
func newRunCursor(r run, sel whatchanged.Selection) runCursor {
	c := runCursor{run: r, at: 0, end: r.len(), by: 1}
	if sel.Descending {
		c.at, c.end, c.by = r.len()-1, -1, -1
	}
	if sel.After == nil {
		return c
	}
	if sel.Descending {
		c.at = sort.Search(r.len(), func(i int) bool { return r.event(i).Key().Compare(*sel.After) >= 0 }) - 1
	} else {
		c.at = sort.Search(r.len(), func(i int) bool { return r.event(i).Key().Compare(*sel.After) > 0 })
	}
	return c
}

func (c *runCursor) left() int                 { return (c.end - c.at) * c.by }
func (c *runCursor) step()                     { c.at += c.by }
func (c *runCursor) event() *whatchanged.Event { return c.run.event(c.at) }

// runHeap orders cursors by the event they stand at.
type runHeap struct {
	cursors    []*runCursor
	descending bool
}

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (h *runHeap) Len() int { return len(h.cursors) }

// Less implements [heap.Interface].
func (h *runHeap) Less(i, j int) bool {
	c := h.cursors[i].event().Key().Compare(h.cursors[j].event().Key())
	return c < 0 != h.descending && c != 0
}

// Swap implements [heap.Interface].
func (h *runHeap) Swap(i, j int) { h.cursors[i], h.cursors[j] = h.cursors[j], h.cursors[i] }

// Push implements [heap.Interface].
func (h *runHeap) Push(x any) { h.cursors = append(h.cursors, x.(*runCursor)) }

// Pop implements [heap.Interface].
func (h *runHeap) Pop() any {
	last := h.cursors[len(h.cursors)-1]
	h.cursors = h.cursors[:len(h.cursors)-1]
	return last
}

// mentions searches the events of an interval for a text, latest first.
func (s *snapshot) mentions(v whatchanged.View, m whatchanged.Mention) whatchanged.Page {
	match := matcher(m.Text)
	all := whatchanged.Selection{Interval: seen(v, m.Interval), Descending: true, Limit: m.Limit}
	runs, _ := s.runs(v, all)
	var page whatchanged.Page
	for i, r := range runs {
		var kept []*whatchanged.Event
		for n := range r.len() {
			if e := r.event(n); match(e) && s.visible(e, v) {
				kept = append(kept, e)
			}
		}
		runs[i] = run{events: kept}
		page.Total += len(kept)
	}
	page.Events = merge(runs, all)
	return page
}

// matcher reports whether an event carries a text, as resolvers.Index says.
func matcher(text string) func(*whatchanged.Event) bool {
	text = strings.TrimSpace(text)
	lower := strings.ToLower(text)
	words := strings.Fields(lower)
	sha := len(lower) >= 7 && strings.Trim(lower, "0123456789abcdef") == ""
	return func(e *whatchanged.Event) bool {
		if text == "" {
			return false
		}
		if e.ID == text || e.Version == text {
			return true
		}
		if sha && slices.ContainsFunc(e.Commits, func(c string) bool { return strings.HasPrefix(strings.ToLower(c), lower) }) {
			return true
		}
		summary := strings.ToLower(e.Summary)
		return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(summary, w) })
	}
}

// find reads entities.
func (s *snapshot) find(v whatchanged.View, sel whatchanged.EntitySelection) []whatchanged.EntityRecord {
	out := []whatchanged.EntityRecord{}
	text := strings.ToLower(sel.Text)
	take := func(e *entity) {
		if len(out) < sel.Limit && e.FirstKnown.Compare(v.KnownAt) <= 0 && strings.Contains(e.text, text) &&
			(len(sel.Kinds) == 0 || slices.Contains(sel.Kinds, e.Ref.Kind)) {
			out = append(out, e.EntityRecord)
		}
	}
	if len(sel.Refs) == 0 {
		for i := range s.entities {
			take(&s.entities[i])
		}
		return out
	}
	for _, ref := range distinct(sel.Refs, whatchanged.Ref.Compare) {
		if i, ok := s.entity(ref); ok {
			take(&s.entities[i])
		}
	}
	return out
}

func (s *snapshot) entity(ref whatchanged.Ref) (int, bool) {
	return slices.BinarySearchFunc(s.entities, ref, func(e entity, r whatchanged.Ref) int { return e.Ref.Compare(r) })
}

// heard says how each source was heard in i, as far as was known.
func (s *snapshot) heard(v whatchanged.View, i whatchanged.Interval) []whatchanged.SourceCoverage {
	out := []whatchanged.SourceCoverage{}
	for name, h := range s.sources {
		known := h.all.upTo(v.KnownAt.Sequence)
		c := whatchanged.SourceCoverage{Source: name, State: whatchanged.CoverageSilent, LastHeard: h.before,
			Deliveries: known.in(i), Rejected: h.rejected.upTo(v.KnownAt.Sequence).in(i)}
		if len(known) > 0 {
			at := known[len(known)-1].at
			c.LastHeard = &at
		}
		switch {
		case c.LastHeard == nil:
			continue // not yet heard of in this view
		case c.Deliveries > 0:
			c.State = whatchanged.CoverageHeard
		case h.before == nil && !known[0].at.Before(i.From): // heard of only later
			c.State = whatchanged.CoverageUnknown
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b whatchanged.SourceCoverage) int { return strings.Compare(a.Source, b.Source) })
	return out
}

// upTo returns the arrivals known at a sequence number.
func (a arrivals) upTo(sequence uint64) arrivals {
	return a[:sort.Search(len(a), func(i int) bool { return a[i].sequence > sequence })]
}

// in counts the arrivals in an interval.
func (a arrivals) in(i whatchanged.Interval) int {
	from := sort.Search(len(a), func(n int) bool { return !a[n].at.Before(i.From) })
	to := sort.Search(len(a), func(n int) bool { return !a[n].at.Before(i.To) })
	return max(0, to-from)
}

// positionAt returns the last position stored before t.
func (s *snapshot) positionAt(t time.Time) whatchanged.Position {
	n := sort.Search(len(s.arrivals), func(i int) bool { return !s.arrivals[i].at.Before(t) })
	if n == 0 {
		return s.position
	}
	return whatchanged.At(s.arrivals[n-1].sequence)
}
