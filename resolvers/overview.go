package resolvers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// Bounds of an overview.
const (
	incidentOpenFor = 30 * 24 * time.Hour // an incident that nothing was heard of for longer is not shown as open
	maxEstate       = 20_000              // entities, to look for circles among
	maxEstateEdges  = 100_000
)

// OverviewInput asks what is going on.
type OverviewInput struct {
	Environment *string               `json:"environment"`
	Regions     []string              `json:"regions"`
	Team        *string               `json:"team"`
	Since       *whatchanged.When     `json:"since"`
	AsOf        *whatchanged.When     `json:"asOf"`
	KnownAt     *whatchanged.When     `json:"knownAt"`
	After       *whatchanged.Position `json:"after"`
	Limit       int                   `json:"limit"`
}

// Overview answers OverviewInput: open incidents, rollouts in flight, the
// riskiest changes, drift and circles, the first few of each.
type Overview struct {
	Envelope
	Counts       OverviewCounts  `json:"counts"`
	Teams        []OverviewGroup `json:"teams"`
	Regions      []OverviewGroup `json:"regions"`
	Environments []OverviewGroup `json:"environments"`
	Items        []OverviewItem  `json:"items"`
}

// OverviewCounts says how much there is, shown or not.
type OverviewCounts struct {
	Incidents int `json:"incidents"` // open
	Rollouts  int `json:"rollouts"`  // in flight
	Stuck     int `json:"stuck"`     // of these
	Changes   int `json:"changes"`   // in the interval, what belongs together counted once
	Unchecked int `json:"unchecked"` // of these: approval or checks were skipped, failed or overridden
	Compared  int `json:"compared"`  // values that were observed, beside what is declared
	Drift     int `json:"drift"`
	Circles   int `json:"circles"`
}

// The sorts of things that an overview tells of, in the order they are shown.
const (
	showIncident = "incident"
	showRollout  = "rollout"
	showChange   = "change"
	showDrift    = "drift"
	showCircle   = "circle"
)

// An OverviewItem is one thing that is going on.
type OverviewItem struct {
	What      string                `json:"what"`
	Entity    whatchanged.Ref       `json:"entity"`
	Placement whatchanged.Placement `json:"placement"`
	Owner     *whatchanged.Ref      `json:"owner"`
	Since     time.Time             `json:"since"`
	Text      string                `json:"text"`
	Reasons   []string              `json:"reasons"`
	IDs       []string              `json:"ids"`
}

// A finding is a thing that is going on, shown as an item or only counted.
type finding struct {
	what     string
	of       whatchanged.Ref // whose owner it is of
	at       whatchanged.Placement
	alarming bool // a stuck rollout, a change that was not checked
}

// A survey is an overview being made.
type survey struct {
	*asking
	filter
	x     excluded
	owned []whatchanged.Ref // by the team asked of; nil when none was
	team  *whatchanged.Ref
	limit int
	out   *Overview
	all   []finding
	shown []int          // of all, which is shown in each item
	count map[string]int // how many of each sort were found: only the first are shown

	sides  *comparison                          // of what is declared with what was observed
	owners map[whatchanged.Ref]*whatchanged.Ref // nil where there is none, as far as they were read
}

// Overview tells what is going on in production.
func (r *Resolver) Overview(ctx context.Context, in OverviewInput) (*Overview, error) {
	return ask(ctx, r, "overview", in, (*asking).overview)
}

func (a *asking) overview(in OverviewInput) (*Overview, error) {
	if err := checkLimit(in.Limit, 50); err != nil {
		return nil, err
	}
	f, err := filterOf(in.Environment, in.Regions, nil)
	if err != nil {
		return nil, err
	}
	if err := a.begin(in, times{Since: in.Since, Until: in.AsOf, KnownAt: in.KnownAt, After: in.After, Lookback: 24 * time.Hour}); err != nil {
		return nil, err
	}
	s := &survey{asking: a, filter: f, limit: in.Limit, out: &Overview{Items: []OverviewItem{}},
		count: map[string]int{}, owners: map[whatchanged.Ref]*whatchanged.Ref{}}
	if err := s.ofTeam(deref(in.Team)); err != nil {
		return nil, err
	}
	if s.out.Envelope, err = a.envelope(s.owned...); err != nil {
		return nil, err
	}
	for _, look := range []func() error{s.holds, s.incidents, s.rollouts, s.changes, s.drift, s.circles, s.addOwners} {
		if err := look(); err != nil {
			return nil, err
		}
	}
	s.group()
	s.out.asking, s.out.Excluded = a, s.x.list()
	s.out.Quoted = []string{"items.text"}
	s.out.Verdict = s.verdict()
	s.out.Next = s.next()
	return s.out, nil
}

// ofTeam reads what a team owns.
func (s *survey) ofTeam(name string) error {
	if name == "" {
		return nil
	}
	team, err := s.owner(strings.TrimSpace(name))
	if err != nil {
		return whatchanged.AsError(err).In("team")
	}
	l, err := s.index.List(s.ctx, s.view, whatchanged.EntityList{EntitySelection: whatchanged.EntitySelection{Limit: maxReached}, Owners: []whatchanged.Ref{team}})
	if err != nil {
		return err
	}
	s.x.add(ReasonBeyondReach, l.Total-len(l.Entities))
	s.team, s.owned = &team, []whatchanged.Ref{team} // never none, which would be everything
	for _, e := range l.Entities {
		s.owned = append(s.owned, e.Ref)
	}
	slices.SortFunc(s.owned, whatchanged.Ref.Compare)
	return nil
}

// owner settles the name of a team: of one that owns something as of the view.
func (s *survey) owner(name string) (whatchanged.Ref, error) {
	l, err := s.index.List(s.ctx, s.view, whatchanged.EntityList{Facets: true})
	if err != nil {
		return whatchanged.Ref{}, err
	}
	var called, all []whatchanged.Ref
	for _, f := range l.Facets.Owners {
		ref, err := whatchanged.ParseRef(f.Value)
		switch {
		case err != nil:
			continue
		case strings.EqualFold(f.Value, name), strings.EqualFold(ref.Name, name), strings.EqualFold(ref.Namespace+"/"+ref.Name, name):
			called = append(called, ref)
		}
		all = append(all, ref)
	}
	switch {
	case len(called) == 1:
		return called[0], nil
	case len(called) > 1:
		e := whatchanged.Errorf(whatchanged.CodeAmbiguous, "%q names %d owners: want one of %s", name, len(called), join(called))
		e.Suggest = texts(called)
		return whatchanged.Ref{}, e
	case len(all) == 0:
		return whatchanged.Ref{}, whatchanged.Errorf(whatchanged.CodeNotFound, "nobody is known to own anything")
	}
	e := whatchanged.Errorf(whatchanged.CodeNotFound, "%q owns nothing: want an owner such as %v", name, all[0])
	e.Suggest = texts(all[:min(len(all), 5)])
	return whatchanged.Ref{}, e
}

// of reports whether an entity is asked of.
func (s *survey) of(ref whatchanged.Ref) bool {
	if s.team == nil {
		return true
	}
	_, ok := slices.BinarySearchFunc(s.owned, ref, whatchanged.Ref.Compare)
	return ok
}

// found notes a thing of a sort. Only if it is among the first it is made an
// item, since there may be thousands.
func (s *survey) found(f finding, item func() OverviewItem) {
	if s.count[f.what]++; s.count[f.what] <= s.limit {
		i := item()
		i.What, i.Placement, i.Reasons, i.IDs = f.what, f.at, filled(i.Reasons), filled(i.IDs)
		s.out.Items, s.shown = append(s.out.Items, i), append(s.shown, len(s.all))
	}
	s.all = append(s.all, f)
	s.out.Total, s.out.Truncated = len(s.all), len(s.out.Items) < len(s.all)
}

// holds reads what holds of all that is asked of, as declared and as observed:
// once, for all that is looked for.
func (s *survey) holds() error {
	c := &comparison{asking: s.asking, aspects: []string{aspectVersions, aspectConfigs, aspectFlags}, whole: s.team == nil, scope: s.owned}
	c.left.at, c.right.at = s.view.AsOf, s.view.AsOf
	if err := c.readStates(&c.left, whatchanged.SettingKinds); err != nil {
		return err
	}
	all := c.left.states
	if c.cut == nil {
		s.held = all
	}
	c.right.Live, c.left.states = true, make([]*whatchanged.Event, 0, len(all))
	for _, e := range all {
		if e.Action == whatchanged.ActionObserved {
			c.right.states = append(c.right.states, e)
		} else {
			c.left.states = append(c.left.states, e)
		}
	}
	s.sides = c
	return nil
}

// incidents looks for those that are open.
func (s *survey) incidents() error {
	page, err := s.index.Changes(s.ctx, s.view, whatchanged.Selection{Kinds: []whatchanged.EventKind{whatchanged.Incident}, Descending: true, Limit: maxIncidents,
		Interval: whatchanged.Interval{From: latest(whatchanged.MinTime, s.view.AsOf.Add(-incidentOpenFor)), To: whatchanged.MaxTime}})
	if err != nil {
		return err
	}
	s.x.add(ReasonBeyondLimit, page.Total-len(page.Events))
	for _, in := range incidentsOf(page.Events) {
		at := in.placement()
		if in.ended != nil || s.match(at) == whatchanged.Outside || !slices.ContainsFunc(append(in.about, in.ref), s.of) {
			continue
		}
		of := in.ref
		if len(in.about) > 0 {
			of = in.about[0]
		}
		s.out.Counts.Incidents++
		s.found(finding{what: showIncident, of: of, at: at}, func() OverviewItem {
			text := "open for " + Human(s.view.AsOf.Sub(in.started))
			if len(in.about) > 0 {
				text += ", of " + join(in.about)
			}
			if in.summary != "" {
				text += ": " + Fence(cut(in.summary, 120))
			}
			return OverviewItem{Entity: in.ref, Since: in.started, Text: text, IDs: in.ids()[:min(len(in.events), maxEvidence)]}
		})
	}
	return nil
}

// rollouts looks for those in flight; what is stuck comes first.
func (s *survey) rollouts() error {
	near := neighbourhood{}
	for _, ref := range s.owned {
		near[ref] = whatchanged.Reached{Ref: ref}
	}
	all, err := s.flyingIn(near, s.filter, &s.x)
	if err != nil {
		return err
	}
	stuckFirst(all)
	for _, r := range all {
		f := finding{what: showRollout, of: r.Entity, alarming: r.Stuck}
		for _, p := range slices.Backward(r.Placements()) {
			if s.match(p) != whatchanged.Outside {
				f.at = p
			}
		}
		var reasons []string
		s.out.Counts.Rollouts++
		if r.Stuck {
			s.out.Counts.Stuck++
			reasons = []string{"STUCK"}
		}
		s.found(f, func() OverviewItem {
			c := cardOf(r, near)
			return OverviewItem{Entity: r.Entity, Since: r.StartedAt, Text: c.sentence(s.view.AsOf), Reasons: reasons, IDs: []string{r.Steps[len(r.Steps)-1]}}
		})
	}
	return nil
}

// drift looks for what runs otherwise than declared.
func (s *survey) drift() error {
	if s.sides.cut != nil {
		s.x.add(ReasonBeyondLimit, 1)
	}
	if len(s.sides.right.states) == 0 {
		return nil
	}
	found, compared := s.sides.differences()
	s.out.Counts.Compared = compared
	slices.SortStableFunc(found, func(d, e Difference) int { return e.Since.Compare(d.Since) })
	for i := range found {
		d := &found[i]
		if !d.Drift || s.match(d.Placement) == whatchanged.Outside {
			continue
		}
		s.out.Counts.Drift++
		s.found(finding{what: showDrift, of: d.Entity, at: d.Placement}, func() OverviewItem {
			item := OverviewItem{Entity: d.Entity, Since: d.Since, Reasons: d.Differs}
			for _, side := range []*SideState{&d.Left, &d.Right} {
				if side.ID != nil && !slices.Contains(item.IDs, *side.ID) {
					item.IDs = append(item.IDs, *side.ID)
				}
			}
			item.Text = "declared " + Fence(cut(d.Left.text(), maxShown)) + ", runs " + Fence(cut(d.Right.text(), maxShown))
			return item
		})
	}
	return nil
}

// circles looks for circles among all that is asked of.
func (s *survey) circles() error {
	list := whatchanged.EntityList{EntitySelection: whatchanged.EntitySelection{Limit: maxEstate}}
	if s.Environment != "" {
		list.Environments = []string{s.Environment}
	}
	list.Regions = s.Regions
	if s.team != nil {
		list.Owners = []whatchanged.Ref{*s.team}
	}
	l, err := s.index.List(s.ctx, s.view, list)
	if err != nil || len(l.Entities) == 0 {
		return err
	}
	s.x.add(ReasonBeyondReach, l.Total-len(l.Entities))
	s.listed(l.Entities)
	refs := make([]whatchanged.Ref, len(l.Entities))
	for i, e := range l.Entities {
		refs[i] = e.Ref
	}
	edges, err := s.index.Edges(s.ctx, s.view, refs, maxEstateEdges)
	if err != nil {
		return err
	}
	if len(edges) == maxEstateEdges {
		s.x.add(ReasonTooManyEdges, 1)
	}
	found, err := s.circlesAmong(refs, edges, s.sides.left.states)
	slices.SortStableFunc(found, func(c, d Circle) int {
		return cmp.Or(cmp.Compare(unlikely(c.Bootstrap), unlikely(d.Bootstrap)), d.Since.Compare(c.Since))
	})
	s.out.Counts.Circles = len(found)
	for _, c := range found {
		s.found(finding{what: showCircle, of: c.Entities[0]}, func() OverviewItem {
			item := OverviewItem{Entity: c.Entities[0], Since: c.Since, Text: c.String(), IDs: c.ids()[:1]}
			if c.Bootstrap {
				item.Reasons = []string{"BOOTSTRAP"}
			}
			return item
		})
	}
	return err
}

// where names what was asked of.
func (s *survey) where() string {
	var parts []string
	if s.Environment != "" {
		parts = append(parts, Fence(s.Environment))
	}
	parts = append(parts, fenced(s.Regions)...)
	where := "everywhere"
	if len(parts) > 0 {
		where = "in " + strings.Join(parts, ", ")
	}
	if s.team != nil {
		where += " for " + s.team.String()
	}
	return where
}

func (s *survey) verdict() string {
	n := s.out.Counts
	what := []string{countOf(n.Incidents, "open incident", "open incidents")}
	flying := count(n.Rollouts, "rollout") + " in flight"
	if n.Stuck > 0 {
		flying += fmt.Sprintf(" (%d stuck)", n.Stuck)
	}
	changes := fmt.Sprintf("%s in %s", count(n.Changes, "change"), Human(s.interval.Duration()))
	if n.Unchecked > 0 {
		changes += fmt.Sprintf(", %d of them past approval or checks", n.Unchecked)
	}
	drift := "nothing was observed that could be compared with what is declared"
	if n.Compared > 0 {
		drift = fmt.Sprintf("%s otherwise than declared, of %d observed", countOf(n.Drift, "value runs", "values run"), n.Compared)
	}
	what = append(what, flying, changes, drift, countOf(n.Circles, "circle", "circles"))
	text := fmt.Sprintf("%s, as of %s: %s.", upper(s.where()), stamp(s.view.AsOf), strings.Join(what, "; "))
	if n == (OverviewCounts{}) {
		text += " Coverage: " + s.out.Coverage.Text + "."
	}
	if len(s.out.Items) > 0 {
		first := &s.out.Items[0]
		text += fmt.Sprintf(" First: %s %v, %s.", first.What, first.Entity, first.Text)
	}
	return text
}

// next asks further of the first of each sort.
func (s *survey) next() []Call {
	next := []Call{}
	place := func(args map[string]any) map[string]any {
		if s.Environment != "" {
			args["environment"] = s.Environment
		}
		if len(s.Regions) > 0 {
			args["regions"] = s.Regions
		}
		args["asOf"] = s.view.AsOf
		return args
	}
	asked := map[string]bool{}
	for i := range s.out.Items {
		item := &s.out.Items[i]
		if asked[item.What] {
			continue
		}
		asked[item.What] = true
		switch item.What {
		case showIncident:
			next = append(next, s.call("incidentBrief", "the first incident", map[string]any{"incident": item.Entity.String(), "asOf": s.view.AsOf}))
		case showRollout:
			next = append(next, s.call("rollouts", "all in flight", place(map[string]any{"state": map[bool]string{true: "STUCK", false: "IN_FLIGHT"}[len(item.Reasons) > 0]})))
		case showChange:
			next = append(next, s.call("impact", "what the riskiest change could hurt", map[string]any{"target": item.IDs[0], "asOf": s.view.AsOf}))
		case showDrift:
			side := func(live bool) map[string]any {
				return map[string]any{"asOf": s.view.AsOf, "environment": s.Environment, "live": live}
			}
			next = append(next, s.call("compare", "all that drifts", map[string]any{"left": side(false), "right": side(true), "driftOnly": true}))
		case showCircle:
			next = append(next, s.call("topology", "the circle and what is around it", map[string]any{"scope": []string{item.Entity.String()}, "hops": 2, "asOf": s.view.AsOf}))
		}
	}
	if s.team == nil {
		args := place(map[string]any{"since": s.interval.From, "until": s.interval.To})
		next = append(next, s.call("timeline", "all that changed", args))
	}
	return next
}

// IDs implements [Answered].
func (o *Overview) IDs() []string {
	ids := []string{}
	for i := range o.Items {
		ids = append(append(ids, o.Items[i].Entity.String()), o.Items[i].IDs...)
	}
	return ids
}

// Table implements [Answered]: the items, then the counts by team, region and
// environment.
func (o *Overview) Table() Table {
	t := Table{Header: []string{"what", "entity", "where", "owner", "since", "text", "reasons", "ids"}, Ours: []string{"what", "since", "text", "reasons"}, Lists: []string{"ids"}}
	for i := range o.Items {
		item := &o.Items[i]
		owner := ""
		if item.Owner != nil {
			owner = item.Owner.String()
		}
		t.Rows = append(t.Rows, []string{item.What, item.Entity.String(), item.Placement.String(), owner, stamp(item.Since), item.Text, strings.Join(item.Reasons, " "), strings.Join(item.IDs, "\n")})
	}
	for _, by := range []struct {
		what   string
		groups []OverviewGroup
	}{{"by team", o.Teams}, {"by region", o.Regions}, {"by environment", o.Environments}} {
		for _, g := range by.groups {
			t.Rows = append(t.Rows, []string{by.what, cmp.Or(g.Name, "not told"), "", "", "", g.text(), "", ""})
		}
	}
	return t
}
