package resolvers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// ImpactInput asks what an action on something could hurt.
type ImpactInput struct {
	Target  string                `json:"target"`
	Action  string                `json:"action"`
	Hops    int                   `json:"hops"`
	AsOf    *whatchanged.When     `json:"asOf"`
	KnownAt *whatchanged.When     `json:"knownAt"`
	After   *whatchanged.Position `json:"after"`
	Limit   int                   `json:"limit"`
	Cursor  *string               `json:"cursor"`
}

// Impact answers ImpactInput: the dependents, nearest first, and of a revert
// whether it is safe.
type Impact struct {
	Envelope
	Entity        whatchanged.Ref   `json:"entity"`
	Change        *ChangeBrief      `json:"change"`
	Places        []ImpactPlace     `json:"places"`
	Rollout       *RolloutCard      `json:"rollout"`
	PlaceCount    int               `json:"placeCount"`
	Safety        *string           `json:"safety"`
	Reasons       []ImpactReason    `json:"reasons"`
	BackToVersion string            `json:"backToVersion"`
	BackTo        whatchanged.Value `json:"backTo"`
	Items         []Dependent       `json:"items"`
}

// A Dependent is an entity that what happens to the target may hurt.
type Dependent struct {
	Entity   whatchanged.Ref   `json:"entity"`
	Hops     int               `json:"hops"`
	Path     []whatchanged.Ref `json:"path"`
	Places   []ImpactPlace     `json:"places"`
	Evidence []string          `json:"evidence"` // ids of the changes that told of the dependencies on the path
}

// The actions that can be asked of.
const (
	actionChange = "change"
	actionDeploy = "deploy"
	actionRevert = "revert"
)

// An endeavour is an impact being answered: what would be done to what.
type endeavour struct {
	*asking
	x       excluded
	action  string
	entity  whatchanged.Ref
	change  *whatchanged.Event // asked of, or in force of what a revert is asked of; nil when none
	reached []whatchanged.Reached
	whole   bool // all that the hops lead to was reached
	states  map[whatchanged.Ref][]*whatchanged.Event
	rollout *whatchanged.Rollout // that the change is a part of, or that is in flight of the target
	near    neighbourhood        // the target and what is one edge away, both ways
	flying  []*whatchanged.Rollout
}

// Impact tells what depends on something, and whether a change can be taken
// back.
func (r *Resolver) Impact(ctx context.Context, in ImpactInput) (*Impact, error) {
	return ask(ctx, r, "impact", in, (*asking).impact)
}

func (a *asking) impact(in ImpactInput) (*Impact, error) {
	if err := checkLimit(in.Limit, maxNeighbours); err != nil {
		return nil, err
	}
	if in.Hops < 1 || in.Hops > maxHops {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%d: want 1 to %d, such as 2", in.Hops, maxHops).In("hops")
	}
	if !slices.Contains([]string{actionChange, actionDeploy, actionRevert}, in.Action) {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want change, deploy or revert", in.Action).In("action")
	}
	if err := a.begin(in, times{Until: in.AsOf, KnownAt: in.KnownAt, After: in.After, Lookback: 24 * time.Hour, Cursor: in.Cursor}); err != nil {
		return nil, err
	}
	d := &endeavour{asking: a, action: in.Action}
	if err := d.aim(strings.TrimSpace(in.Target)); err != nil {
		return nil, err
	}
	if err := d.reach(in.Hops); err != nil {
		return nil, err
	}
	if err := d.readStates(); err != nil {
		return nil, err
	}
	if err := d.inFlight(); err != nil {
		return nil, err
	}
	out := &Impact{Entity: d.entity, Reasons: []ImpactReason{}}
	var err error
	if out.Envelope, err = a.envelope(d.refs()...); err != nil {
		return nil, err
	}
	if err := d.fill(out, in.Limit); err != nil {
		return nil, err
	}
	if d.action == actionRevert {
		if err := d.judge(out); err != nil {
			return nil, err
		}
	}
	out.asking, out.Excluded = a, d.x.list()
	out.Quoted = []string{"change.summary", "change.actor.name", "backTo", "backToVersion", "places.version", "items.places.version", "rollout.pausedWhy", "rollout.version", "rollout.previousVersion"}
	out.Verdict = d.verdict(out, in.Hops)
	out.Next = d.next(out)
	return out, nil
}

// aim settles the target: the id of a change, or what names an entity.
func (d *endeavour) aim(target string) error {
	if target == "" {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "no target: want the id of a change, or an entity such as service:acme/checkout").In("target")
	}
	page, err := d.index.Changes(d.ctx, d.seeing(whatchanged.MaxTime), whatchanged.Selection{IDs: []string{target}, Interval: whatchanged.Always, Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Events) > 0 {
		return d.take(page.Events[0])
	}
	if d.entity, err = d.entityOf(target, func(k whatchanged.Kind) bool { return k == whatchanged.KindService || read[k] }); err != nil {
		e := whatchanged.AsError(err).In("target")
		if e.Code == whatchanged.CodeNotFound {
			e.Message = strings.Replace(e.Message, "entity", "change or entity", 1)
		}
		return e
	}
	return nil
}

// take makes a change what the question is about; the interval is the time
// since it took effect.
func (d *endeavour) take(e *whatchanged.Event) error {
	if e.Kind == whatchanged.Incident {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q is an incident: want a change, or ask incidentBrief", e.ID).In("target")
	}
	d.change, d.entity = e, e.Entity
	if e.EffectiveAt.Before(d.interval.From) {
		d.interval.From = e.EffectiveAt
	}
	return nil
}

// reach walks to what depends on the target.
func (d *endeavour) reach(hops int) (err error) {
	d.reached, err = d.index.Reach(d.ctx, d.view, whatchanged.Walk{From: []whatchanged.Ref{d.entity}, Direction: whatchanged.Dependents, Hops: hops, Limit: maxReached})
	d.whole = len(d.reached) < maxReached
	return err
}

// refs returns the target and what depends on it.
func (d *endeavour) refs() []whatchanged.Ref {
	refs := []whatchanged.Ref{d.entity}
	for _, r := range d.reached {
		refs = append(refs, r.Ref)
	}
	return refs
}

// readStates reads what holds of the target and of its dependents, from which
// follows where they are. Of what a revert is asked of without a change, the
// one in force is meant.
func (d *endeavour) readStates() error {
	events, err := d.index.States(d.ctx, d.view, whatchanged.StateSelection{Entities: d.refs(), Limit: maxHeld})
	if err != nil {
		return err
	}
	d.states = map[whatchanged.Ref][]*whatchanged.Event{}
	for _, e := range events {
		if e.Action != whatchanged.ActionObserved {
			d.states[e.Entity] = append(d.states[e.Entity], e)
		}
	}
	if of := d.states[d.entity]; d.action == actionRevert && d.change == nil && len(of) > 0 {
		return d.take(slices.MaxFunc(of, func(e, f *whatchanged.Event) int { return e.Key().Compare(f.Key()) }))
	}
	return nil
}

// inFlight finds what is going out of the target and of what is next to it.
func (d *endeavour) inFlight() error {
	d.near = neighbourhood{d.entity: {Ref: d.entity, Path: []whatchanged.Ref{d.entity}}}
	for _, r := range d.reached {
		if r.Hops == 1 {
			d.near[r.Ref] = r
		}
	}
	needed, err := d.index.Reach(d.ctx, d.view, whatchanged.Walk{From: []whatchanged.Ref{d.entity}, Direction: whatchanged.DependsOn, Hops: 1, Limit: maxReached})
	if err != nil {
		return err
	}
	for _, r := range needed {
		d.near[r.Ref] = r
	}
	all, err := d.rolloutsSince(d.near, rolloutsAgo, &d.x)
	if err != nil {
		return err
	}
	for _, r := range all {
		mine := r.Entity == d.entity && d.change != nil && slices.Contains(r.Steps, d.change.ID)
		if !r.Phase.Ended() {
			d.flying = append(d.flying, r)
		}
		if mine || d.rollout == nil && d.change == nil && r.Entity == d.entity && !r.Phase.Ended() {
			d.rollout = r
		}
	}
	return nil
}

// rolloutsSince derives the rollouts of a neighbourhood that moved in the time
// before the view's moment.
func (a *asking) rolloutsSince(near neighbourhood, ago time.Duration, x *excluded) ([]*whatchanged.Rollout, error) {
	b := *a
	b.interval.From = latest(whatchanged.MinTime, a.view.AsOf.Add(-ago))
	return b.rolloutsIn(near, x)
}

// fill puts the dependents of the page into the answer.
func (d *endeavour) fill(out *Impact, limit int) error {
	if d.change != nil {
		b := brief(d.change)
		out.Change = &b
	}
	if d.rollout != nil {
		c := cardOf(d.rollout, neighbourhood{d.entity: {Ref: d.entity, Path: []whatchanged.Ref{d.entity}}})
		out.Rollout = &c
	}
	out.Places = d.placesOf(d.entity)
	out.PlaceCount = d.countPlaces()
	from, to, more := d.page(len(d.reached), limit)
	out.Items, out.Total, out.Truncated = []Dependent{}, len(d.reached), more
	for _, r := range d.reached[from:to] {
		out.Items = append(out.Items, Dependent{Entity: r.Ref, Hops: r.Hops, Path: r.Path, Places: d.placesOf(r.Ref), Evidence: []string{}})
	}
	if more {
		out.Cursor = d.cursorAt(to)
	}
	if !d.whole {
		d.x.add(ReasonBeyondReach, 1)
	}
	return d.evidence(out.Items)
}

// evidence names the changes that told of the dependencies on each path. The
// target itself need not be asked of: every edge has an end further away.
func (d *endeavour) evidence(items []Dependent) error {
	var refs []whatchanged.Ref
	for _, n := range items {
		refs = append(refs, n.Path[1:]...)
	}
	if len(refs) == 0 {
		return nil
	}
	slices.SortFunc(refs, whatchanged.Ref.Compare)
	edges, err := d.index.Edges(d.ctx, d.view, slices.Compact(refs), maxEdges)
	if err != nil {
		return err
	}
	if len(edges) == maxEdges {
		d.x.add(ReasonTooManyEdges, 1)
	}
	told := map[whatchanged.Arc]string{}
	for _, e := range edges {
		told[whatchanged.Arc{From: e.From, To: e.To}] = e.ID
	}
	for i := range items {
		path := items[i].Path
		for n := 1; n < len(path); n++ {
			if id, ok := told[whatchanged.Arc{From: path[n], To: path[n-1]}]; ok {
				items[i].Evidence = append(items[i].Evidence, id)
			}
		}
	}
	return nil
}

func (d *endeavour) verdict(out *Impact, hops int) string {
	what := fmt.Sprintf("A %s of %v", d.action, d.entity)
	if d.change != nil {
		what = fmt.Sprintf("%s %s of %v (%s)", map[string]string{actionRevert: "Reverting the", actionDeploy: "Deploying again the", actionChange: "The"}[d.action], d.change.Kind, d.entity, Fence(d.change.ID))
	}
	var s string
	switch {
	case out.Safety != nil:
		s = fmt.Sprintf("%s is %s: %s. ", what, map[string]string{Safe: "safe as far as was told", Unsafe: "unsafe", Unsure: "not known to be safe"}[*out.Safety], d.because(out))
	case d.action == actionRevert:
		s = fmt.Sprintf("Nothing is known of %v that could be reverted. ", d.entity)
	}
	within := "within " + count(hops, "hop")
	if len(d.reached) == 0 {
		s += fmt.Sprintf("Nothing recorded depends on %v as of %s. Coverage: %s.", d.entity, stamp(d.view.AsOf), out.Coverage.Text)
	} else {
		names := []string{}
		for _, r := range d.reached[:min(5, len(d.reached))] {
			names = append(names, r.Ref.String())
		}
		subject := "It"
		if s == "" {
			subject = what
		}
		more := ""
		if n := len(d.reached) - len(names); n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		s += fmt.Sprintf("%s can reach %s in %s %s: %s%s.", subject, countOf(len(d.reached), "dependent", "dependents"), countOf(out.PlaceCount, "known place", "known places"), within, strings.Join(names, ", "), more)
		if !d.whole {
			s += " There are more than were counted."
		}
	}
	if r := out.Rollout; r != nil {
		s += " " + upper(r.sentence(d.view.AsOf)) + "."
	}
	return s
}

// upper makes the first letter of a sentence a capital.
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (d *endeavour) next(out *Impact) []Call {
	next := []Call{}
	if d.change != nil {
		ids := []string{d.change.ID}
		for _, r := range out.Reasons {
			for _, id := range r.Evidence {
				if r.Safety != Safe && len(ids) < maxIDs && !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
		next = append(next, d.call("change", "before, after and diff of it and of what stands against it", map[string]any{"ids": ids}))
	}
	if d.change != nil && d.action != actionRevert {
		next = append(next, d.call("impact", "whether it can be taken back", map[string]any{"target": d.change.ID, "action": actionRevert, "asOf": d.view.AsOf}))
	}
	scope := []string{d.entity.String()}
	if out.Rollout != nil {
		next = append(next, d.call("rollouts", "what is going out there", map[string]any{"scope": scope, "asOf": d.view.AsOf}))
	}
	return append(next, d.call("topology", "how these depend on it, and circles", map[string]any{"scope": scope, "direction": string(whatchanged.Dependents), "hops": 2, "asOf": d.view.AsOf}))
}

// Len implements [Paged].
func (p *Impact) Len() int { return len(p.Items) }

// Cut implements [Paged].
func (p *Impact) Cut(n int) { p.Items = p.Items[:n:n]; p.cutAt(n) }

// IDs implements [Answered].
func (p *Impact) IDs() []string {
	ids := []string{}
	if p.Change != nil {
		ids = append(ids, p.Change.ID)
	}
	for _, r := range p.Reasons {
		ids = append(ids, r.Evidence...)
	}
	for i := range p.Items {
		ids = append(append(ids, p.Items[i].Entity.String()), p.Items[i].Evidence...)
	}
	return ids
}

// Table implements [Answered]: the change, what speaks for and against taking
// it back, where it is, and what depends on it.
func (p *Impact) Table() Table {
	t := Table{Header: []string{"what", "entity", "hops", "places", "path or reason", "ids"}, Ours: []string{"what", "hops", "path or reason"}, Lists: []string{"ids"}}
	if c := p.Change; c != nil {
		t.Rows = append(t.Rows, []string{"change", c.Entity.String(), "", c.Placement.String(), Fence(strings.TrimSpace(c.Action + " " + c.versions())), c.ID})
	}
	for _, r := range p.Reasons {
		t.Rows = append(t.Rows, []string{r.Safety + " " + r.Code, "", "", "", r.Text, strings.Join(r.Evidence, "\n")})
	}
	if p.BackToVersion != "" || p.BackTo != nil {
		t.Rows = append(t.Rows, []string{"back to", p.Entity.String(), "", "", Fence(cmp.Or(p.BackToVersion, p.BackTo.String())), ""})
	}
	if len(p.Places) > 0 {
		t.Rows = append(t.Rows, []string{"target", p.Entity.String(), "0", placesText(p.Places), "", ""})
	}
	for i := range p.Items {
		n := &p.Items[i]
		t.Rows = append(t.Rows, []string{"dependent", n.Entity.String(), strconv.Itoa(n.Hops), placesText(n.Places), trail(n.Path), strings.Join(n.Evidence, "\n")})
	}
	return t
}
