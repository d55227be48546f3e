package resolvers

import (
	"slices"

	"whatchanged.dev/whatchanged"
)

const (
	maxAbove        = 5   // groups above an owner
	maxDeclarations = 100 // changes of a group's declaration looked through for the last
)

// groups are what catalogs say of groups, by reference.
type groups map[whatchanged.Ref]group

type group struct {
	parent  whatchanged.Ref // zero: none
	members []whatchanged.Ref
}

// groups reads the declarations of owners and of the groups above them, one
// read for each level.
func (a *asking) groups(owners []whatchanged.Ref) (groups, error) {
	all := groups{}
	level := owners
	for range maxAbove + 1 {
		level = slices.DeleteFunc(slices.Compact(slices.SortedFunc(slices.Values(level), whatchanged.Ref.Compare)),
			func(ref whatchanged.Ref) bool { _, known := all[ref]; return known })
		if len(level) == 0 {
			return all, nil
		}
		s := whatchanged.Selection{Entities: level, Kinds: []whatchanged.EventKind{whatchanged.Topology}, Descending: true, Limit: maxDeclarations}
		pages, err := a.index.ChangesOfEach(a.ctx, a.view, s)
		if err != nil {
			return nil, err
		}
		var next []whatchanged.Ref
		for i, ref := range level {
			all[ref] = groupOf(pages[i].Events)
			if p := all[ref].parent; !p.IsZero() {
				next = append(next, p)
			}
		}
		level = next
	}
	return all, nil
}

// groupOf reads the last declaration, the first of events that tells of
// neither an edge nor a place.
func groupOf(events []*whatchanged.Event) (g group) {
	for _, e := range events {
		if e.Dependency != nil || !e.Placement.IsZero() {
			continue
		}
		said, _ := e.After.Decode().(map[string]any)
		if parent, ok := said["parent"].(string); ok {
			g.parent, _ = whatchanged.ParseRef(parent)
		}
		members, _ := said["members"].([]any)
		for _, m := range members {
			text, _ := m.(string)
			if ref, err := whatchanged.ParseRef(text); err == nil {
				g.members = append(g.members, ref)
			}
		}
		return g
	}
	return g
}

// chain returns an owner and what is above it. A circle of parents ends where
// it began.
func (g groups) chain(owner whatchanged.Ref) []whatchanged.Ref {
	chain := []whatchanged.Ref{owner}
	for len(chain) <= maxAbove {
		above := g[chain[len(chain)-1]].parent
		if above.IsZero() || slices.Contains(chain, above) {
			break
		}
		chain = append(chain, above)
	}
	return chain
}
