package resolvers

import (
	"cmp"
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

// addOwners reads who owns what was found and not listed before; an incident is
// of who owns what it is about.
func (s *survey) addOwners() error {
	var refs []whatchanged.Ref
	for i := range s.all {
		if _, known := s.owners[s.all[i].of]; !known {
			s.owners[s.all[i].of] = nil
			refs = append(refs, s.all[i].of)
		}
	}
	if len(refs) > 0 {
		slices.SortFunc(refs, whatchanged.Ref.Compare)
		l, err := s.index.List(s.ctx, s.view, whatchanged.EntityList{EntitySelection: whatchanged.EntitySelection{Refs: refs, Limit: len(refs)}})
		if err != nil {
			return err
		}
		s.listed(l.Entities)
	}
	for i, n := range s.shown {
		s.out.Items[i].Owner = s.owners[s.all[n].of]
	}
	return nil
}

// listed notes who owns entities.
func (s *survey) listed(all []whatchanged.ListedEntity) {
	for i := range all {
		s.owners[all[i].Ref] = nil
		if o := all[i].Owner; o != nil {
			s.owners[all[i].Ref] = &o.Ref
		}
	}
}

// group counts all that was found by team, region and environment.
func (s *survey) group() {
	teams, regions, environments := map[string]*OverviewGroup{}, map[string]*OverviewGroup{}, map[string]*OverviewGroup{}
	for i := range s.all {
		f := &s.all[i]
		if f.what == showCircle {
			continue
		}
		owner := ""
		if o := s.owners[f.of]; o != nil {
			owner = o.String()
		}
		take(teams, owner, f)
		take(regions, f.at.Region, f)
		take(environments, f.at.Environment, f)
	}
	s.out.Teams, s.out.Regions, s.out.Environments = most(teams), most(regions), most(environments)
}

// take counts a finding for a group.
func take(in map[string]*OverviewGroup, name string, f *finding) {
	g := in[name]
	if g == nil {
		g = &OverviewGroup{Name: name}
		in[name] = g
	}
	alarm := boolInt(f.alarming)
	switch f.what {
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
