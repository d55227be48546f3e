package whatchanged

import (
	"cmp"
	"maps"
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
		first := slices.MinFunc(knot, Ref.Compare)
		circles = append(circles, t.shortest(first, first, knot))
	}
	slices.SortFunc(circles, func(a, b []Ref) int { return a[0].Compare(b[0]) })
	return circles
}

// CirclesThrough returns for each of some arcs, which must be among arcs, the
// shortest circle that it is a part of, if there is one; each circle once, at
// most limit of them, spelled and ordered as [Circles] does.
func CirclesThrough(arcs, through []Arc, limit int) [][]Ref {
	t := tie(arcs)
	in := map[Ref]int{}
	for i, knot := range t.found {
		for _, ref := range knot {
			in[ref] = i + 1
		}
	}
	var circles [][]Ref
	for _, a := range slices.SortedFunc(slices.Values(through), Arc.Compare) {
		knot := in[a.From]
		if knot == 0 || knot != in[a.To] || len(circles) >= limit {
			continue
		}
		c := t.shortest(a.To, a.From, t.found[knot-1])
		first := slices.Index(c, slices.MinFunc(c, Ref.Compare))
		circles = append(circles, slices.Concat(c[first:], c[:first]))
	}
	slices.SortFunc(circles, func(a, b []Ref) int { return slices.CompareFunc(a, b, Ref.Compare) })
	return slices.CompactFunc(circles, slices.Equal)
}

// tie finds the knots among arcs.
func tie(arcs []Arc) *knots {
	t := &knots{to: map[Ref][]Ref{}, index: map[Ref]int{}, low: map[Ref]int{}, onStack: map[Ref]bool{}}
	for _, e := range arcs {
		t.to[e.From] = append(t.to[e.From], e.To)
	}
	for from, to := range t.to {
		slices.SortFunc(to, Ref.Compare)
		t.to[from] = slices.Compact(to)
	}
	for _, ref := range slices.SortedFunc(maps.Keys(t.to), Ref.Compare) {
		if _, seen := t.index[ref]; !seen {
			t.visit(ref)
		}
	}
	return t
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
// Tarjan's algorithm.
type knots struct {
	to         map[Ref][]Ref
	index, low map[Ref]int
	stack      []Ref
	onStack    map[Ref]bool
	found      [][]Ref
}

func (t *knots) visit(ref Ref) {
	t.index[ref], t.low[ref] = len(t.index), len(t.index)
	t.stack, t.onStack[ref] = append(t.stack, ref), true
	for _, next := range t.to[ref] {
		if _, seen := t.index[next]; !seen {
			t.visit(next)
			t.low[ref] = min(t.low[ref], t.low[next])
		} else if t.onStack[next] {
			t.low[ref] = min(t.low[ref], t.index[next])
		}
	}
	if t.low[ref] != t.index[ref] {
		return
	}
	begin := len(t.stack) - 1
	for t.stack[begin] != ref {
		begin--
	}
	knot := slices.Clone(t.stack[begin:])
	t.stack = t.stack[:begin]
	for _, r := range knot {
		delete(t.onStack, r)
	}
	if len(knot) > 1 || slices.Contains(t.to[ref], ref) {
		t.found = append(t.found, knot)
	}
}

// shortest returns the shortest way from first to last, both of one knot, over
// one dependency at least: from an entity to itself it is a circle, in which
// the entity stands once.
func (t *knots) shortest(first, last Ref, knot []Ref) []Ref {
	inside := map[Ref]bool{}
	for _, ref := range knot {
		inside[ref] = true
	}
	from := map[Ref]Ref{}
	for queue := []Ref{first}; ; queue = queue[1:] {
		at := queue[0]
		for _, next := range t.to[at] {
			if next == last && first == last {
				return pathTo(first, at, from)
			}
			if _, seen := from[next]; !seen && next != first && inside[next] {
				from[next] = at
				queue = append(queue, next)
			}
			if next == last {
				return pathTo(first, next, from)
			}
		}
	}
}

func pathTo(first, last Ref, from map[Ref]Ref) []Ref {
	path := []Ref{last}
	for last != first {
		last = from[last]
		path = append(path, last)
	}
	slices.Reverse(path)
	return path
}
