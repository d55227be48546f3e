package resolvers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A site is a service in a placement: what is in force there, what was brought
// there and was to be, in order of time.
type site struct {
	service   whatchanged.Ref
	placement whatchanged.Placement
	line      *line // nil when a version was asked for
	inForce   *whatchanged.Event
	events    []*whatchanged.Event
}

type siteKey struct {
	service   whatchanged.Ref
	placement whatchanged.Placement
}

// commitPlaces returns where the services of the sought commits run, and how
// each place stands to them.
func (a *asking) commitPlaces(s *sought, x *excluded) ([]CommitPlace, error) {
	b, err := a.builds(x)
	if err != nil {
		return nil, err
	}
	held, err := a.index.States(a.ctx, a.view, whatchanged.StateSelection{Kinds: []whatchanged.EventKind{whatchanged.Deployment}, Limit: maxHeld})
	if err != nil {
		return nil, err
	}
	of, err := a.builtFrom(s, b, held)
	if err != nil || len(of) == 0 {
		return nil, err
	}
	history, err := a.deployments(of, x)
	if err != nil {
		return nil, err
	}
	rollouts := whatchanged.Rollouts(history, held, a.view.AsOf)
	places := []CommitPlace{}
	for _, st := range sites(of, held, history) {
		if p, ok := st.place(s, b, rollouts); ok {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, func(p, q CommitPlace) int {
		return cmp.Or(p.Service.Compare(q.Service), cmp.Compare(p.Placement.String(), q.Placement.String()))
	})
	return places, nil
}

// builtFrom returns the services that are built from the repositories of the
// sought commits: of the same namespace and name, said so by a catalog, or
// seen to run what is built from them.
func (a *asking) builtFrom(s *sought, b *builds, held []*whatchanged.Event) (map[whatchanged.Ref]*line, error) {
	of := map[whatchanged.Ref]*line{}
	for repository, l := range s.lines {
		if repository.IsZero() {
			continue
		}
		of[whatchanged.Ref{Kind: whatchanged.KindService, Namespace: repository.Namespace, Name: repository.Name}] = l
		edges, err := a.index.Edges(a.ctx, a.view, []whatchanged.Ref{repository}, maxEdges)
		if err != nil {
			return nil, err
		}
		for _, e := range edges {
			if e.To == repository && e.From.Kind == whatchanged.KindService {
				of[e.From] = l
			}
		}
	}
	for _, e := range held {
		if e.Action == whatchanged.ActionObserved {
			continue
		}
		if s.version != "" && e.Version == s.version {
			of[e.Entity] = nil
		}
		for _, l := range s.lines {
			if l.runs(e, b) {
				of[e.Entity] = l
			}
		}
	}
	return of, nil
}

// runs reports whether an event says that it brings what is built from the
// line's repository.
func (l *line) runs(e *whatchanged.Event, b *builds) bool {
	if at := repositoryOf(e); !at.IsZero() {
		return at == l.repository
	}
	return slices.ContainsFunc(b.of(e, l), func(name string) bool {
		return l.landings.Knows(name) || slices.ContainsFunc(l.commits, func(c string) bool { return strings.HasPrefix(c, name) || strings.HasPrefix(name, c) })
	})
}

// deployments reads what was brought to services, and was to be.
func (a *asking) deployments(of map[whatchanged.Ref]*line, x *excluded) ([]*whatchanged.Event, error) {
	sel := whatchanged.Selection{Kinds: []whatchanged.EventKind{whatchanged.Deployment, whatchanged.RolloutKind}, Descending: true, Limit: maxCandidates}
	for ref := range of {
		sel.Entities = append(sel.Entities, ref)
	}
	slices.SortFunc(sel.Entities, whatchanged.Ref.Compare)
	page, err := a.index.Changes(a.ctx, a.view, sel)
	if err != nil {
		return nil, err
	}
	x.add(ReasonBeyondLimit, page.Total-len(page.Events))
	slices.Reverse(page.Events)
	return page.Events, nil
}

// sites sorts events by service and placement.
func sites(of map[whatchanged.Ref]*line, held, history []*whatchanged.Event) map[siteKey]*site {
	all := map[siteKey]*site{}
	at := func(e *whatchanged.Event) *site {
		key := siteKey{e.Entity, e.Placement}
		if all[key] == nil {
			all[key] = &site{service: e.Entity, placement: e.Placement, line: of[e.Entity]}
		}
		return all[key]
	}
	for _, e := range held {
		if _, ours := of[e.Entity]; ours && e.Action != whatchanged.ActionObserved {
			at(e).inForce = e
		}
	}
	for _, e := range history {
		if e.Action != whatchanged.ActionObserved {
			st := at(e)
			st.events = append(st.events, e)
			if brought(e) && (st.inForce == nil || e.Key().Compare(st.inForce.Key()) > 0) {
				st.inForce = e
			}
		}
	}
	return all
}

// brought reports whether what an event brings was there from then on: a
// deployment says so, and a rollout that was promoted.
func brought(e *whatchanged.Event) bool {
	if e.Kind == whatchanged.RolloutKind {
		return e.Version != "" && e.Rollout != nil && e.Rollout.Phase == whatchanged.PhasePromoted
	}
	_, sets := e.StateKey()
	return sets
}

// place says how a site stands to the sought commits; it is not ok where
// nothing runs and nothing of them was to run.
func (st *site) place(s *sought, b *builds, rollouts []*whatchanged.Rollout) (p CommitPlace, ok bool) {
	p = CommitPlace{Service: st.service, Placement: st.placement, State: CommitNeverShipped, Evidence: []string{}}
	by := ""
	if e := st.inForce; e != nil {
		if e.Action == "removed" || e.Action == "deleted" {
			return p, false
		}
		since := e.EffectiveAt
		p.Version, p.Train, p.Since = clip(e.Version), trainOf(e), &since
		p.State, by = s.stands(e, st.line, b)
		p.Evidence = append(p.Evidence, e.ID)
	}
	switch p.State {
	case CommitLive:
		st.since(&p, s, b)
		p.Why = "what runs there contains it"
		st.leaving(&p, s, b, rollouts)
		return p, true
	case CommitReverted:
		p.Why = "what runs there contains it, and " + shortCommit(by) + ", which undoes it"
	case CommitPartly:
		p.Why = "what runs there contains some of the commits"
	case CommitUnknown:
		p.Why = "the landings that are known do not say whether what runs there contains it"
	case CommitNeverShipped:
		if st.inForce != nil {
			p.Why = "what runs there does not contain it"
			st.before(&p, s, b)
		}
	}
	st.going(&p, s, b, rollouts)
	return p, st.inForce != nil || p.Rollout != ""
}

// since finds when what is live came: with the first of the builds without a
// break that have it.
func (st *site) since(p *CommitPlace, s *sought, b *builds) {
	for _, e := range slices.Backward(st.events) {
		if !brought(e) || e.EffectiveAt.After(*p.Since) {
			continue
		}
		if state, _ := s.stands(e, st.line, b); state != CommitLive {
			return
		}
		p.since(e.EffectiveAt, e.ID)
	}
}

func (p *CommitPlace) since(at time.Time, ids ...string) {
	p.Since = &at
	for _, id := range ids {
		if !slices.Contains(p.Evidence, id) {
			p.Evidence = append(p.Evidence, id)
		}
	}
}

// before tells whether the commits were there until what runs now came.
func (st *site) before(p *CommitPlace, s *sought, b *builds) {
	for _, e := range slices.Backward(st.events) {
		if !brought(e) || e == st.inForce {
			continue
		}
		if state, _ := s.stands(e, st.line, b); state != CommitLive && state != CommitPartly && state != CommitReverted {
			continue
		}
		p.Evidence = append(p.Evidence, e.ID)
		p.State, p.Why = CommitSuperseded, "it was there until something without it came"
		if strings.EqualFold(st.inForce.Action, "rolledBack") || st.line.older(st.inForce, b) {
			p.State, p.Why = CommitRolledBack, "it was there until something older came back"
		}
		return
	}
	if st.line.older(st.inForce, b) {
		p.Why = "what runs there comes before it"
	}
}

// going tells of the last rollout that brings the commits to a place that does
// not have them, or was to.
func (st *site) going(p *CommitPlace, s *sought, b *builds, rollouts []*whatchanged.Rollout) {
	for _, r := range rollouts { // the last to move first
		if r.Entity != st.service || !slices.Contains(r.Placements(), st.placement) || st.brings(r, s, b) != CommitLive {
			continue
		}
		phase, id, at := phaseIn(r, st.placement)
		switch {
		case phase == "" && !r.Phase.Ended():
			p.Rollout, p.Why = r.ID, "it is yet to come there by "+r.ID
		case phase == "" || phase == whatchanged.PhasePromoted:
			continue
		case !phase.Ended() && r.Phase.Ended():
			p.State, p.Rollout, p.Why = CommitSuperseded, r.ID, fmt.Sprintf("the rollout that was to bring it is %s", r.Phase)
			p.since(at, id)
		case !phase.Ended():
			p.State, p.Rollout, p.Why = CommitInProgress, r.ID, fmt.Sprintf("the rollout that brings it is %s", phase)
			p.since(r.StartedAt, id)
		case p.State == CommitNeverShipped:
			p.State, p.Rollout, p.Why = endedAs[phase], r.ID, fmt.Sprintf("the rollout that was to bring it is %s", phase)
			p.since(at, id)
		}
		return
	}
}

// leaving tells of a rollout under way that brings what does not have the
// commits to a place that does.
func (st *site) leaving(p *CommitPlace, s *sought, b *builds, rollouts []*whatchanged.Rollout) {
	for _, r := range rollouts {
		phase, id, _ := phaseIn(r, st.placement)
		if r.Entity == st.service && !r.Phase.Ended() && phase != "" && !phase.Ended() && st.brings(r, s, b) == CommitNeverShipped {
			p.Rollout, p.Why = r.ID, fmt.Sprintf("what runs there contains it; what %s brings, which is %s, does not", r.ID, phase)
			p.Evidence = append(p.Evidence, id)
			return
		}
	}
}

// endedAs is how a commit stands where the rollout that was to bring it ended.
// What failed was never there.
var endedAs = map[whatchanged.Phase]CommitState{
	whatchanged.PhaseAborted: CommitRolledBack, whatchanged.PhaseRolledBack: CommitRolledBack,
	whatchanged.PhaseSuperseded: CommitSuperseded, whatchanged.PhaseFailed: CommitNeverShipped,
}

// brings says how what a rollout brings stands to the commits.
func (st *site) brings(r *whatchanged.Rollout, s *sought, b *builds) CommitState {
	e := &whatchanged.Event{Version: r.Version}
	if i := slices.IndexFunc(st.events, func(e *whatchanged.Event) bool { return e.Version == r.Version && slices.Contains(r.Steps, e.ID) }); i >= 0 {
		e = st.events[i]
	}
	state, _ := s.stands(e, st.line, b)
	return state
}

// phaseIn returns the phase that a rollout was last said to be in, in a
// placement; "" when it has not been there.
func phaseIn(r *whatchanged.Rollout, at whatchanged.Placement) (phase whatchanged.Phase, id string, since time.Time) {
	for _, m := range r.Moments {
		if m.Placement == at {
			phase, id, since = m.Phase, m.ID, m.At
		}
	}
	return phase, id, since
}
