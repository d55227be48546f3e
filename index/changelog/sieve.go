package changelog

import (
	"crypto/sha256"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// A sieve drops events that the log told of before: the log recognises a
// delivery that is sent again, but not an event that comes again in other
// company, as when a sender cuts its batches anew.
//
// The rule: an event is dropped when the occurrence of its identity next
// before it in the log, dropped or not, was seen less than a window earlier.
// That is a matter of the last window of the log alone. So every reader that
// first passes one window through its sieve drops the same events, wherever
// it starts; and events stay where they stand, so that positions have holes
// rather than meanings that depend on the reader. Repeats from longer ago are
// looked up by ingest before they enter the log.
type sieve struct {
	window time.Duration
	seen   map[digest]time.Time // when each identity was last seen
	queue  []occurrence         // in order of the log, to forget by
}

// A digest stands for an identity; an hour of them is kept in memory.
type digest [16]byte

type occurrence struct {
	of digest
	at time.Time
}

func newSieve(window time.Duration) *sieve {
	return &sieve{window: window, seen: map[digest]time.Time{}}
}

// pass takes the events of d away that were seen before, and remembers all of
// them. Deliveries must come in the order of the log. The list of events is
// shared with other readers; what is left of it is a copy.
func (s *sieve) pass(d *whatchanged.Delivery) {
	s.forget(d.ReceivedAt)
	var kept []whatchanged.Event
	repeats := 0
	for i := range d.Events {
		switch again := s.again(d.Events[i].Identity(), d.ReceivedAt); {
		case again:
			if repeats++; repeats == 1 {
				kept = slices.Clone(d.Events[:i])
			}
		case repeats > 0:
			kept = append(kept, d.Events[i])
		}
	}
	if repeats > 0 {
		d.Events = kept
	}
}

// again reports whether an identity was seen in the window before now, and
// remembers it.
func (s *sieve) again(identity string, now time.Time) bool {
	sum := sha256.Sum256([]byte(identity))
	of := digest(sum[:16])
	at, seen := s.seen[of]
	s.seen[of] = now
	s.queue = append(s.queue, occurrence{of, now})
	return seen && now.Sub(at) < s.window
}

// forget drops what lies a window and more before now.
func (s *sieve) forget(now time.Time) {
	n := 0
	for n < len(s.queue) && now.Sub(s.queue[n].at) >= s.window {
		if o := s.queue[n]; s.seen[o.of].Equal(o.at) {
			delete(s.seen, o.of)
		}
		n++
	}
	s.queue = s.queue[n:]
}
