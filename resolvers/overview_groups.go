package resolvers

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// maxGroups bounds how many teams, regions or environments are counted apart.
const maxGroups = 10

// An OverviewGroup counts what is going on for one team, or in one region or
// environment. The name is empty where that is not told.
type OverviewGroup struct {
	Name      string `json:"name"`
	Incidents int    `json:"incidents"`
	Rollouts  int    `json:"rollouts"`
	Stuck     int    `json:"stuck"`
	Changes   int    `json:"changes"`
	Unchecked int    `json:"unchecked"`
	Drift     int    `json:"drift"`
}

// addOwners says of all that was found who owns it; an incident is of who owns
// what it is about.
func (s *survey) addOwners() error {
	var refs []whatchanged.Ref
	for i := range s.all {
		if _, listed := s.owners[s.all[i].owned()]; !listed {
			refs = append(refs, s.all[i].owned())
		}
	}
	by := map[whatchanged.Ref]whatchanged.ListedEntity{}
	if len(refs) > 0 {
		refs = slices.Compact(slices.SortedFunc(slices.Values(refs), whatchanged.Ref.Compare))
		l, err := s.index.List(s.ctx, s.view, whatchanged.EntityList{EntitySelection: whatchanged.EntitySelection{Refs: refs, Limit: len(refs)}})
		if err != nil {
			return err
		}
		by = listedBy(l.Entities)
	}
	maps.Copy(by, s.owners)
	for i := range s.all {
		if o := by[s.all[i].owned()].Owner; o != nil {
			s.all[i].Owner = &o.Ref
		}
	}
	return nil
}

// owned is what of an item has an owner.
func (o *OverviewItem) owned() whatchanged.Ref {
	if len(o.about) > 0 {
		return o.about[0]
	}
	return o.Entity
}

// group counts all that was found by team, region and environment.
func (s *survey) group() {
	teams, regions, environments := map[string]*OverviewGroup{}, map[string]*OverviewGroup{}, map[string]*OverviewGroup{}
	for i := range s.all {
		item := &s.all[i]
		if item.What == showCircle {
			continue
		}
		owner := ""
		if item.Owner != nil {
			owner = item.Owner.String()
		}
		take(teams, owner, item)
		take(regions, item.Placement.Region, item)
		take(environments, item.Placement.Environment, item)
	}
	s.out.Teams, s.out.Regions, s.out.Environments = most(teams), most(regions), most(environments)
}

// take counts an item for a group.
func take(in map[string]*OverviewGroup, name string, item *OverviewItem) {
	g := in[name]
	if g == nil {
		g = &OverviewGroup{Name: name}
		in[name] = g
	}
	alarm := boolInt(item.alarming)
	switch item.What {
	case showIncident:
		g.Incidents++
	case showRollout:
		g.Rollouts, g.Stuck = g.Rollouts+1, g.Stuck+alarm
	case showChange:
		g.Changes, g.Unchecked = g.Changes+1, g.Unchecked+alarm
	case showDrift:
		g.Drift++
	}
}

// most returns the groups where most is amiss first.
func most(by map[string]*OverviewGroup) []OverviewGroup {
	out := []OverviewGroup{}
	for _, g := range by {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(g, h OverviewGroup) int {
		return cmp.Or(cmp.Compare(h.Incidents, g.Incidents), cmp.Compare(h.Stuck, g.Stuck), cmp.Compare(h.Unchecked, g.Unchecked),
			cmp.Compare(h.Drift, g.Drift), cmp.Compare(h.Rollouts, g.Rollouts), cmp.Compare(h.Changes, g.Changes), cmp.Compare(g.Name, h.Name))
	})
	return out[:min(len(out), maxGroups)]
}

// text is the counts that are not nothing.
func (g *OverviewGroup) text() string {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{{g.Incidents, "incident"}, {g.Rollouts, "rollout"}, {g.Stuck, "stuck rollout"}, {g.Changes, "change"}, {g.Unchecked, "unchecked change"}, {g.Drift, "drifting value"}} {
		if c.n > 0 {
			parts = append(parts, count(c.n, c.what))
		}
	}
	return strings.Join(parts, ", ")
}
