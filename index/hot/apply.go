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
	s.repaired = s.repairs(events, s.horizon)
	if len(events) > 0 {
		s.segments = compact(append(slices.Clone(s.segments), newSegment(events)))
	}
	t.publish(&s)
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

// learn takes into the view what the events tell of entities, edges and
// corrections.
func (s *snapshot) learn(events []*whatchanged.Event) {
	first := map[whatchanged.Ref]whatchanged.Position{}
	note := func(ref whatchanged.Ref, p whatchanged.Position) {
		if _, known := s.entity(ref); known {
			return
		}
		if was, ok := first[ref]; !ok || p.Compare(was) < 0 {
			first[ref] = p
		}
	}
	var edges []Edge
	corrected := false
	for _, e := range events {
		note(e.Entity, e.Position)
		if d := e.Dependency; d != nil {
			note(d.To, e.Position)
			edges = append(edges, Edge{e.Entity, *d, e.EffectiveAt, e.Position, e.ID, e.Revision})
		}
		if e.Revision > 0 {
			if !corrected {
				s.revisions, corrected = maps.Clone(s.revisions), true
			}
			s.revisions[e.ID] = append(slices.Clone(s.revisions[e.ID]), revision{e.Revision, e.Position})
		}
	}
	s.addEntities(first)
	if len(edges) > 0 {
		s.edges = maps.Clone(s.edges)
		for _, e := range edges {
			s.addEdge(e)
		}
		s.topology = newTopology(s.edges)
	}
}

func (s *snapshot) addEntities(first map[whatchanged.Ref]whatchanged.Position) {
	if len(first) == 0 {
		return
	}
	s.entities = slices.Grow(slices.Clone(s.entities), len(first))
	for ref, p := range first {
		s.entities = append(s.entities, entity{whatchanged.EntityRecord{Ref: ref, FirstKnown: p}, ref.String()})
	}
	slices.SortFunc(s.entities, func(a, b entity) int { return a.Ref.Compare(b.Ref) })
}

// compact merges the youngest segments while they are not much smaller than
// the one before, so that sizes fall by half or more and their number stays
// logarithmic.
func compact(segments []*segment) []*segment {
	n := len(segments)
	size := len(segments[n-1].events)
	from := n - 1
	for from > 0 && len(segments[from-1].events) < 2*size {
		from--
		size += len(segments[from].events)
	}
	if from == n-1 {
		return segments
	}
	return append(segments[:from:from], mergeSegments(segments[from:]))
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
	s.segments = nil
	for _, seg := range was.segments {
		s.repaired = s.repairs(seg.events, s.horizon)
		if kept := seg.keep(s.horizon, s.position); len(kept.events) > 0 {
			s.segments = append(s.segments, kept)
		}
	}
	s.arrivals = slices.Clone(s.arrivals[len(s.arrivals.upTo(s.position.Sequence)):])
	s.sources = make(map[string]*heardOf, len(was.sources))
	for name, h := range was.sources {
		s.sources[name] = h.after(s.position.Sequence)
	}
	t.current.Store(&s)
}

// after forgets all but the last arrival up to a sequence number.
func (h *heardOf) after(sequence uint64) *heardOf {
	out := &heardOf{before: h.before}
	old := h.all.upTo(sequence)
	if len(old) > 0 {
		out.before = &old[len(old)-1].at
	}
	out.all = slices.Clone(h.all[len(old):])
	out.rejected = slices.Clone(h.rejected[len(h.rejected.upTo(sequence)):])
	return out
}

// addEdge keeps histories in order of time. It must only be called on maps
// that no published snapshot shares.
func (s *snapshot) addEdge(e Edge) {
	k := edgeKey{e.From, e.Dependency.To, e.Dependency.Evidence}
	v := edgeVersion{e.EffectiveAt, e.Position, e.Dependency.Removed, e.ID, e.Revision}
	h := append(slices.Clone(s.edges[k]), v)
	slices.SortFunc(h, func(a, b edgeVersion) int {
		return whatchanged.Key{EffectiveAt: a.effectiveAt, Position: a.position}.Compare(whatchanged.Key{EffectiveAt: b.effectiveAt, Position: b.position})
	})
	s.edges[k] = h
}

// hear notes deliveries, in the order of the log. It must only be called by
// the one writer.
func (s *snapshot) hear(ds []whatchanged.Delivery) {
	for _, d := range ds {
		a := arrival{d.Sequence, d.ReceivedAt}
		h := heardOf{}
		if was := s.sources[d.Source]; was != nil {
			h = *was
		}
		h.all = append(h.all, a)
		if d.Outcome == whatchanged.Rejected {
			h.rejected = append(h.rejected, a)
		}
		s.sources[d.Source] = &h
		s.arrivals = append(s.arrivals, a)
	}
}
