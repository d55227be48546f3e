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

const (
	briefHops   = 2
	maxOwned    = 6 // entities whose owners are told
	maxInFlight = 3 // rollouts told of
)

// IncidentBriefInput asks for a briefing on an incident, or on trouble that no
// source calls one.
type IncidentBriefInput struct {
	Incident    *string               `json:"incident"`
	Scope       []string              `json:"scope"`
	Onset       *whatchanged.When     `json:"onset"`
	Environment *string               `json:"environment"`
	Regions     []string              `json:"regions"`
	AsOf        *whatchanged.When     `json:"asOf"`
	KnownAt     *whatchanged.When     `json:"knownAt"`
	After       *whatchanged.Position `json:"after"`
	Limit       int                   `json:"limit"`
}

// IncidentBrief answers IncidentBriefInput. Its items are the first suspects,
// ranked as [WhatChanged] ranks them.
type IncidentBrief struct {
	Envelope
	Incident *whatchanged.Ref  `json:"incident"`
	State    string            `json:"state"`
	Symptom  string            `json:"symptom"`
	Onset    time.Time         `json:"onset"`
	Scope    []whatchanged.Ref `json:"scope"`
	Items    []Suspect         `json:"items"`
	None     float64           `json:"none"`
	Likely   bool              `json:"likely"`
	Rollouts []RolloutBrief    `json:"rollouts"`
	Owners   []Ownership       `json:"owners"`
	Similar  []SimilarIncident `json:"similar"`
	Told     []string          `json:"told"` // ids of the changes that told of the incident
}

// A RolloutBrief is a rollout in a line.
type RolloutBrief struct {
	ID       string            `json:"id"`
	Entity   whatchanged.Ref   `json:"entity"`
	Hops     int               `json:"hops"`
	Phase    whatchanged.Phase `json:"phase"`
	Share    *float64          `json:"share"`
	Stuck    bool              `json:"stuck"`
	Text     string            `json:"text"`
	LastStep string            `json:"lastStep"`
}

// The states of an incident.
const (
	incidentOpen     = "open"
	incidentResolved = "resolved"
)

// IncidentBrief tells in one call what a responder needs first.
func (r *Resolver) IncidentBrief(ctx context.Context, in IncidentBriefInput) (*IncidentBrief, error) {
	return ask(ctx, r, "incidentBrief", in, (*asking).incidentBrief)
}

func (a *asking) incidentBrief(in IncidentBriefInput) (*IncidentBrief, error) {
	if err := checkLimit(in.Limit, 10); err != nil {
		return nil, err
	}
	f, err := filterOf(in.Environment, in.Regions, nil)
	if err != nil {
		return nil, err
	}
	if deref(in.Incident) == "" && len(in.Scope) == 0 {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "no incident: want its id, such as INC-2041, or a scope and the onset").In("incident")
	}
	if err := a.begin(in, times{Until: in.AsOf, KnownAt: in.KnownAt, After: in.After, Lookback: 24 * time.Hour}); err != nil {
		return nil, err
	}
	if a.onset, err = a.at("onset", in.Onset, a.interval.To); err != nil {
		return nil, err
	}
	of := &incident{}
	if deref(in.Incident) != "" {
		if of, err = a.incident(*in.Incident); err != nil {
			return nil, err
		}
		f = f.orAt(of.placement())
	}
	if err := a.settleTimes(of, in); err != nil {
		return nil, err
	}
	scope, err := a.scopeOf(of, in.Scope)
	if err != nil {
		return nil, err
	}
	return a.briefOn(of, scope, f, in.Limit)
}

// incident reads what was told of an incident up to the moment asked.
func (a *asking) incident(name string) (*incident, error) {
	name = strings.TrimSpace(name)
	ref := whatchanged.RefOf(whatchanged.KindIncident, strings.TrimPrefix(strings.TrimPrefix(name, "inc:"), "incident:"))
	page, err := a.index.Changes(a.ctx, a.seeing(a.interval.To), whatchanged.Selection{Entities: []whatchanged.Ref{ref}, Interval: whatchanged.Always, Limit: maxIncidents})
	if err != nil {
		return nil, err
	}
	if len(page.Events) == 0 {
		return nil, whatchanged.AsError(a.notFound(name, ref.Name)).In("incident")
	}
	return incidentsOf(page.Events)[0], nil
}

// settleTimes sets the times: of an incident from a day before it began until it
// ended. What holds is read as of the moment asked, else of now while it is
// open and of its beginning when it is over.
func (a *asking) settleTimes(of *incident, in IncidentBriefInput) error {
	if in.Onset == nil && len(of.events) > 0 {
		a.onset = of.started
	}
	a.interval.From = latest(whatchanged.MinTime, a.onset.Add(-24*time.Hour))
	a.view.AsOf = a.interval.To
	if of.ended != nil {
		a.interval.To = latest(a.onset, *of.ended).Add(whatchanged.Resolution)
		if in.AsOf == nil {
			a.view.AsOf = a.onset
		}
	}
	if a.interval.Empty() {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s lies after %s: want an onset before asOf", stamp(a.onset), stamp(a.view.AsOf)).In("onset")
	}
	return nil
}

// scopeOf returns the entities in trouble: those asked, else those that the
// incident is said to be of, as far as they are known.
func (a *asking) scopeOf(of *incident, asked []string) ([]whatchanged.Ref, error) {
	if len(asked) > 0 || len(of.about) == 0 {
		return a.resolve(asked)
	}
	known, err := a.index.Entities(a.ctx, a.view, whatchanged.EntitySelection{Refs: of.about, Limit: len(of.about)})
	var refs []whatchanged.Ref
	for _, k := range known {
		refs = append(refs, k.Ref)
	}
	return refs, err
}

// orAt asks of a placement, where nothing else was asked of it.
func (f filter) orAt(p whatchanged.Placement) filter {
	f.Environment = cmp.Or(f.Environment, p.Environment)
	if len(f.Regions) == 0 && p.Region != "" {
		f.Regions = []string{p.Region}
	}
	return f
}

// briefOn puts the briefing together. However much is around the incident, it
// is the same number of reads.
func (a *asking) briefOn(of *incident, scope []whatchanged.Ref, f filter, limit int) (*IncidentBrief, error) {
	symptom := of.text()
	then := *a // suspects are ranked as of the onset
	then.view.AsOf = a.onset
	in := WhatChangedInput{Symptom: &symptom, Hops: briefHops, Limit: limit}
	if len(of.events) > 0 { // people may have given verdicts on it
		if onset, err := whatchanged.ParseWhen("inc:" + of.ref.Namespace + "/" + of.ref.Name); err == nil {
			in.Onset = &onset
		}
	}
	w, near, err := then.ranked(in, f, scope, nil)
	if err != nil {
		return nil, err
	}
	out := &IncidentBrief{Envelope: w.Envelope, Symptom: symptom, Onset: a.onset, Scope: filled(scope), Items: w.Items, None: w.None, Likely: w.Likely, Told: of.ids()}
	out.AsOf, out.Cursor = a.view.AsOf, nil
	if len(of.events) > 0 {
		out.Incident, out.State = &of.ref, map[bool]string{true: incidentOpen, false: incidentResolved}[of.ended == nil]
	}
	var x excluded
	flying, err := a.flyingIn(near, f, &x)
	if err != nil {
		return nil, err
	}
	out.Rollouts = rolloutBriefs(flying, near, a.view.AsOf, maxInFlight)
	if out.Owners, err = a.ownerships(out.concerned()); err != nil {
		return nil, err
	}
	if out.Similar, err = a.similar(of.ref, scope, near, symptom, &x); err != nil {
		return nil, err
	}
	out.Quoted = []string{"symptom", "items.change.summary", "items.change.actor.name", "rollouts.text", "owners.onCall.people", "similar.summary"}
	out.Verdict = out.verdict(of, w, len(flying), a.view.AsOf)
	out.Next = a.afterBrief(out, f)
	return out, nil
}

// flyingIn returns the rollouts in flight around entities where it was asked.
func (a *asking) flyingIn(near neighbourhood, f filter, x *excluded) ([]*whatchanged.Rollout, error) {
	all, err := a.rolloutsSince(near, rolloutsAgo, x)
	if err != nil {
		return nil, err
	}
	var hidden excluded // they are not changes
	return f.rollouts(all, rolloutStates["IN_FLIGHT"], &hidden), nil
}

// rolloutBriefs tells of the first rollouts, having put those that are stuck
// before others.
func rolloutBriefs(all []*whatchanged.Rollout, near neighbourhood, asOf time.Time, most int) []RolloutBrief {
	out := []RolloutBrief{}
	stuckFirst(all)
	for _, r := range all[:min(len(all), most)] {
		c := cardOf(r, near)
		out = append(out, RolloutBrief{ID: r.ID, Entity: r.Entity, Hops: c.Hops, Phase: r.Phase, Share: r.Share, Stuck: r.Stuck, Text: c.sentence(asOf), LastStep: r.Steps[len(r.Steps)-1]})
	}
	return out
}

func stuckFirst(all []*whatchanged.Rollout) {
	slices.SortStableFunc(all, func(r, s *whatchanged.Rollout) int { return cmp.Compare(unlikely(r.Stuck), unlikely(s.Stuck)) })
}

// concerned are the entities whose owners one may want to call: the scope, then
// what the suspects changed.
func (b *IncidentBrief) concerned() []whatchanged.Ref {
	refs := slices.Clone(b.Scope)
	for i := range b.Items {
		if ref := b.Items[i].Change.Entity; !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs[:min(len(refs), maxOwned)]
}

func (b *IncidentBrief) verdict(of *incident, w *WhatChanged, flying int, asOf time.Time) string {
	s := ""
	if b.Incident != nil {
		s = fmt.Sprintf("%v began %s and ", of.ref, stamp(of.started))
		if of.ended == nil {
			s += "is open"
		} else {
			s += "was over after " + Human(of.ended.Sub(of.started))
		}
		if of.summary != "" {
			s += ": " + Fence(cut(of.summary, 120))
		}
		s += ". "
		if len(b.Scope) == 0 {
			s += "What it is of is not told. "
		}
	}
	s += fmt.Sprintf("%s %s in flight around it as of %s; ", w.Verdict, count(flying, "rollout"), stamp(asOf))
	if len(b.Similar) == 0 {
		return s + "no similar incident is known."
	}
	first := &b.Similar[0]
	return s + fmt.Sprintf("%s, first %v: %s.", countOf(len(b.Similar), "similar incident", "similar incidents"), first.Entity, first.Outcome)
}

func (a *asking) afterBrief(b *IncidentBrief, f filter) []Call {
	next := []Call{}
	if len(b.Items) > 0 {
		ids := []string{}
		for i := range b.Items[:min(3, len(b.Items))] {
			ids = append(ids, b.Items[i].Change.ID)
		}
		next = append(next, a.call("change", "before, after and diff of the most suspicious", map[string]any{"ids": ids}),
			a.call("impact", "whether the first can be taken back", map[string]any{"target": ids[0], "action": actionRevert}))
	}
	args := map[string]any{"onset": a.onset, "hops": briefHops}
	if b.Symptom != "" {
		args["symptom"] = cut(b.Symptom, 200)
	}
	return append(next, a.call("whatChanged", "all suspects, with reasons", a.where(texts(b.Scope), f, a.interval.From, args)))
}

// IDs implements [Answered].
func (b *IncidentBrief) IDs() []string {
	ids := slices.Clone(b.Told)
	for i := range b.Items {
		ids = append(ids, b.Items[i].Change.ID)
	}
	for _, r := range b.Rollouts {
		ids = append(ids, r.LastStep)
	}
	for _, o := range b.Owners {
		if o.OnCall != nil {
			ids = append(ids, o.OnCall.ID)
		}
	}
	for i := range b.Similar {
		s := &b.Similar[i]
		ids = slices.Concat(ids, s.IDs, s.CausedBy, s.FixedBy)
	}
	return ids
}

// Table implements [Answered].
func (b *IncidentBrief) Table() Table { return b.table(terms, 0) }

// Brief implements [Briefed].
func (b *IncidentBrief) Brief() Table {
	return b.table(func(rs []Reason) string { return termCodes(rs) }, 80)
}

// table is a row for each thing to know; texts are cut to so many bytes, 0 for
// all.
func (b *IncidentBrief) table(why func([]Reason) string, most int) Table {
	t := Table{Header: []string{"what", "entity", "when", "text", "ids"}, Ours: []string{"what", "when", "text"}, Lists: []string{"ids"}}
	row := func(what, entity, when, text string, ids ...string) {
		t.Rows = append(t.Rows, []string{what, entity, when, text, strings.Join(ids, "\n")})
	}
	short := func(s string) string {
		if most > 0 {
			s = cut(s, most)
		}
		return Fence(s)
	}
	if b.Incident != nil {
		row("incident", b.Incident.String(), stamp(b.Onset), b.State+" "+short(b.Symptom), b.Told...)
	}
	for i := range b.Items {
		s := &b.Items[i]
		c := &s.Change
		text := strings.Join(slices.DeleteFunc([]string{strconv.FormatFloat(s.Score, 'f', 1, 64), Fence(string(c.Kind)), Fence(c.Placement.String()), Fence(actorName(c.Actor)), why(slices.Concat(s.Reasons, s.Against)), short(c.Summary)},
			func(s string) bool { return s == "" }), " ")
		row("suspect", c.Entity.String(), offset(s.SecondsBeforeOnset), text, c.ID)
	}
	for _, r := range b.Rollouts {
		row("rollout", r.Entity.String(), "", r.Text, r.LastStep)
	}
	for i := range b.Owners {
		o := &b.Owners[i]
		if o.OnCall != nil {
			row("owner", o.Entity.String(), stamp(o.OnCall.Since), o.text(), o.OnCall.ID)
		} else {
			row("owner", o.Entity.String(), "", o.text())
		}
	}
	for i := range b.Similar {
		s := &b.Similar[i]
		row("similar", s.Entity.String(), stamp(s.StartedAt), strconv.FormatFloat(s.Similarity, 'f', 2, 64)+" "+short(s.Summary)+" "+strings.Join(fenced(s.Why), ", ")+"; "+s.Outcome, slices.Concat(s.IDs, s.CausedBy, s.FixedBy)...)
	}
	return t
}
