package hot

import (
	"maps"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// Apply adds deliveries that follow the watermark, in the order of the log.
// Those at or before it are passed over, so that reading a stretch of the log
// again changes nothing.
func (t *Tier) Apply(ds []whatchanged.Delivery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.current.Load()
	ds = slices.DeleteFunc(slices.Clone(ds), func(d whatchanged.Delivery) bool { return d.Sequence <= was.watermark.Position.Sequence })
	if len(ds) == 0 {
		return
	}
	s := *was
	last := ds[len(ds)-1]
	s.watermark = whatchanged.Watermark{Position: whatchanged.At(last.Sequence), At: last.ReceivedAt}
	s.sources = maps.Clone(s.sources)
	s.hear(ds)
	var events []*whatchanged.Event
	for i := range ds {
		for j := range ds[i].Events {
			events = append(events, &ds[i].Events[j])
		}
	}
	s.learn(events)
	s.lists.learn(events, s.everCorrected) // before any view can know of them
	s.repaired = s.repairs(events, s.horizon)
	if len(events) > 0 {
		s.markCorrected(events)
		s.parts = compact(append(slices.Clip(s.parts), s.partOf(newSegment(events, s.names))), t.settled)
	}
	t.publish(&s)
	t.tidy()
}

func (t *Tier) publish(s *snapshot) {
	t.current.Store(s)
	close(t.moved)
	t.moved = make(chan struct{})
}

// repairs returns the last position that touches the past before a horizon.
func (s *snapshot) repairs(events []*whatchanged.Event, horizon time.Time) whatchanged.Position {
	last := s.repaired
	for _, e := range events {
		if (e.Revision > 0 || e.EffectiveAt.Before(horizon)) && e.Position.Compare(last) > 0 {
			last = e.Position
		}
	}
	return last
}

// learn takes into the view what the events tell of edges and corrections.
func (s *snapshot) learn(events []*whatchanged.Event) {
	var edges []Edge
	corrected := false
	for _, e := range events {
		if d := e.Dependency; d != nil {
			edges = append(edges, Edge{e.Entity, *d, e.EffectiveAt, e.Position, e.ID, e.Revision})
		}
		if e.Revision > 0 {
			if !corrected {
				s.revisions, corrected = maps.Clone(s.revisions), true
			}
			s.revisions[e.ID] = append(slices.Clone(s.revisions[e.ID]), revision{e.Revision, e.Position})
		}
	}
	if len(edges) > 0 {
		s.topology = s.topology.with(edges, s.names)
	}
}

func further(p, q whatchanged.Position) whatchanged.Position {
	if p.Compare(q) < 0 {
		return q
	}
	return p
}

// Trim moves the horizon forward and forgets what lies before it. What the
// tier covers shrinks at once; what it forgets, the cold tier has, so the
// position before the new horizon must have been written there.
func (t *Tier) Trim(horizon time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.current.Load()
	if !horizon.After(was.horizon) {
		return
	}
	s := *was
	s.horizon, s.position = horizon, was.positionAt(horizon)
	s.known = further(s.position, was.known)
	s.parts = slices.Clone(s.parts)
	for i, p := range s.parts { // what took effect before the last horizon was counted then
		s.repaired = s.repairs(p.events[p.before(was.horizon.UnixMicro()):p.before(horizon.UnixMicro())], horizon)
		s.parts[i].spent = p.forgettable(horizon, s.position)
	}
	s.arrivals = slices.Clone(s.arrivals[len(s.arrivals.upTo(s.position.Sequence)):])
	s.sources = make(map[string]*heardOf, len(was.sources))
	for name, h := range was.sources {
		s.sources[name] = h.after(s.position.Sequence, horizon)
	}
	t.current.Store(&s)
	s.lists.forget(s.position)
	t.tidy()
}
