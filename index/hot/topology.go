package hot

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"whatchanged.dev/whatchanged"
)

// An edgeVersion says that an edge was declared, or removed, at a time.
type edgeVersion struct {
	effectiveAt time.Time
	position    whatchanged.Position
	removed     bool
	id          string // of the event that told of it
	revision    int
}

// edgeKey names an edge. Edges of different evidence stand side by side.
type edgeKey struct {
	from, to whatchanged.Ref
	evidence whatchanged.Evidence
}

// A topology is every edge there ever was, as compressed adjacency: nodes are
// numbers in the order of their references, and the edges of node n are
// targets[offsets[n]:offsets[n+1]]. Which of them hold is asked of their
// versions, so one topology serves every view.
type topology struct {
	nodes    []whatchanged.Ref
	out, in  adjacency
	versions [][]strand // by link
	marks    *sync.Pool // of *marking
}

// A history is the versions of one edge of one evidence, in order of time.
type history []edgeVersion

// A strand is one evidence for an edge.
type strand struct {
	evidence whatchanged.Evidence
	history
}

type adjacency struct {
	offsets []uint32
	targets []uint32
	links   []uint32 // index into versions
}

// newTopology builds the adjacency of edges.
func newTopology(edges map[edgeKey]history) *topology {
	t := &topology{}
	t.nodes = nodesOf(edges)
	number := make(map[whatchanged.Ref]uint32, len(t.nodes))
	for i, n := range t.nodes {
		number[n] = uint32(i)
	}
	type pair struct{ from, to uint32 }
	link := map[pair]uint32{}
	var pairs []pair
	for k, h := range edges {
		p := pair{number[k.from], number[k.to]}
		l, ok := link[p]
		if !ok {
			l = uint32(len(t.versions))
			link[p] = l
			t.versions = append(t.versions, nil)
			pairs = append(pairs, p)
		}
		t.versions[l] = append(t.versions[l], strand{k.evidence, h})
	}
	for _, s := range t.versions {
		slices.SortFunc(s, func(a, b strand) int { return cmp.Compare(a.evidence, b.evidence) })
	}
	ends := func(forward bool) adjacency {
		a := adjacency{offsets: make([]uint32, len(t.nodes)+1), targets: make([]uint32, len(pairs)), links: make([]uint32, len(pairs))}
		for _, p := range pairs {
			if !forward {
				p.from = p.to
			}
			a.offsets[p.from+1]++
		}
		for i := 1; i < len(a.offsets); i++ {
			a.offsets[i] += a.offsets[i-1]
		}
		next := slices.Clone(a.offsets)
		for _, p := range pairs {
			l := link[p]
			if !forward {
				p.from, p.to = p.to, p.from
			}
			a.targets[next[p.from]], a.links[next[p.from]] = p.to, l
			next[p.from]++
		}
		return a
	}
	t.out, t.in = ends(true), ends(false)
	t.marks = &sync.Pool{New: func() any { return &marking{epoch: make([]uint32, len(t.nodes)), pred: make([]uint32, len(t.nodes))} }}
	return t
}

func nodesOf(edges map[edgeKey]history) []whatchanged.Ref {
	seen := make(map[whatchanged.Ref]struct{}, len(edges))
	for k := range edges {
		seen[k.from], seen[k.to] = struct{}{}, struct{}{}
	}
	return slices.SortedFunc(maps.Keys(seen), whatchanged.Ref.Compare)
}

// inForce returns the latest version that counts, nil if there is none or it
// says that the edge is gone.
func (h history) inForce(counts func(*edgeVersion) bool) *edgeVersion {
	for i := len(h) - 1; i >= 0; i-- {
		if counts(&h[i]) {
			if h[i].removed {
				return nil
			}
			return &h[i]
		}
	}
	return nil
}

func (t *topology) holds(link uint32, counts func(*edgeVersion) bool) bool {
	return slices.ContainsFunc(t.versions[link], func(s strand) bool { return s.inForce(counts) != nil })
}

// A marking remembers which nodes a walk has seen: those marked with its own
// epoch. It is used again by later walks without being cleared.
type marking struct {
	epoch []uint32
	pred  []uint32
	now   uint32
}

func (m *marking) begin() {
	m.now++
	if m.now == 0 { // wrapped around after four thousand million walks
		clear(m.epoch)
		m.now = 1
	}
}

func (m *marking) mark(n, pred uint32) bool {
	if m.epoch[n] == m.now {
		return false
	}
	m.epoch[n], m.pred[n] = m.now, pred
	return true
}

// reach walks breadth first. A level is visited in the order of references, so
// each node's predecessor is the smallest there is, and paths are the same
// wherever they are computed.
func (t *topology) reach(counts func(*edgeVersion) bool, w whatchanged.Walk) []whatchanged.Reached {
	out := []whatchanged.Reached{}
	edges := t.out
	if w.Direction == whatchanged.Dependents {
		edges = t.in
	}
	m := t.marks.Get().(*marking)
	defer t.marks.Put(m)
	m.begin()
	level := t.start(m, w.From)
	for hop := 1; hop <= w.Hops && len(level) > 0 && len(out) < w.Limit; hop++ {
		var next []uint32
		for _, n := range level {
			for i := edges.offsets[n]; i < edges.offsets[n+1]; i++ {
				if to := edges.targets[i]; m.epoch[to] != m.now && t.holds(edges.links[i], counts) && m.mark(to, n) {
					next = append(next, to)
				}
			}
		}
		slices.Sort(next)
		for _, n := range next[:min(len(next), w.Limit-len(out))] {
			out = append(out, whatchanged.Reached{Ref: t.nodes[n], Hops: hop, Direction: w.Direction, Path: t.path(m, n, hop)})
		}
		level = next
	}
	return out
}

func (t *topology) start(m *marking, from []whatchanged.Ref) []uint32 {
	var level []uint32
	for _, ref := range from {
		if n, ok := slices.BinarySearchFunc(t.nodes, ref, whatchanged.Ref.Compare); ok && m.mark(uint32(n), uint32(n)) {
			level = append(level, uint32(n))
		}
	}
	slices.Sort(level)
	return level
}

func (t *topology) path(m *marking, n uint32, hops int) []whatchanged.Ref {
	path := make([]whatchanged.Ref, hops+1)
	for i := hops; i >= 0; i-- {
		path[i] = t.nodes[n]
		n = m.pred[n]
	}
	return path
}
