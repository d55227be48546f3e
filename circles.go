package whatchanged

import (
	"cmp"
	"slices"
	"strings"
)

// An Arc says that From depends on To, and no more: the bare shape of a
// [Dependency].
type Arc struct{ From, To Ref }

// Compare orders arcs by their ends.
func (a Arc) Compare(b Arc) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) }

// Circles returns the circles among dependencies: entities that depend on
// themselves by way of others. Where circles share entities, the shortest
// through the first of them is returned; when it is broken, the next will show.
// Each begins with its first entity in the order of references, which is not
// repeated at the end, and they come in that order too.
func Circles(arcs []Arc) [][]Ref {
	t := tie(arcs)
	var circles [][]Ref
	for _, knot := range t.found {
		first := slices.Min(knot)
		circles = append(circles, t.named(t.shortest(first, first)))
	}
	slices.SortFunc(circles, func(a, b []Ref) int { return a[0].Compare(b[0]) })
	return circles
}

// CirclesThrough returns for each of some arcs, which must be among arcs, the
// shortest circle that it is a part of, if there is one; each circle once, at
// most limit of them, spelled and ordered as [Circles] does.
func CirclesThrough(arcs, through []Arc, limit int) [][]Ref {
	if len(through) == 0 {
		return nil
	}
	t := tie(arcs)
	var circles [][]Ref
	for _, a := range slices.SortedFunc(slices.Values(through), Arc.Compare) {
		from, to := t.numbers[a.From], t.numbers[a.To]
		if t.knotOf[from] == 0 || t.knotOf[from] != t.knotOf[to] || len(circles) >= limit {
			continue
		}
		c := t.shortest(to, from)
		first := slices.Index(c, slices.Min(c))
		circles = append(circles, t.named(slices.Concat(c[first:], c[:first])))
	}
	slices.SortFunc(circles, func(a, b []Ref) int { return slices.CompareFunc(a, b, Ref.Compare) })
	return slices.CompactFunc(circles, slices.Equal)
}

// CircleText spells a circle: a → b → a.
func CircleText(circle []Ref) string {
	var b strings.Builder
	for _, ref := range circle {
		b.WriteString(ref.String() + " → ")
	}
	return b.String() + circle[0].String()
}

// knots finds the strongly connected components that hold a circle, by
// Tarjan's algorithm. Entities go by their numbers in the order of references.
type knots struct {
	refs       []Ref
	numbers    map[Ref]int32
	to         [][]int32 // what each depends on, in order
	index, low []int32   // index: when it was first come by, 0 for not yet
	visited    int32
	stack      []int32
	onStack    []bool
	found      [][]int32
	knotOf     []int32 // one more than the index of its knot among those found, 0 for none
}

// tie finds the knots among arcs.
func tie(arcs []Arc) *knots {
	t := &knots{numbers: map[Ref]int32{}}
	for i := range arcs {
		for _, ref := range [...]*Ref{&arcs[i].From, &arcs[i].To} {
			if _, known := t.numbers[*ref]; !known {
				t.numbers[*ref] = 0
				t.refs = append(t.refs, *ref)
			}
		}
	}
	slices.SortFunc(t.refs, Ref.Compare)
	for n, ref := range t.refs {
		t.numbers[ref] = int32(n)
	}
	n := len(t.refs)
	t.to, t.index, t.low, t.onStack, t.knotOf = make([][]int32, n), make([]int32, n), make([]int32, n), make([]bool, n), make([]int32, n)
	t.lead(arcs)
	for from := range t.to {
		if t.index[from] == 0 && len(t.to[from]) > 0 {
			t.visit(int32(from))
		}
	}
	return t
}

// lead notes what leads where, each once.
func (t *knots) lead(arcs []Arc) {
	ends, count := make([][2]int32, len(arcs)), make([]int, len(t.refs))
	for i := range arcs {
		ends[i] = [2]int32{t.numbers[arcs[i].From], t.numbers[arcs[i].To]}
		count[ends[i][0]]++
	}
	room := make([]int32, 0, len(arcs)) // of all, one after the other
	for from, n := range count {
		end := len(room)
		t.to[from], room = room[end:end:end+n], room[:end+n]
	}
	for _, e := range ends {
		t.to[e[0]] = append(t.to[e[0]], e[1])
	}
	for from, to := range t.to {
		slices.Sort(to)
		t.to[from] = slices.Compact(to)
	}
}

func (t *knots) visit(at int32) {
	t.visited++
	t.index[at], t.low[at] = t.visited, t.visited
	t.stack, t.onStack[at] = append(t.stack, at), true
	for _, next := range t.to[at] {
		if t.index[next] == 0 {
			t.visit(next)
			t.low[at] = min(t.low[at], t.low[next])
		} else if t.onStack[next] {
			t.low[at] = min(t.low[at], t.index[next])
		}
	}
	if t.low[at] != t.index[at] {
		return
	}
	begin := len(t.stack) - 1
	for t.stack[begin] != at {
		begin--
	}
	knot := slices.Clone(t.stack[begin:])
	t.stack = t.stack[:begin]
	for _, n := range knot {
		t.onStack[n] = false
	}
	if len(knot) == 1 && !slices.Contains(t.to[at], at) {
		return
	}
	t.found = append(t.found, knot)
	for _, n := range knot {
		t.knotOf[n] = int32(len(t.found))
	}
}

// shortest returns the shortest way from first to last, both of one knot, over
// one dependency at least: from an entity to itself it is a circle, in which
// the entity stands once.
func (t *knots) shortest(first, last int32) []int32 {
	from := map[int32]int32{}
	for queue := []int32{first}; ; queue = queue[1:] {
		at := queue[0]
		for _, next := range t.to[at] {
			if next == last && first == last {
				return pathTo(first, at, from)
			}
			if _, seen := from[next]; !seen && next != first && t.knotOf[next] == t.knotOf[first] {
				from[next] = at
				queue = append(queue, next)
			}
			if next == last {
				return pathTo(first, next, from)
			}
		}
	}
}

func pathTo(first, last int32, from map[int32]int32) []int32 {
	path := []int32{last}
	for last != first {
		last = from[last]
		path = append(path, last)
	}
	slices.Reverse(path)
	return path
}

func (t *knots) named(numbers []int32) []Ref {
	refs := make([]Ref, len(numbers))
	for i, n := range numbers {
		refs[i] = t.refs[n]
	}
	return refs
}
