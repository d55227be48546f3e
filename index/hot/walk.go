package hot

import (
	"slices"

	"whatchanged.dev/whatchanged"
)

// A marking remembers which nodes a walk has seen: those marked with its own
// epoch. It is used again by later walks without being cleared.
type marking struct {
	epoch []uint32
	pred  []uint32
	now   uint32
}

func (m *marking) begin(nodes int) {
	if len(m.epoch) < nodes {
		m.epoch, m.pred = make([]uint32, nodes+nodes/8), make([]uint32, nodes+nodes/8)
		m.now = 0
	}
	m.now++
	if m.now == 0 { // wrapped around after four thousand million walks
		clear(m.epoch)
		m.now = 1
	}
}

func (m *marking) seen(n uint32) bool { return m.epoch[n] == m.now }

func (m *marking) mark(n, pred uint32) { m.epoch[n], m.pred[n] = m.now, pred }

// reach walks breadth first. A level is visited in the order of references, so
// each node's predecessor is the smallest there is, and paths are the same
// wherever they are computed.
func (t *topology) reach(counts func(*edgeVersion) bool, from []uint32, w whatchanged.Walk) []whatchanged.Reached {
	found := []whatchanged.Reached{}
	direction := out
	if w.Direction == whatchanged.Dependents {
		direction = in
	}
	m := t.marks.Get().(*marking)
	defer t.marks.Put(m)
	m.begin(len(t.refs))
	var level []uint32
	for _, n := range from {
		if !m.seen(n) {
			m.mark(n, n)
			level = append(level, n)
		}
	}
	slices.SortFunc(level, t.byRef)
	for hop := 1; hop <= w.Hops && len(level) > 0 && len(found) < w.Limit; hop++ {
		var next []uint32
		for _, n := range level {
			arcs := t.of(n, direction)
			for i, to := range arcs.nodes {
				if !m.seen(to) && t.holds(arcs.links[i], counts) {
					m.mark(to, n)
					next = append(next, to)
				}
			}
		}
		slices.SortFunc(next, t.byRef)
		for _, n := range next[:min(len(next), w.Limit-len(found))] {
			found = append(found, whatchanged.Reached{Ref: t.refs[n], Hops: hop, Direction: w.Direction, Path: t.path(m, n, hop)})
		}
		level = next
	}
	return found
}

func (t *topology) path(m *marking, n uint32, hops int) []whatchanged.Ref {
	path := make([]whatchanged.Ref, hops+1)
	for i := hops; i >= 0; i-- {
		path[i] = t.refs[n]
		n = m.pred[n]
	}
	return path
}
