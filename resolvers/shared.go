package resolvers

import (
	"maps"
	"math/bits"
	"slices"

	"whatchanged.dev/whatchanged"
)

// maxHurting is how many entities of a scope are asked one by one what they
// depend on.
const maxHurting = 20

// shared counts for each entity how many of several hurting ones depend on it,
// or are it: what they have in common may have hurt them all. Nil when fewer
// than two hurt, or too many to ask.
func (a *asking) shared(scope []whatchanged.Ref, hops int) (map[whatchanged.Ref]int, error) {
	if len(scope) < 2 || len(scope) > maxHurting {
		return nil, nil
	}
	reached, whole, err := a.reachedBy(scope, hops)
	if err != nil {
		return nil, err
	}
	if !whole {
		return a.sharedOneByOne(scope, hops)
	}
	by := map[whatchanged.Ref]int{}
	for ref, of := range reached {
		by[ref] = bits.OnesCount32(of)
	}
	return by, nil
}

// reachedBy follows what several entities depend on, all of them at once, by
// one read for each edge of the way: of each entity it returns which of them
// lead to it, a bit for each. whole is false when there were too many edges.
func (a *asking) reachedBy(scope []whatchanged.Ref, hops int) (reached map[whatchanged.Ref]uint32, whole bool, err error) {
	reached = map[whatchanged.Ref]uint32{}
	for i, ref := range scope {
		reached[ref] |= 1 << i
	}
	level := maps.Clone(reached)
	for range hops {
		if len(level) == 0 {
			break
		}
		refs := slices.SortedFunc(maps.Keys(level), whatchanged.Ref.Compare)
		edges, err := a.index.Edges(a.ctx, a.view, refs, maxEdges)
		if err != nil || len(edges) == maxEdges {
			return nil, false, err
		}
		next := map[whatchanged.Ref]uint32{}
		for _, e := range edges {
			if further := level[e.From] &^ reached[e.To]; further != 0 {
				next[e.To] |= further
			}
		}
		for ref, of := range next {
			reached[ref] |= of
		}
		level = next
	}
	return reached, true, nil
}

// sharedOneByOne is shared where what many things depend on is in the way: each
// of the scope is asked by itself.
func (a *asking) sharedOneByOne(scope []whatchanged.Ref, hops int) (map[whatchanged.Ref]int, error) {
	by := map[whatchanged.Ref]int{}
	for _, ref := range scope {
		by[ref]++
		if hops == 0 {
			continue
		}
		found, err := a.index.Reach(a.ctx, a.view, whatchanged.Walk{From: []whatchanged.Ref{ref}, Direction: whatchanged.DependsOn, Hops: hops, Limit: maxReached})
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			by[f.Ref]++
		}
	}
	return by, nil
}
