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

// maxCard bounds how many changes of an entity its card is made from.
const maxCard = 1000

// ServiceInput asks for the card of a service.
type ServiceInput struct {
	Service string                `json:"service"`
	AsOf    *whatchanged.When     `json:"asOf"`
	KnownAt *whatchanged.When     `json:"knownAt"`
	After   *whatchanged.Position `json:"after"`
	Limit   int                   `json:"limit"`
}

// Service answers ServiceInput. Items are the recent changes, latest first.
type Service struct {
	Envelope
	Entity     whatchanged.Ref       `json:"entity"`
	Owner      *whatchanged.Ref      `json:"owner"`
	Owners     []whatchanged.Ref     `json:"owners"`
	Members    []whatchanged.Ref     `json:"members"`
	OnCall     *OnCall               `json:"onCall"`
	About      whatchanged.Value     `json:"about"`
	Links      []whatchanged.Link    `json:"links"`
	Versions   []RunningVersion      `json:"versions"`
	DependsOn  []whatchanged.Edge    `json:"dependsOn"`
	Dependents []whatchanged.Edge    `json:"dependents"`
	Reads      []whatchanged.Ref     `json:"reads"`
	Rollouts   []whatchanged.Rollout `json:"rollouts"`
	Items      []ChangeBrief         `json:"items"`
}

// A RunningVersion is the version that the last deployment in a placement
// brought.
type RunningVersion struct {
	Placement whatchanged.Placement `json:"placement"`
	Version   string                `json:"version"`
	Since     time.Time             `json:"since"`
	ID        string                `json:"id"`
}

// Service returns the card of a service as of a moment.
func (r *Resolver) Service(ctx context.Context, in ServiceInput) (*Service, error) {
	return ask(ctx, r, "service", in, (*asking).service)
}

func (a *asking) service(in ServiceInput) (*Service, error) {
	if err := checkLimit(in.Limit, 100); err != nil {
		return nil, err
	}
	if err := a.begin(in, times{Until: in.AsOf, KnownAt: in.KnownAt, After: in.After}); err != nil {
		return nil, err
	}
	ref, err := a.entity(strings.TrimSpace(in.Service))
	if err != nil {
		return nil, whatchanged.AsError(err).In("service")
	}
	out := &Service{Entity: ref, Links: []whatchanged.Link{}}
	if out.Envelope, err = a.envelope(ref); err != nil {
		return nil, err
	}
	page, err := a.index.Changes(a.ctx, a.view, whatchanged.Selection{Entities: []whatchanged.Ref{ref}, Descending: true, Limit: maxCard})
	if err != nil {
		return nil, err
	}
	edges, err := a.index.Edges(a.ctx, a.view, []whatchanged.Ref{ref}, maxEdges)
	if err != nil {
		return nil, err
	}
	var x excluded
	x.add(ReasonBeyondLimit, page.Total-len(page.Events))
	out.connect(edges)
	out.fill(page.Events, in.Limit)
	held, err := a.holding(page.Events)
	if err != nil {
		return nil, err
	}
	for _, r := range whatchanged.Rollouts(page.Events, held, a.view.AsOf) {
		if !r.Phase.Ended() {
			out.Rollouts = append(out.Rollouts, *r)
		}
	}
	if err := a.own(out); err != nil {
		return nil, err
	}
	out.Total, out.Truncated, out.Excluded = page.Total, page.Total > len(out.Items), x.list()
	out.Quoted = []string{"about", "links", "onCall.people", "items.summary", "items.actor.name"}
	out.Verdict = out.verdict()
	scope := map[string]any{"scope": []string{ref.String()}}
	out.Next = []Call{a.call("whatChanged", "what changed around it", scope), a.call("topology", "further than one edge", map[string]any{"scope": scope["scope"], "hops": 2})}
	return out, nil
}

// connect sorts the edges by which end the service is; what it reads is told
// apart from what it calls.
func (s *Service) connect(edges []whatchanged.Edge) {
	s.DependsOn, s.Dependents, s.Reads = []whatchanged.Edge{}, []whatchanged.Edge{}, []whatchanged.Ref{}
	for _, e := range edges {
		switch {
		case e.From != s.Entity:
			s.Dependents = append(s.Dependents, e)
		case !read[e.To.Kind]:
			s.DependsOn = append(s.DependsOn, e)
		case !slices.Contains(s.Reads, e.To):
			s.Reads = append(s.Reads, e.To)
		}
	}
}

// fill reads the card from the entity's changes, latest first: of each thing
// the last that was said holds.
func (s *Service) fill(events []*whatchanged.Event, limit int) {
	s.Versions, s.Rollouts, s.Items = []RunningVersion{}, []whatchanged.Rollout{}, []ChangeBrief{}
	for _, e := range events {
		if len(s.Items) < limit {
			s.Items = append(s.Items, brief(e))
		}
		switch e.Kind {
		case whatchanged.Topology:
			s.describe(e)
		case whatchanged.Deployment, whatchanged.RolloutKind:
			s.runs(e)
		}
	}
	slices.SortFunc(s.Versions, func(v, w RunningVersion) int { return cmp.Compare(v.Placement.String(), w.Placement.String()) })
}

// describe takes what a catalog said of the service itself, not of an edge.
func (s *Service) describe(e *whatchanged.Event) {
	if e.Dependency == nil && s.About == nil && e.After != nil {
		s.About, s.Links = e.After, filled(e.Links)
	}
}

// runs notes the version that a deployment brought, if none later did in that
// placement. A rollout that has not got there brings none yet, and one that
// did not keep its version brings none.
func (s *Service) runs(e *whatchanged.Event) {
	if e.Version == "" || e.Rollout != nil && e.Rollout.Phase != whatchanged.PhasePromoted ||
		slices.ContainsFunc(s.Versions, func(v RunningVersion) bool { return v.Placement == e.Placement }) {
		return
	}
	s.Versions = append(s.Versions, RunningVersion{Placement: e.Placement, Version: e.Version, Since: e.EffectiveAt, ID: e.ID})
}

// own tells who owns the service, who is above and in that group, and who is
// on call.
func (a *asking) own(s *Service) error {
	s.Owners, s.Members = []whatchanged.Ref{}, []whatchanged.Ref{}
	l, err := a.index.List(a.ctx, a.view, whatchanged.EntityList{EntitySelection: whatchanged.EntitySelection{Refs: []whatchanged.Ref{s.Entity}, Limit: 1}})
	if err != nil {
		return err
	}
	if len(l.Entities) > 0 && l.Entities[0].Owner != nil {
		s.Owner = &l.Entities[0].Owner.Ref
		above, err := a.groups([]whatchanged.Ref{*s.Owner})
		if err != nil {
			return err
		}
		s.Owners, s.Members = above.chain(*s.Owner), filled(above[*s.Owner].members)
	}
	refs := append([]whatchanged.Ref{s.Entity}, s.Owners...)
	by, err := a.onCall(refs)
	s.OnCall = nearest(by, refs...)
	return err
}

func (s *Service) verdict() string {
	owner := "no owner known"
	if s.Owner != nil {
		owner = "owned by " + s.Owner.String()
	}
	if s.OnCall != nil {
		owner += "; on call: " + strings.Join(s.OnCall.People, ", ")
	}
	return fmt.Sprintf("%v: %s; runs in %s; depends on %d, %d depend on it; %s in flight.", s.Entity, owner,
		count(len(s.Versions), "known place"), len(s.DependsOn), len(s.Dependents), count(len(s.Rollouts), "rollout"))
}

// IDs implements [Answered].
func (s *Service) IDs() []string {
	ids := []string{}
	for _, v := range s.Versions {
		ids = append(ids, v.ID)
	}
	if s.OnCall != nil {
		ids = append(ids, s.OnCall.ID)
	}
	for _, e := range slices.Concat(s.DependsOn, s.Dependents) {
		ids = append(ids, e.ID)
	}
	for _, r := range s.Rollouts {
		ids = append(ids, r.Steps...)
	}
	for _, c := range s.Items {
		ids = append(ids, c.ID)
	}
	return ids
}

// Table implements [Answered]: a row for each line of the card.
func (s *Service) Table() Table {
	t := Table{Header: []string{"what", "entity or place", "value", "since", "ids"}, Ours: []string{"what", "since"}, Lists: []string{"ids"}}
	row := func(cells ...string) { t.Rows = append(t.Rows, cells) }
	for _, o := range s.Owners {
		row(map[bool]string{true: "owner", false: "above"}[o == *s.Owner], o.String(), "", "", "")
	}
	for _, m := range s.Members {
		row("member", m.String(), "", "", "")
	}
	if o := s.OnCall; o != nil {
		row("on call", o.Of.String(), strings.Join(o.People, ", "), stamp(o.Since), o.ID)
	}
	if s.About != nil {
		row("about", "", s.About.String(), "", "")
	}
	for _, l := range s.Links {
		row("link", l.Rel, l.URL, "", "")
	}
	for _, v := range s.Versions {
		row("runs", v.Placement.String(), v.Version, stamp(v.Since), v.ID)
	}
	for _, e := range s.DependsOn {
		row("depends on", e.To.String(), string(e.Evidence), stamp(e.Since), e.ID)
	}
	for _, e := range s.Dependents {
		row("dependent", e.From.String(), string(e.Evidence), stamp(e.Since), e.ID)
	}
	for _, r := range s.Reads {
		row("reads", r.String(), "", "", "")
	}
	for _, r := range s.Rollouts {
		row("rollout", r.ID, string(r.Phase), stamp(r.StartedAt), strings.Join(r.Steps, "\n"))
	}
	for i := range s.Items {
		c := &s.Items[i]
		row("changed", string(c.Kind)+" "+c.Action+" "+c.Placement.String(), c.Summary, stamp(c.EffectiveAt), c.ID)
	}
	return t
}
