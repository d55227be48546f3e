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

// A history is the versions of one edge of one evidence, in order of time.
type history []edgeVersion

// A strand is one evidence for an edge. Edges of different evidence stand side
// by side, in order.
type strand struct {
	evidence whatchanged.Evidence
	history
}

// A topology is every edge there ever was, as compressed adjacency, and what
// came since that was made: the nodes whose arcs changed and the links whose
// strands did, which stand instead of the compressed ones. Nodes are numbers
// of names. Which edges hold is asked of their versions, so one topology
// serves every view. It never changes.
type topology struct {
	refs    []whatchanged.Ref // by number
	base    *compressed
	arcs    map[uint32][2]arcs // by node, in both directions
	strands map[uint32][]strand
	links   uint32 // how many there are
	marks   *sync.Pool
}

// compressed adjacency: the arcs of node n are those from offsets[n] to
// offsets[n+1], by number.
type compressed struct {
	offsets [2][]uint32
	arcs    [2]arcs
	strands [][]strand // by link
	rank    []uint32   // where each node stands in the order of references
}

// arcs lead to nodes, in the order of their numbers; links say what is known of
// each, the same for both of its ends.
type arcs struct{ nodes, links []uint32 }

// out and in are the two directions of arcs.
const (
	out = 0
	in  = 1
)

func emptyTopology() *topology {
	t := &topology{base: &compressed{}}
	t.marks = &sync.Pool{New: func() any { return &marking{} }}
	return t
}

// of returns the arcs of a node.
func (t *topology) of(node uint32, direction int) arcs {
	if a, ok := t.arcs[node]; ok {
		return a[direction]
	}
	offsets := t.base.offsets[direction]
	if int(node)+1 >= len(offsets) {
		return arcs{}
	}
	from, to := offsets[node], offsets[node+1]
	all := t.base.arcs[direction]
	return arcs{all.nodes[from:to:to], all.links[from:to:to]}
}

func (t *topology) strandsOf(link uint32) []strand {
	if s, ok := t.strands[link]; ok {
		return s
	}
	return t.base.strands[link]
}

// with returns the topology with further versions of edges.
func (t *topology) with(edges []Edge, n *names) *topology {
	next := *t
	next.arcs, next.strands = maps.Clone(t.arcs), maps.Clone(t.strands)
	if next.arcs == nil {
		next.arcs, next.strands = map[uint32][2]arcs{}, map[uint32][]strand{}
	}
	for _, e := range edges {
		next.add(n.number(e.From), n.number(e.Dependency.To), e)
	}
	next.refs = n.all()
	if len(next.arcs)+len(next.strands) > 256+len(next.refs)/16 {
		next.compress()
	}
	return &next
}

// add adds a version of an edge. It must only be called before t is published.
func (t *topology) add(from, to uint32, e Edge) {
	link, ok := t.of(from, out).link(to)
	if !ok {
		link = t.links
		t.links++
		t.lead(from, out, to, link)
		t.lead(to, in, from, link)
	}
	v := edgeVersion{e.EffectiveAt, e.Position, e.Dependency.Removed, e.ID, e.Revision}
	var strands []strand
	if ok {
		strands = slices.Clone(t.strandsOf(link))
	}
	i, ok := slices.BinarySearchFunc(strands, e.Dependency.Evidence, func(s strand, e whatchanged.Evidence) int { return cmp.Compare(s.evidence, e) })
	if !ok {
		strands = slices.Insert(strands, i, strand{evidence: e.Dependency.Evidence})
	}
	at, _ := slices.BinarySearchFunc(strands[i].history, v, edgeVersion.compare)
	strands[i].history = slices.Insert(slices.Clone(strands[i].history), at, v)
	t.strands[link] = strands
}

func (v edgeVersion) compare(w edgeVersion) int {
	return whatchanged.Key{EffectiveAt: v.effectiveAt, Position: v.position}.Compare(whatchanged.Key{EffectiveAt: w.effectiveAt, Position: w.position})
}

// lead adds an arc to a node's.
func (t *topology) lead(node uint32, direction int, to, link uint32) {
	a := [2]arcs{t.of(node, out), t.of(node, in)}
	i, _ := slices.BinarySearch(a[direction].nodes, to)
	a[direction] = arcs{slices.Insert(slices.Clone(a[direction].nodes), i, to), slices.Insert(slices.Clone(a[direction].links), i, link)}
	t.arcs[node] = a
}

func (a arcs) link(to uint32) (uint32, bool) {
	i, ok := slices.BinarySearch(a.nodes, to)
	if !ok {
		return 0, false
	}
	return a.links[i], true
}

// compress makes compressed adjacency of all there is. Links are numbered anew
// in the order of what is depended on, and what is known of them lies side by
// side in that order: a walk to dependents, whose way is the longest, reads
// memory in a row.
func (t *topology) compress() {
	number, order := make([]uint32, t.links), make([]uint32, 0, t.links)
	strands, versions := 0, 0
	for n := range t.refs {
		for _, link := range t.of(uint32(n), in).links {
			number[link] = uint32(len(order))
			order = append(order, link)
			for _, s := range t.strandsOf(link) {
				strands, versions = strands+1, versions+len(s.history)
			}
		}
	}
	c := &compressed{strands: make([][]strand, 0, t.links)}
	for direction := range c.arcs {
		c.offsets[direction] = make([]uint32, len(t.refs)+1)
		c.arcs[direction] = arcs{make([]uint32, 0, t.links), make([]uint32, 0, t.links)}
		a := &c.arcs[direction]
		for n := range t.refs {
			of := t.of(uint32(n), direction)
			a.nodes = append(a.nodes, of.nodes...)
			for _, link := range of.links {
				a.links = append(a.links, number[link])
			}
			c.offsets[direction][n+1] = uint32(len(a.nodes))
		}
	}
	all, known := make([]strand, 0, strands), make(history, 0, versions)
	for _, link := range order {
		from := len(all)
		for _, s := range t.strandsOf(link) {
			begin := len(known)
			known = append(known, s.history...)
			all = append(all, strand{s.evidence, known[begin:len(known):len(known)]})
		}
		c.strands = append(c.strands, all[from:len(all):len(all)])
	}
	c.rank = t.ranks()
	t.base, t.arcs, t.strands = c, nil, nil
}

// ranks says of each node where it stands in the order of references.
func (t *topology) ranks() []uint32 {
	sorted := make([]uint32, len(t.refs))
	for n := range sorted {
		sorted[n] = uint32(n)
	}
	slices.SortFunc(sorted, func(a, b uint32) int { return t.refs[a].Compare(t.refs[b]) })
	rank := make([]uint32, len(sorted))
	for i, n := range sorted {
		rank[n] = uint32(i)
	}
	return rank
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
	for _, s := range t.strandsOf(link) {
		if s.inForce(counts) != nil {
			return true
		}
	}
	return false
}

// numbers returns the numbers of those of refs that t knows.
func (t *topology) numbers(refs []whatchanged.Ref, n *names) []uint32 {
	return slices.DeleteFunc(n.known(refs), func(i uint32) bool { return int(i) >= len(t.refs) })
}

// byRef orders nodes as references are.
func (t *topology) byRef(a, b uint32) int {
	if rank := t.base.rank; int(a) < len(rank) && int(b) < len(rank) {
		return cmp.Compare(rank[a], rank[b])
	}
	return t.refs[a].Compare(t.refs[b])
}
