package hot

import (
	"math"
	"slices"
)

// tidy merges large segments, and forgets what lies before the horizon, while
// events go on arriving. One at most runs at a time, for as long as there is
// something to do.
func (t *Tier) tidy() {
	if t.current.Load().overdue(t.settled) == nil || !t.tidying.CompareAndSwap(false, true) {
		return
	}
	go func() {
		for {
			work := t.current.Load().overdue(t.settled)
			if work == nil {
				break
			}
			t.replace(work, work.made())
		}
		t.tidying.Store(false)
		t.tidy() // unless something became overdue since
	}()
}

// A chore is what to do about some parts of a snapshot that follow each other.
type chore struct {
	*snapshot
	parts  []part
	forget bool
}

// overdue returns what to do next, nil when there is nothing.
func (s *snapshot) overdue(settled int) *chore {
	for i, p := range s.parts {
		if p.spent*8 > len(p.events) {
			return &chore{s, s.parts[i : i+1], true}
		}
	}
	n := 0
	for n < len(s.parts) && len(s.parts[n].events) >= settled {
		n++
	}
	if n == 0 {
		return nil
	}
	if from := mergeable(s.parts[:n], math.MaxInt); from < n-1 {
		return &chore{s, s.parts[from:n], false}
	}
	return nil
}

// made does the work.
func (c *chore) made() *segment {
	if c.forget {
		return c.parts[0].keep(c.horizon, c.position)
	}
	return merged(c.parts).segment
}

// replace puts what was made of parts in their place, if they still stand
// there.
func (t *Tier) replace(c *chore, made *segment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := *t.current.Load()
	from := slices.IndexFunc(s.parts, func(p part) bool { return p.segment == c.parts[0].segment })
	to := from + len(c.parts)
	if from < 0 || to > len(s.parts) || !slices.EqualFunc(s.parts[from:to], c.parts, func(p, q part) bool { return p.segment == q.segment }) {
		return
	}
	if c.forget {
		s.forget(c.parts[0].given(c.horizon, c.position), c.position)
	}
	var kept []part
	if len(made.events) > 0 {
		kept = []part{part{segment: made, spent: made.forgettable(s.horizon, s.position)}.inherit(s.parts[from:to])}
	}
	s.parts = slices.Concat(s.parts[:from], kept, s.parts[to:])
	t.current.Store(&s)
}
