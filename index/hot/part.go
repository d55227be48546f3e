package hot

import (
	"slices"

	"whatchanged.dev/whatchanged"
)

// A part is a segment as a snapshot has it. corrected says, in order, where in
// it events stand of which a later revision is known; they are few, and all
// others are visible to whoever knows their position. spent is how many events
// are before both horizons; it grows when these move, and not when events
// arrive, so a batch need not look for them.
type part struct {
	*segment
	corrected []int32
	spent     int
}

// mark notes the places of events that were corrected.
func (p part) mark(places ...int32) part {
	if len(places) == 0 {
		return p
	}
	all := slices.Concat(p.corrected, places)
	slices.Sort(all)
	p.corrected = slices.Compact(all)
	return p
}

// partOf returns a new segment as a part: a correction may have come before
// what it corrects.
func (s *snapshot) partOf(seg *segment) part {
	p := part{segment: seg}
	if len(s.revisions) == 0 {
		return p
	}
	var places []int32
	for i, e := range seg.events {
		if s.revised(e.ID, e.Revision) {
			places = append(places, int32(i))
		}
	}
	return p.mark(places...)
}

// revised reports whether a later revision than this is known.
func (s *snapshot) revised(id string, number int) bool {
	return slices.ContainsFunc(s.revisions[id], func(r revision) bool { return r.number > number })
}

// markCorrected notes in the parts there are what the events correct.
func (s *snapshot) markCorrected(events []*whatchanged.Event) {
	cloned := false
	for _, e := range events {
		if e.Revision == 0 {
			continue
		}
		if !cloned {
			s.parts, cloned = slices.Clone(s.parts), true
		}
		for i, p := range s.parts {
			s.parts[i] = p.mark(slices.DeleteFunc(slices.Clone(p.withID(e.ID)), func(at int32) bool { return p.events[at].Revision >= e.Revision })...)
		}
	}
}

// merged makes one part of several.
func merged(parts []part) part {
	var p part
	for i := len(parts) - 1; i >= 0; i-- { // the youngest are the smallest
		if p.segment == nil {
			p.segment = parts[i].segment
		} else {
			p.segment = mergeSegments(parts[i].segment, p.segment)
		}
		p.spent += parts[i].spent
	}
	return p.inherit(parts)
}

// inherit takes over what is noted of the events of parts that p was made of.
func (p part) inherit(parts []part) part {
	var places []int32
	for _, q := range parts {
		for _, i := range q.corrected {
			if at, ok := p.find(q.events[i]); ok {
				places = append(places, at)
			}
		}
	}
	p.corrected = nil
	return p.mark(places...)
}

// settled is the size, in events, up to which segments are merged where events
// arrive, which takes well under a millisecond. Larger ones are merged aside,
// while events go on arriving.
const settled = 4096

// compact merges the youngest parts while they are not much smaller than the
// one before, so that sizes fall by half or more and their number stays
// logarithmic.
func compact(parts []part, settled int) []part {
	from := mergeable(parts, settled)
	if from == len(parts)-1 {
		return parts
	}
	return append(parts[:from:from], merged(parts[from:]))
}

// mergeable returns from where on the parts are to be merged, leaving alone
// those that have limit events or more.
func mergeable(parts []part, limit int) int {
	from := len(parts) - 1
	size := len(parts[from].events)
	for from > 0 && len(parts[from-1].events) < min(2*size, limit) {
		from--
		size += len(parts[from].events)
	}
	return from
}
