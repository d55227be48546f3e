package hot

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sort"
	"time"

	"whatchanged.dev/whatchanged"
)

// A segment is an immutable run of events in order of time. Beside the events
// stand columns of what reads look for, so that an event is only touched once
// it is found, and postings: for each entity, and for the hash of each id,
// where its events stand. All of it is sorted, so that two segments are merged
// in one pass over each.
type segment struct {
	events    []*whatchanged.Event // by Key
	effective []int64              // EffectiveAt, in microseconds since 1970
	sequence  []uint64             // of Position
	last      whatchanged.Position // the highest in it
	entities  postings[uint32]     // by number, see names
	ids       postings[uint64]     // by hash
}

// seed keys the hashes of ids; they are of use in this process only.
var seed = maphash.MakeSeed()

func hashOf(id string) uint64 { return maphash.String(seed, id) }

// newSegment sorts events into a segment.
func newSegment(events []*whatchanged.Event, n *names) *segment {
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b *whatchanged.Event) int { return a.Key().Compare(b.Key()) })
	s := &segment{}
	s.grow(len(events))
	numbers, hashes := make([]uint32, len(events)), make([]uint64, len(events))
	for i, e := range events {
		s.add(e, e.EffectiveAt.UnixMicro())
		numbers[i], hashes[i] = n.number(e.Entity), hashOf(e.ID)
	}
	s.entities, s.ids = newPostings(numbers), newPostings(hashes)
	return s
}

func (s *segment) grow(n int) {
	s.events, s.effective, s.sequence = make([]*whatchanged.Event, 0, n), make([]int64, 0, n), make([]uint64, 0, n)
}

func (s *segment) add(e *whatchanged.Event, at int64) {
	s.events, s.effective, s.sequence = append(s.events, e), append(s.effective, at), append(s.sequence, e.Position.Sequence)
	if e.Position.Compare(s.last) > 0 {
		s.last = e.Position
	}
}

func (s *segment) compare(i int, t *segment, j int) int {
	return cmp.Or(cmp.Compare(s.effective[i], t.effective[j]), cmp.Compare(s.sequence[i], t.sequence[j]), cmp.Compare(s.events[i].Position.Index, t.events[j].Position.Index))
}

// mergeSegments makes one segment of two.
func mergeSegments(a, b *segment) *segment {
	s := &segment{}
	s.grow(len(a.events) + len(b.events))
	froma, fromb := make([]int32, len(a.events)), make([]int32, len(b.events)) // where each event goes
	for i, j := 0, 0; i < len(a.events) || j < len(b.events); {
		if j == len(b.events) || i < len(a.events) && a.compare(i, b, j) <= 0 {
			froma[i] = int32(len(s.events))
			s.add(a.events[i], a.effective[i])
			i++
		} else {
			fromb[j] = int32(len(s.events))
			s.add(b.events[j], b.effective[j])
			j++
		}
	}
	s.entities, s.ids = a.entities.merge(froma, b.entities, fromb), a.ids.merge(froma, b.ids, fromb)
	return s
}

// forgettable returns how many events are before both horizons.
func (s *segment) forgettable(horizon time.Time, position whatchanged.Position) int {
	n := 0
	for i := range s.before(horizon.UnixMicro()) {
		if s.gone(i, horizon.UnixMicro(), position) {
			n++
		}
	}
	return n
}

func (s *segment) gone(i int, horizon int64, position whatchanged.Position) bool {
	return s.effective[i] < horizon && s.events[i].Position.Compare(position) <= 0
}

// keep returns the segment without the events that are before both horizons.
func (s *segment) keep(horizon time.Time, position whatchanged.Position) *segment {
	kept := &segment{}
	kept.grow(len(s.events))
	to := make([]int32, len(s.events))
	for i, e := range s.events {
		to[i] = -1
		if !s.gone(i, horizon.UnixMicro(), position) {
			to[i] = int32(len(kept.events))
			kept.add(e, s.effective[i])
		}
	}
	kept.entities, kept.ids = s.entities.merge(to, postings[uint32]{}, nil), s.ids.merge(to, postings[uint64]{}, nil)
	return kept
}

// given returns the events that keep leaves out.
func (s *segment) given(horizon time.Time, position whatchanged.Position) (events []*whatchanged.Event) {
	for i := range s.before(horizon.UnixMicro()) {
		if s.gone(i, horizon.UnixMicro(), position) {
			events = append(events, s.events[i])
		}
	}
	return events
}

// before returns how many events took effect before a time.
func (s *segment) before(at int64) int {
	return sort.Search(len(s.effective), func(i int) bool { return s.effective[i] >= at })
}

// find returns where an event of the segment stands.
func (s *segment) find(e *whatchanged.Event) (int32, bool) {
	for _, i := range s.ids.of(hashOf(e.ID)) {
		if s.events[i] == e {
			return i, true
		}
	}
	return 0, false
}

// withID returns where the events of an id stand.
func (s *segment) withID(id string) []int32 {
	at := s.ids.of(hashOf(id))
	if !slices.ContainsFunc(at, func(i int32) bool { return s.events[i].ID != id }) {
		return at
	}
	return slices.DeleteFunc(slices.Clone(at), func(i int32) bool { return s.events[i].ID != id })
}

// postings say where in a segment each key stands: those of keys[i] are
// places[offsets[i]:offsets[i+1]], in order.
type postings[K cmp.Ordered] struct {
	keys    []K // in order, each once
	offsets []uint32
	places  []int32
}

// newPostings posts each key at its own index.
func newPostings[K cmp.Ordered](keys []K) (p postings[K]) {
	p.places = make([]int32, len(keys))
	for i := range p.places {
		p.places[i] = int32(i)
	}
	slices.SortFunc(p.places, func(i, j int32) int { return cmp.Or(cmp.Compare(keys[i], keys[j]), cmp.Compare(i, j)) })
	for n, i := range p.places {
		if n == 0 || keys[i] != p.keys[len(p.keys)-1] {
			p.keys, p.offsets = append(p.keys, keys[i]), append(p.offsets, uint32(n))
		}
	}
	p.keys, p.offsets = slices.Clip(p.keys), append(p.offsets, uint32(len(p.places)))
	return p
}

// of returns where a key stands.
func (p postings[K]) of(key K) []int32 {
	i, ok := slices.BinarySearch(p.keys, key)
	if !ok {
		return nil
	}
	return p.at(i)
}

func (p postings[K]) at(i int) []int32 { return p.places[p.offsets[i]:p.offsets[i+1]] }

// merge makes one of two, whose places move to where fromp and fromq say; those
// that move to -1 are left out.
func (p postings[K]) merge(fromp []int32, q postings[K], fromq []int32) postings[K] {
	n := max(len(p.keys), len(q.keys))
	out := postings[K]{keys: make([]K, 0, n), offsets: make([]uint32, 0, n+1), places: make([]int32, 0, len(p.places)+len(q.places))}
	for i, j := 0, 0; i < len(p.keys) || j < len(q.keys); {
		var ofp, ofq []int32
		var key K
		var order int
		switch {
		case j == len(q.keys):
			order = -1
		case i == len(p.keys):
			order = 1
		default:
			order = cmp.Compare(p.keys[i], q.keys[j])
		}
		if order >= 0 {
			key, ofq, j = q.keys[j], q.at(j), j+1
		}
		if order <= 0 {
			key, ofp, i = p.keys[i], p.at(i), i+1
		}
		begin := len(out.places)
		out.places = interleave(out.places, ofp, fromp, ofq, fromq)
		if len(out.places) > begin {
			out.keys, out.offsets = append(out.keys, key), append(out.offsets, uint32(begin))
		}
	}
	out.offsets = append(out.offsets, uint32(len(out.places)))
	return out
}

// interleave appends where the places of p and q move to, in order.
func interleave(out, p, fromp, q, fromq []int32) []int32 {
	for len(p) > 0 || len(q) > 0 {
		var to int32
		if len(q) == 0 || len(p) > 0 && fromp[p[0]] < fromq[q[0]] {
			to, p = fromp[p[0]], p[1:]
		} else {
			to, q = fromq[q[0]], q[1:]
		}
		if to >= 0 {
			out = append(out, to)
		}
	}
	return out
}
