package ingest

import (
	"maps"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// Circles returns the circles among dependencies: entities that depend on
// themselves by way of others. Where circles share entities, the shortest
// through the first of them is returned; when it is broken, the next will show.
// Each begins with its first entity in the order of references, which is not
// repeated at the end, and they come in that order too.
func Circles(edges []Edge) [][]whatchanged.Ref {
	t := knots{to: map[whatchanged.Ref][]whatchanged.Ref{}, index: map[whatchanged.Ref]int{}, low: map[whatchanged.Ref]int{}, onStack: map[whatchanged.Ref]bool{}}
	for _, e := range edges {
		t.to[e.From] = append(t.to[e.From], e.To)
	}
	for from, to := range t.to {
		slices.SortFunc(to, whatchanged.Ref.Compare)
		t.to[from] = slices.Compact(to)
	}
	for _, ref := range slices.SortedFunc(maps.Keys(t.to), whatchanged.Ref.Compare) {
		if _, seen := t.index[ref]; !seen {
			t.visit(ref)
		}
	}
	var circles [][]whatchanged.Ref
	for _, knot := range t.found {
		first := slices.MinFunc(knot, whatchanged.Ref.Compare)
		circles = append(circles, t.shortest(first, knot))
	}
	slices.SortFunc(circles, func(a, b []whatchanged.Ref) int { return a[0].Compare(b[0]) })
	return circles
}

// CircleText spells a circle: a → b → a.
func CircleText(circle []whatchanged.Ref) string {
	var b strings.Builder
	for _, ref := range circle {
		b.WriteString(ref.String() + " → ")
	}
	return b.String() + circle[0].String()
}

// knots finds the strongly connected components that hold a circle, by
// Tarjan's algorithm.
type knots struct {
	to         map[whatchanged.Ref][]whatchanged.Ref
	index, low map[whatchanged.Ref]int
	stack      []whatchanged.Ref
	onStack    map[whatchanged.Ref]bool
	found      [][]whatchanged.Ref
}

func (t *knots) visit(ref whatchanged.Ref) {
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

// shortest returns the shortest circle through first, which a knot has.
func (t *knots) shortest(first whatchanged.Ref, knot []whatchanged.Ref) []whatchanged.Ref {
	inside := map[whatchanged.Ref]bool{}
	for _, ref := range knot {
		inside[ref] = true
	}
	from := map[whatchanged.Ref]whatchanged.Ref{}
	for queue := []whatchanged.Ref{first}; ; queue = queue[1:] {
		at := queue[0]
		for _, next := range t.to[at] {
			if next == first {
				return pathTo(first, at, from)
			}
			if _, seen := from[next]; !seen && inside[next] {
				from[next] = at
				queue = append(queue, next)
			}
		}
	}
}

func pathTo(first, last whatchanged.Ref, from map[whatchanged.Ref]whatchanged.Ref) []whatchanged.Ref {
	path := []whatchanged.Ref{last}
	for last != first {
		last = from[last]
		path = append(path, last)
	}
	slices.Reverse(path)
	return path
}
