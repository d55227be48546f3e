package resolvers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// What is found about taking a change back. The whole is unsafe if any part
// is, and safe only if every part is: what is not known is never safe.
const (
	Safe   = "safe"
	Unsafe = "unsafe"
	Unsure = "unknown"
)

// An ImpactReason is one thing that was looked at, and what it says.
type ImpactReason struct {
	Code     string   `json:"code"`
	Safety   string   `json:"safety"`
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"` // ids of the changes that show it, at most maxEvidence
}

// The codes of what is looked at.
const (
	revertLater    = "LATER_CHANGES"
	revertUndone   = "ALREADY_UNDONE"
	revertBefore   = "WHAT_WAS_BEFORE"
	revertNeeded   = "NEEDED_BY_DEPENDENTS"
	revertSchema   = "SCHEMA_OR_CONTRACT"
	revertRollout  = "ROLLOUTS"
	revertParts    = "OTHER_PARTS"
	revertNotLive  = "NOT_LIVE"
	revertCoverage = "COVERAGE"
)

const (
	maxEvidence   = 5
	maxPast       = 1000           // changes of the target that are looked through
	maxAroundIt   = 5000           // changes around it
	schemaBefore  = 24 * time.Hour // how long before a change its schema step may come
	attributeNeed = "requires"     // names what a change cannot do without
)

// judge looks at all that may stand against taking the change back.
func (d *endeavour) judge(out *Impact) error {
	if d.change == nil {
		out.add(revertNotLive, Unsure, "no change of it is known that set anything", nil)
		out.settle()
		return nil
	}
	past, whole, err := d.past()
	if err != nil {
		return err
	}
	around, allAround, err := d.changesAround()
	if err != nil {
		return err
	}
	d.live(out)
	d.later(out, past, whole)
	d.before(out, past)
	if err := d.needed(out, around, allAround); err != nil {
		return err
	}
	d.schema(out, slices.Concat(past, around))
	d.parts(out, slices.Concat(past, around))
	d.collides(out)
	if s := out.Coverage.State; s == whatchanged.CoverageHeard || s == whatchanged.CoverageQuiet {
		out.add(revertCoverage, Safe, "the sources that tell of this were heard: "+out.Coverage.Text, nil)
	} else {
		out.add(revertCoverage, Unsure, "what was not heard may stand against it: "+out.Coverage.Text, nil)
	}
	out.settle()
	return nil
}

// add notes what was looked at. Few of the changes that show it are named.
func (p *Impact) add(code, safety, text string, shown []*whatchanged.Event) {
	r := ImpactReason{Code: code, Safety: safety, Text: text, Evidence: []string{}}
	for _, e := range shown[:min(len(shown), maxEvidence)] {
		r.Evidence = append(r.Evidence, e.ID)
	}
	p.Reasons = append(p.Reasons, r)
}

// settle sums up, what is worst first.
func (p *Impact) settle() {
	order := []string{Unsafe, Unsure, Safe}
	slices.SortStableFunc(p.Reasons, func(r, s ImpactReason) int {
		return slices.Index(order, r.Safety) - slices.Index(order, s.Safety)
	})
	p.Safety = &p.Reasons[0].Safety
}

// because is the reasons in a sentence.
func (d *endeavour) because(out *Impact) string {
	var parts []string
	for _, r := range out.Reasons {
		if r.Safety == *out.Safety && (r.Code != revertCoverage || *out.Safety != Safe) {
			parts = append(parts, r.Text)
		}
	}
	return strings.Join(parts, "; ")
}

// past reads the changes of the target, latest first, those of its repository
// with them. whole is false when there are more than were read since the
// change.
func (d *endeavour) past() (events []*whatchanged.Event, whole bool, err error) {
	refs := []whatchanged.Ref{d.entity}
	if d.entity.Kind == whatchanged.KindService {
		refs = append(refs, whatchanged.Ref{Kind: whatchanged.KindRepository, Namespace: d.entity.Namespace, Name: d.entity.Name})
	}
	page, err := d.index.Changes(d.ctx, d.view, whatchanged.Selection{Entities: refs, Interval: whatchanged.Always, Descending: true, Limit: maxPast})
	n := len(page.Events)
	return page.Events, err != nil || page.Total == n || page.Events[n-1].EffectiveAt.Before(d.change.EffectiveAt.Add(-schemaBefore)), err
}

// changesAround reads the changes of the dependents and of what is next to the
// target, since shortly before the change, latest first.
func (d *endeavour) changesAround() (events []*whatchanged.Event, whole bool, err error) {
	var refs []whatchanged.Ref
	for ref := range d.near {
		if ref != d.entity {
			refs = append(refs, ref)
		}
	}
	for _, r := range d.reached {
		if _, ok := d.near[r.Ref]; !ok {
			refs = append(refs, r.Ref)
		}
	}
	if len(refs) == 0 {
		return nil, true, nil
	}
	slices.SortFunc(refs, whatchanged.Ref.Compare)
	since := latest(whatchanged.MinTime, d.change.EffectiveAt.Add(-schemaBefore))
	page, err := d.index.Changes(d.ctx, d.view, whatchanged.Selection{Entities: refs, Interval: whatchanged.Interval{From: since, To: whatchanged.MaxTime}, Descending: true, Limit: maxAroundIt})
	return page.Events, page.Total == len(page.Events), err
}

// live says whether the change is one that can be taken back.
func (d *endeavour) live(out *Impact) {
	e := d.change
	switch {
	case e.EffectiveAt.After(d.view.AsOf):
		out.add(revertNotLive, Unsure, "it takes effect only at "+stamp(e.EffectiveAt), nil)
	case !slices.Contains(rolloutKinds, e.Kind) || e.Kind == whatchanged.Other || e.Action == whatchanged.ActionObserved:
		out.add(revertNotLive, Unsure, fmt.Sprintf("a change of kind %s sets nothing in production by itself: ask of what it brought there", Fence(string(e.Kind))), nil)
	}
}

// later looks for what came after in the same place.
func (d *endeavour) later(out *Impact, past []*whatchanged.Event, whole bool) {
	var later []*whatchanged.Event
	for _, e := range past {
		if d.same(e) && e.Key().Compare(d.change.Key()) > 0 && !d.part(e) && !repeats(e, d.change) {
			later = append(later, e)
		}
	}
	switch {
	case len(later) > 0 && d.undoes(later[0], past):
		out.add(revertUndone, Unsafe, "it was taken back already at "+stamp(later[0].EffectiveAt)+", so that reverting would undo what came after", later)
	case len(later) > 0:
		out.add(revertLater, Unsafe, fmt.Sprintf("%s of the same came later and would be lost with it", count(len(later), "change")), later)
	case !whole:
		out.add(revertLater, Unsure, fmt.Sprintf("more than %d changes of it came since and were not all looked at", maxPast), nil)
	default:
		out.add(revertLater, Safe, "nothing changed it since", nil)
	}
}

// same reports whether an event sets what the change sets, in a place of the
// change.
func (d *endeavour) same(e *whatchanged.Event) bool {
	return e.Entity == d.entity && aspect(e.Kind) == aspect(d.change.Kind) && e.Action != whatchanged.ActionObserved &&
		e.Placement.Match(d.change.Placement) != whatchanged.Outside
}

// aspect is what a kind of change sets: a step of a rollout sets what a
// deployment does.
func aspect(k whatchanged.EventKind) whatchanged.EventKind {
	if k == whatchanged.RolloutKind {
		return whatchanged.Deployment
	}
	return k
}

// part reports whether an event is a part of the change itself: a step of its
// rollout, or of its landing.
func (d *endeavour) part(e *whatchanged.Event) bool {
	mine, step := rolloutOf(d.change)
	its, also := rolloutOf(e)
	return e.ID == d.change.ID || step && also && mine == its || d.landing(e)
}

// landing reports whether an event landed with the change.
func (d *endeavour) landing(e *whatchanged.Event) bool {
	return e.Parent != "" && (e.Parent == d.change.Parent || e.Parent == d.change.ID) || d.change.Parent != "" && d.change.Parent == e.ID
}

// repeats reports whether an event sets again what another set.
func repeats(e, was *whatchanged.Event) bool {
	if aspect(e.Kind) == whatchanged.Deployment {
		return e.Version != "" && e.Version == was.Version
	}
	return e.After != nil && e.After.String() == was.After.String()
}

// undoes reports whether an event took the change back: it says so, or it set
// what was there before.
func (d *endeavour) undoes(e *whatchanged.Event, past []*whatchanged.Event) bool {
	l := suspected{events: []*whatchanged.Event{d.change}}
	if e.Reverts != "" && slices.Contains(l.names(), e.Reverts) {
		return true
	}
	version, value, _, known := d.wasBefore(past)
	return known && (version != "" && e.Version == version || value != nil && e.After.String() == value.String())
}

// wasBefore returns what was in the place of the change before it, as the change
// says, or as the last one before it left it.
func (d *endeavour) wasBefore(past []*whatchanged.Event) (version string, value whatchanged.Value, by *whatchanged.Event, known bool) {
	e := d.change
	for _, was := range past {
		if d.same(was) && was.Key().Compare(e.Key()) < 0 && !d.part(was) && !repeats(was, e) {
			if _, sets := was.StateKey(); sets || was.Rollout != nil && was.Rollout.Phase == whatchanged.PhasePromoted {
				by = was
				break
			}
		}
	}
	version, value = e.PreviousVersion, e.Before
	if by != nil {
		version = cmp.Or(version, by.Version)
		if value == nil {
			value = by.After
		}
	}
	return version, value, by, version != "" || value != nil || by != nil && by.Deletes() || e.Creates()
}

// before says what there would be again.
func (d *endeavour) before(out *Impact, past []*whatchanged.Event) {
	version, value, by, known := d.wasBefore(past)
	var shown []*whatchanged.Event
	if by != nil {
		shown = append(shown, by)
	}
	switch {
	case !known:
		out.add(revertBefore, Unsure, "what was there before is not told", nil)
	case version == "" && value == nil:
		out.add(revertBefore, Safe, "nothing was there before", shown)
	default:
		out.BackToVersion, out.BackTo = clip(version), value
		out.add(revertBefore, Safe, "it goes back to "+short(value, version), shown)
	}
}

// needed looks for dependents that may need what the change brought: that say
// so, that began to depend on it since, or that changed since.
func (d *endeavour) needed(out *Impact, around []*whatchanged.Event, whole bool) error {
	hops := map[whatchanged.Ref]int{}
	for _, r := range d.reached {
		hops[r.Ref] = r.Hops
	}
	var say, since []*whatchanged.Event
	for _, e := range around {
		n, dependent := hops[e.Entity]
		switch {
		case !dependent:
		case d.requires(e):
			say = append(say, e)
		case n == 1 && setsSomething(e) && e.Key().Compare(d.change.Key()) > 0 && e.Placement.Match(d.change.Placement) != whatchanged.Outside:
			since = append(since, e)
		}
	}
	began, err := d.beganSince()
	if err != nil {
		return err
	}
	sure := true
	if len(say) > 0 {
		out.add(revertNeeded, Unsafe, fmt.Sprintf("%s of dependents need it by their own word", count(len(say), "change")), say)
	}
	if len(began) > 0 {
		sure = false
		out.add(revertNeeded, Unsure, fmt.Sprintf("%s said to depend on it since: whether for what the change brought is not told", countOf(len(began), "dependent is", "dependents are")), began)
	}
	if len(since) > 0 {
		sure = false
		out.add(revertNeeded, Unsure, fmt.Sprintf("%s of dependents came later: whether they need it is not told", count(len(since), "change")), since)
	}
	if !whole || !d.whole {
		sure = false
		out.add(revertNeeded, Unsure, "there is more around it than was looked at", nil)
	}
	if sure && len(say) == 0 {
		out.add(revertNeeded, Safe, "no dependent changed since", nil)
	}
	return nil
}

func setsSomething(e *whatchanged.Event) bool {
	_, sets := e.StateKey()
	return sets && e.Action != whatchanged.ActionObserved
}

// requires reports whether an event says that it needs what the change
// brought: by its id, its commit, or its entity and version.
func (d *endeavour) requires(e *whatchanged.Event) bool {
	for _, need := range strings.FieldsFunc(e.Attributes[attributeNeed], func(c rune) bool { return c == ',' || c == ' ' }) {
		if need == d.change.ID || slices.Contains(d.change.Commits, need) {
			return true
		}
		name, version, _ := strings.Cut(need, "@")
		if ref, err := whatchanged.ParseRef(name); err == nil && ref == d.entity && (version == "" || version == d.change.Version) {
			return true
		}
	}
	return false
}

// beganSince returns what told of the dependencies on the target that hold
// since after the change, as events of which only the id is known.
func (d *endeavour) beganSince() (began []*whatchanged.Event, err error) {
	edges, err := d.index.Edges(d.ctx, d.view, []whatchanged.Ref{d.entity}, maxEdges)
	for _, e := range edges {
		if e.To == d.entity && e.Since.After(d.change.EffectiveAt) {
			began = append(began, &whatchanged.Event{ID: e.ID})
		}
	}
	return began, err
}

// schemaWords are the stems by which a step of a schema or a contract is known.
var schemaWords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields("migration migrations migrate migrated schema schemas proto protobuf openapi avro ddl contract contracts") {
		m[stem(w)] = true
	}
	return m
}()

// schema looks for steps of a schema or a contract, of the target or of what
// it depends on, shortly before the change or since: taking the one back
// without the other breaks what lies between them.
func (d *endeavour) schema(out *Impact, events []*whatchanged.Event) {
	var sure, spoken []*whatchanged.Event
	for _, e := range events {
		at, near := d.near[e.Entity]
		near = near && (at.Hops == 0 || at.Direction == whatchanged.DependsOn)
		if !near && e.Entity.Kind != whatchanged.KindRepository || e.Kind == whatchanged.Topology || e.EffectiveAt.Before(d.change.EffectiveAt.Add(-schemaBefore)) {
			continue
		}
		switch {
		case tellsOfSchema(string(e.Kind)+" "+e.Attributes["paths"]) || e.Attributes["migration"] != "" || e.Attributes["contract"] != "" || e.Attributes["schema"] != "":
			sure = append(sure, e)
		case tellsOfSchema(e.Summary):
			spoken = append(spoken, e)
		}
	}
	switch {
	case len(sure) > 0:
		out.add(revertSchema, Unsafe, fmt.Sprintf("%s of a schema or contract came with it or later", count(len(sure), "step")), sure)
	case len(spoken) > 0:
		out.add(revertSchema, Unsure, fmt.Sprintf("%s with it or later %s of a schema or contract", count(len(spoken), "change"), map[bool]string{true: "speaks", false: "speak"}[len(spoken) == 1]), spoken)
	default:
		out.add(revertSchema, Safe, "no step of a schema or contract was told of", nil)
	}
}

func tellsOfSchema(text string) (tells bool) {
	eachWord(text, func(w string) { tells = tells || schemaWords[w] })
	return tells
}

// parts looks for what landed together with the change.
func (d *endeavour) parts(out *Impact, events []*whatchanged.Event) {
	var with []*whatchanged.Event
	for _, e := range events {
		if d.landing(e) && setsSomething(e) && e.ID != d.change.ID {
			with = append(with, e)
		}
	}
	if len(with) > 0 {
		out.add(revertParts, Unsure, fmt.Sprintf("%s landed together with it and would stay", count(len(with), "change")), with)
	}
}

// collides looks for rollouts in flight that a revert would meet.
func (d *endeavour) collides(out *Impact) {
	var of, near []*whatchanged.Rollout
	for _, r := range d.flying {
		if !slices.ContainsFunc(r.Placements(), func(p whatchanged.Placement) bool {
			return p.Match(d.change.Placement) != whatchanged.Outside
		}) {
			continue
		}
		if r.Entity == d.entity {
			of = append(of, r)
		} else {
			near = append(near, r)
		}
	}
	for _, r := range of {
		c := cardOf(r, nil)
		switch {
		case r == d.rollout && d.change.Rollout == nil && aspect(d.change.Kind) != whatchanged.Deployment:
			out.add(revertRollout, Safe, "it is a step of a ramp that nothing is known to drive: "+c.sentence(d.view.AsOf), nil)
		case r == d.rollout && d.change.Rollout == nil: // one that was put together of what was told apart
			out.add(revertRollout, Unsure, "it may still be going out: "+c.sentence(d.view.AsOf), []*whatchanged.Event{d.change})
		case r == d.rollout:
			out.add(revertRollout, Unsafe, "it is still going out, so abort that rollout instead: "+c.sentence(d.view.AsOf), lastStep(r))
		default:
			out.add(revertRollout, Unsafe, "it would meet a rollout: "+c.sentence(d.view.AsOf), lastStep(r))
		}
	}
	for _, r := range near[:min(len(near), 3)] {
		c := cardOf(r, nil)
		out.add(revertRollout, Unsure, "next to it a rollout is in flight: "+c.sentence(d.view.AsOf), lastStep(r))
	}
	if len(of)+len(near) == 0 {
		out.add(revertRollout, Safe, "no rollout is in flight there", nil)
	}
}

func lastStep(r *whatchanged.Rollout) []*whatchanged.Event {
	if len(r.Steps) == 0 {
		return nil
	}
	return []*whatchanged.Event{{ID: r.Steps[len(r.Steps)-1]}}
}
