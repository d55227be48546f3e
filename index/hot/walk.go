package hot

import (
	"slices"

	"whatchanged.dev/whatchanged"
)

// A marking remembers which nodes a walk has seen: those marked with its own
// epoch. It is used again by later walks without being cleared.
type marking struct {
	nodes []mark
	now   uint32
	level []uint32 // room for the nodes of two levels
	next  []uint32
}

// A mark says in which epoch a node was seen, and from where it was reached.
type mark struct{ epoch, pred uint32 }

func (m *marking) begin(nodes int) {
	if len(m.nodes) < nodes {
		m.nodes, m.now = make([]mark, nodes+nodes/8), 0
	}
	m.now++
	if m.now == 0 { // wrapped around after four thousand million walks
		clear(m.nodes)
		m.now = 1
	}
}

func (m *marking) seen(n uint32) bool { return m.nodes[n].epoch == m.now }

func (m *marking) mark(n, pred uint32) { m.nodes[n] = mark{m.now, pred} }

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
	level, next := m.level[:0], m.next[:0]
	for _, n := range from {
		if !m.seen(n) {
			m.mark(n, n)
			level = append(level, n)
		}
	}
	slices.SortFunc(level, t.byRef)
	for hop := 1; hop <= w.Hops && len(level) > 0 && len(found) < w.Limit; hop++ {
		next = next[:0]
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
		kept := next[:min(len(next), w.Limit-len(found))]
		found = slices.Grow(found, len(kept))
		paths := make([]whatchanged.Ref, len(kept)*(hop+1)) // of all of them
		for i, n := range kept {
			path := paths[i*(hop+1) : (i+1)*(hop+1) : (i+1)*(hop+1)]
			t.path(m, n, path)
			found = append(found, whatchanged.Reached{Ref: t.refs[n], Hops: hop, Direction: w.Direction, Path: path})
		}
		level, next = next, level
	}
	m.level, m.next = level, next
	return found
}

// path fills in what leads to a node, the node last.
func (t *topology) path(m *marking, n uint32, path []whatchanged.Ref) {
	for i := len(path) - 1; i >= 0; i-- {
		path[i] = t.refs[n]
		n = m.nodes[n].pred
	}
}
