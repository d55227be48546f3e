package hot

import (
	"cmp"
	"slices"

	"whatchanged.dev/whatchanged"
)

// touching returns the edges that hold and touch any of refs with either end,
// each once and in order.
func (t *topology) touching(counts func(*edgeVersion) bool, refs []whatchanged.Ref, limit int) []whatchanged.Edge {
	out := []whatchanged.Edge{}
	for _, a := range t.arcs(refs) {
		for _, s := range t.versions[a.link] {
			if len(out) >= limit {
				return out
			}
			if v := s.inForce(counts); v != nil {
				out = append(out, whatchanged.Edge{From: t.nodes[a.from], To: t.nodes[a.to], Evidence: s.evidence,
					Since: v.effectiveAt, ID: v.id, Position: v.position})
			}
		}
	}
	return out
}

// An arc is two nodes and the link from one to the other.
type arc struct{ from, to, link uint32 }

// arcs returns the arcs that begin or end at any of refs. Nodes are numbered in
// the order of references, so theirs is that of the edges.
func (t *topology) arcs(refs []whatchanged.Ref) []arc {
	var all []arc
	for _, ref := range refs {
		i, ok := slices.BinarySearchFunc(t.nodes, ref, whatchanged.Ref.Compare)
		if !ok {
			continue
		}
		n := uint32(i)
		for i := t.out.offsets[n]; i < t.out.offsets[n+1]; i++ {
			all = append(all, arc{n, t.out.targets[i], t.out.links[i]})
		}
		for i := t.in.offsets[n]; i < t.in.offsets[n+1]; i++ {
			all = append(all, arc{t.in.targets[i], n, t.in.links[i]})
		}
	}
	slices.SortFunc(all, func(a, b arc) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	return slices.Compact(all)
}
