package resolvers

import "whatchanged.dev/whatchanged"

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
