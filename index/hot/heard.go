package hot

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A Heard is what a tier starts from of one source: what arrived up to the
// position of its Base.
type Heard struct {
	Told, Runs Series
	Connection *whatchanged.Connection
}

// A Series is arrivals of one sort: the last, and the gaps between all of
// them, by the day on which they began, for as long as they count.
type Series struct {
	Last *time.Time
	Gaps map[int64]whatchanged.Gaps // by days since 1970
}

// DayOf returns the day by which a gap that began at a time is kept.
func DayOf(t time.Time) int64 { return t.Truncate(24*time.Hour).Unix() / (24 * 60 * 60) }

// heardOf is what is known of one source.
type heardOf struct {
	told, runs series
	rejected   arrivals
	links      []link
	link       *whatchanged.Connection // the last of those given back
}

// A link is a report of a connection.
type link struct {
	sequence uint64
	whatchanged.Connection
}

// A series is arrivals of one sort: those that are held, and what is known of
// those that were given back.
type series struct {
	given Series
	all   arrivals
	marks []whatchanged.Gaps // of each markEvery arrivals, the gaps up to there
}

// markEvery is how many arrivals are counted anew at most, for one question.
const markEvery = 256

// add notes an arrival. It must only be called by the one writer.
func (s *series) add(a arrival) {
	s.all = append(s.all, a)
	last := len(s.all) - 1
	if last == 0 || last%markEvery != 0 {
		return
	}
	mark := whatchanged.Gaps{}
	if n := len(s.marks); n > 0 {
		mark = maps.Clone(s.marks[n-1])
	}
	s.all.count(last-markEvery+1, last+1, mark)
	s.marks = append(s.marks, mark)
}

// count adds the gaps that ended with the arrivals from one to before another.
func (a arrivals) count(from, to int, gaps whatchanged.Gaps) {
	for i := from; i < to; i++ {
		gaps[whatchanged.GapSeconds(a[i].at.Sub(a[i-1].at))]++
	}
}

// before returns the arrivals before a time.
func (a arrivals) before(t time.Time) arrivals {
	return a[:sort.Search(len(a), func(i int) bool { return !a[i].at.Before(t) })]
}

// arrivals tells of an interval, as far as was known at a sequence number.
func (s *series) arrivals(sequence uint64, i whatchanged.Interval) whatchanged.Arrivals {
	known := s.all.upTo(sequence)
	out := whatchanged.Arrivals{Count: known.in(i), Last: s.given.Last, Gaps: whatchanged.Gaps{}}
	known = known.before(i.To)
	since := whatchanged.GapsSince(i.To)
	for day, gaps := range s.given.Gaps {
		if day >= DayOf(since) {
			out.Gaps.Add(gaps)
		}
	}
	if len(known) == 0 {
		return out
	}
	if before := s.given.Last; before != nil && !before.Before(since) {
		out.Gaps[whatchanged.GapSeconds(known[0].at.Sub(*before))]++
	}
	from := len(known.before(since)) + 1
	if n := (len(known) - 1) / markEvery; from == 1 && n > 0 {
		out.Gaps.Add(s.marks[n-1])
		from = n*markEvery + 1
	}
	known.count(from, len(known), out.Gaps)
	out.Last = &known[len(known)-1].at
	return out
}

// after gives back the arrivals up to a sequence number. Gaps that began
// before a time count no more.
func (s *series) after(sequence uint64, since time.Time) series {
	old := s.all.upTo(sequence)
	out := series{given: Series{s.given.Last, map[int64]whatchanged.Gaps{}}}
	for day, gaps := range s.given.Gaps {
		if day >= DayOf(since) {
			out.given.Gaps[day] = maps.Clone(gaps)
		}
	}
	for i := range old {
		if from := out.given.Last; from != nil && !from.Before(since) {
			if out.given.Gaps[DayOf(*from)] == nil {
				out.given.Gaps[DayOf(*from)] = whatchanged.Gaps{}
			}
			out.given.Gaps[DayOf(*from)][whatchanged.GapSeconds(old[i].at.Sub(*from))]++
		}
		last := old[i].at // a copy: a pointer into the arrivals would keep all of them
		out.given.Last = &last
	}
	for _, a := range s.all[len(old):] {
		out.add(a)
	}
	return out
}

// after forgets all but what later questions need of the arrivals up to a
// sequence number.
func (h *heardOf) after(sequence uint64, horizon time.Time) *heardOf {
	since := whatchanged.GapsSince(horizon)
	out := &heardOf{told: h.told.after(sequence, since), runs: h.runs.after(sequence, since), link: h.link}
	out.rejected = slices.Clone(h.rejected[len(h.rejected.upTo(sequence)):])
	n := sort.Search(len(h.links), func(i int) bool { return h.links[i].sequence > sequence })
	if n > 0 {
		last := h.links[n-1].Connection // a copy: a pointer would keep all of them
		out.link = &last
	}
	out.links = slices.Clone(h.links[n:])
	return out
}

// hear notes deliveries, in the order of the log. It must only be called by
// the one writer.
func (s *snapshot) hear(ds []whatchanged.Delivery) {
	for i := range ds {
		d := &ds[i]
		a := arrival{d.Sequence, d.ReceivedAt}
		h := heardOf{}
		if was := s.sources[d.Source]; was != nil {
			h = *was
		}
		switch d.Type {
		case whatchanged.DeliveryRan:
			h.runs.add(a)
		case whatchanged.DeliveryConnected, whatchanged.DeliveryFollows, whatchanged.DeliveryLost, whatchanged.DeliveryStopped:
			h.links = append(h.links, link{d.Sequence, whatchanged.Connection{Report: d.Type, At: d.ReceivedAt}})
		default:
			h.told.add(a)
			if d.Outcome == whatchanged.Rejected {
				h.rejected = append(h.rejected, a)
			}
		}
		s.sources[d.Source] = &h
		s.arrivals = append(s.arrivals, a)
	}
}

// heard says what arrived of each source for i, as far as was known.
func (s *snapshot) heard(v whatchanged.View, i whatchanged.Interval) []whatchanged.SourceArrivals {
	out := []whatchanged.SourceArrivals{}
	for name, h := range s.sources {
		if h.knownAt(v.KnownAt.Sequence) {
			out = append(out, whatchanged.SourceArrivals{Source: name, Told: h.told.arrivals(v.KnownAt.Sequence, i), Runs: h.runs.arrivals(v.KnownAt.Sequence, i),
				Rejected: h.rejected.upTo(v.KnownAt.Sequence).in(i), Connection: h.connection(v.KnownAt.Sequence, i.To)})
		}
	}
	slices.SortFunc(out, func(a, b whatchanged.SourceArrivals) int { return strings.Compare(a.Source, b.Source) })
	return out
}

// knownAt reports whether the source had been heard of by a sequence number.
func (h *heardOf) knownAt(sequence uint64) bool {
	return h.told.given.Last != nil || h.runs.given.Last != nil || h.link != nil || len(h.told.all.upTo(sequence)) > 0 ||
		len(h.runs.all.upTo(sequence)) > 0 || len(h.links) > 0 && h.links[0].sequence <= sequence
}

// connection returns what was last reported before a time.
func (h *heardOf) connection(sequence uint64, until time.Time) *whatchanged.Connection {
	n := sort.Search(len(h.links), func(i int) bool { return h.links[i].sequence > sequence || !h.links[i].At.Before(until) })
	if n == 0 {
		return h.link
	}
	return &h.links[n-1].Connection
}
