package hot

import (
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
	known     whatchanged.Position // views that know less are not covered: position, or a later one
	watermark whatchanged.Watermark
	repaired  whatchanged.Position // see Tier.Repaired

	names     *names // shared with all snapshots of the tier
	parts     []part
	revisions map[string][]revision // corrections, by event id
	topology  *topology
	forgotten forgotten
	stateless bool                // what was in force at first is not known
	arrivals  arrivals            // of all sources
	sources   map[string]*heardOf // by source
	lists     *lists              // of all snapshots
}

// A revision is a correction of an event.
type revision struct {
	number   int
	position whatchanged.Position
}

// arrivals are deliveries in the order of the log. Slices of this kind are
// appended to by one writer only, so older snapshots may share them.
type arrivals []arrival

type arrival struct {
	sequence uint64
	at       time.Time
}

// corrected reports whether a later revision was known in the view.
func (s *snapshot) corrected(id string, number int, v whatchanged.View) bool {
	return len(s.revisions) > 0 && slices.ContainsFunc(s.revisions[id], func(r revision) bool {
		return r.number > number && r.position.Compare(v.KnownAt) <= 0
	})
}

// everCorrected reports whether a later revision is known at all.
func (s *snapshot) everCorrected(id string, number int) bool {
	return s.corrected(id, number, whatchanged.View{KnownAt: s.watermark.Position})
}

// in says which versions of edges count in a view.
func (s *snapshot) in(v whatchanged.View) func(*edgeVersion) bool {
	return func(e *edgeVersion) bool {
		return !e.effectiveAt.After(v.AsOf) && e.position.Compare(v.KnownAt) <= 0 && !s.corrected(e.id, e.revision, v)
	}
}

// runs returns the stretches that hold the selection's events.
func (s *snapshot) runs(sel whatchanged.Selection) (runs []run) {
	numbers := s.names.known(sel.Entities)
	for _, p := range s.parts {
		runs = append(runs, p.runs(sel, numbers)...)
	}
	return runs
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
	runs, wanted := s.runs(sel), wants(sel)
	var page whatchanged.Page
	for i, r := range runs {
		if wanted != nil {
			r = s.only(r, v, wanted)
			runs[i] = r
		}
		page.Total += s.count(r, v)
	}
	page.Events = s.merge(runs, v, sel, page.Total)
	return page
}

// distinct returns the values of s in order, each once.
func distinct[T comparable](s []T, compare func(a, b T) int) []T {
	if len(s) < 2 {
		return s
	}
	return slices.Compact(slices.SortedFunc(slices.Values(s), compare))
}

// mentions searches the events of an interval for a text, latest first.
func (s *snapshot) mentions(v whatchanged.View, m whatchanged.Mention) whatchanged.Page {
	match := matcher(m.Text)
	all := whatchanged.Selection{Interval: seen(v, m.Interval), Descending: true, Limit: m.Limit}
	runs := s.runs(all)
	var page whatchanged.Page
	for i, r := range runs {
		runs[i] = s.only(r, v, match)
		page.Total += runs[i].len()
	}
	page.Events = s.merge(runs, v, all, page.Total)
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
