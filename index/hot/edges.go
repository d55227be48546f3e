package hot

import (
	"cmp"
	"slices"

	"whatchanged.dev/whatchanged"
)

// touching returns the edges that hold and touch any of nodes with either end,
// each once and in order.
func (t *topology) touching(counts func(*edgeVersion) bool, nodes []uint32, limit int) []whatchanged.Edge {
	arcs := t.arcsAt(nodes)
	found := make([]whatchanged.Edge, 0, min(limit, len(arcs))) // nearly every arc has one strand
	for _, a := range arcs {
		for _, s := range t.strandsOf(a.link) {
			if len(found) >= limit {
				return found
			}
			if v := s.inForce(counts); v != nil {
				found = append(found, whatchanged.Edge{From: t.refs[a.from], To: t.refs[a.to], Evidence: s.evidence,
					Since: v.effectiveAt, ID: v.id, Position: v.position})
			}
		}
	}
	return found
}

// An arc is two nodes and the link from one to the other.
type arc struct{ from, to, link uint32 }

// arcsAt returns the arcs that begin or end at any of nodes, in the order of
// references.
func (t *topology) arcsAt(nodes []uint32) []arc {
	n := 0
	for _, at := range nodes {
		n += len(t.of(at, out).nodes) + len(t.of(at, in).nodes)
	}
	all := make([]arc, 0, n)
	for _, n := range nodes {
		of := t.of(n, out)
		for i, to := range of.nodes {
			all = append(all, arc{n, to, of.links[i]})
		}
		of = t.of(n, in)
		for i, from := range of.nodes {
			all = append(all, arc{from, n, of.links[i]})
		}
	}
	slices.SortFunc(all, func(a, b arc) int { return cmp.Or(t.byRef(a.from, b.from), t.byRef(a.to, b.to)) })
	return slices.Compact(all)
}
