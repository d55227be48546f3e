package resolvers

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"whatchanged.dev/whatchanged"
)

const (
	rolloutsAgo = 14 * 24 * time.Hour
	maxHeld     = 50_000 // events in force that say where else entities are
	maxVersion  = 200    // bytes of a value that stands for a version
	maxMoments  = 50     // steps shown of a rollout, the last ones
)

// rolloutKinds are the kinds of events that may be stages of something.
var rolloutKinds = append(slices.Clone(whatchanged.SettingKinds), whatchanged.RolloutKind, whatchanged.Other)

// RolloutsInput asks what is going out.
type RolloutsInput struct {
	Scope       []string              `json:"scope"`
	Hops        int                   `json:"hops"`
	Environment *string               `json:"environment"`
	Regions     []string              `json:"regions"`
	State       string                `json:"state"`
	IDs         []string              `json:"ids"`
	Since       *whatchanged.When     `json:"since"`
	AsOf        *whatchanged.When     `json:"asOf"`
	KnownAt     *whatchanged.When     `json:"knownAt"`
	After       *whatchanged.Position `json:"after"`
	Limit       int                   `json:"limit"`
	Cursor      *string               `json:"cursor"`
}

// Rollouts answers RolloutsInput: those in flight first, then the last to move
// first.
type Rollouts struct {
	Envelope
	Items []RolloutCard `json:"items"`
}

// A RolloutCard is all that is known of a rollout; see [whatchanged.Rollout].
type RolloutCard struct {
	ID                string                      `json:"id"`
	Kind              whatchanged.EventKind       `json:"kind"`
	Entity            whatchanged.Ref             `json:"entity"`
	Hops              int                         `json:"hops"`
	Path              []whatchanged.Ref           `json:"path"`
	Version           string                      `json:"version"`
	PreviousVersion   string                      `json:"previousVersion"`
	Phase             whatchanged.Phase           `json:"phase"`
	Share             *float64                    `json:"share"`
	Back              bool                        `json:"back"`
	Done              []whatchanged.Placement     `json:"done"`
	NextPlacements    []whatchanged.Placement     `json:"nextPlacements"`
	Gate              *whatchanged.Validation     `json:"gate"`
	PausedWhy         string                      `json:"pausedWhy"`
	Stuck             bool                        `json:"stuck"`
	StuckAfterSeconds float64                     `json:"stuckAfterSeconds"`
	SupersededBy      string                      `json:"supersededBy"`
	StartedAt         time.Time                   `json:"startedAt"`
	UpdatedAt         time.Time                   `json:"updatedAt"`
	Steps             []whatchanged.RolloutMoment `json:"steps"`
}

// rolloutStates say which rollouts each state asks for.
var rolloutStates = map[string]func(*whatchanged.Rollout) bool{
	"IN_FLIGHT": func(r *whatchanged.Rollout) bool { return !r.Phase.Ended() },
	"STUCK":     func(r *whatchanged.Rollout) bool { return r.Stuck },
	"ENDED":     func(r *whatchanged.Rollout) bool { return r.Phase.Ended() },
	"ALL":       func(*whatchanged.Rollout) bool { return true },
}

// Rollouts tells what is going out, or went out, in stages.
func (r *Resolver) Rollouts(ctx context.Context, in RolloutsInput) (*Rollouts, error) {
	return ask(ctx, r, "rollouts", in, (*asking).rollouts)
}

func (a *asking) rollouts(in RolloutsInput) (*Rollouts, error) {
	if err := checkLimit(in.Limit, 100); err != nil {
		return nil, err
	}
	wanted := rolloutStates[in.State]
	if wanted == nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want IN_FLIGHT, STUCK, ENDED or ALL", in.State).In("state")
	}
	if len(in.IDs) > 0 {
		wanted = func(r *whatchanged.Rollout) bool { return slices.Contains(in.IDs, r.ID) }
	}
	f, err := filterOf(in.Environment, in.Regions, nil)
	if err != nil {
		return nil, err
	}
	if err := a.begin(in, times{Since: in.Since, Until: in.AsOf, KnownAt: in.KnownAt, After: in.After, Lookback: rolloutsAgo, Cursor: in.Cursor}); err != nil {
		return nil, err
	}
	scope, err := a.resolve(in.Scope)
	if err != nil {
		return nil, err
	}
	near, _, err := a.around(scope, in.Hops)
	if err != nil {
		return nil, err
	}
	out := &Rollouts{}
	if out.Envelope, err = a.envelope(near.refs()...); err != nil {
		return nil, err
	}
	var x excluded
	all, err := a.rolloutsIn(near, &x)
	if err != nil {
		return nil, err
	}
	kept := f.rollouts(all, wanted, &x)
	if len(in.IDs) > 0 && len(kept) == 0 {
		return nil, whatchanged.Errorf(whatchanged.CodeNotFound, "no rollout %q moved since %s; ask with an earlier since", in.IDs[0], stamp(a.interval.From)).In("ids")
	}
	from, to, more := a.page(len(kept), in.Limit)
	out.Items, out.Total, out.Truncated = []RolloutCard{}, len(kept), more
	for _, r := range kept[from:to] {
		out.Items = append(out.Items, cardOf(r, near))
	}
	if more {
		out.Cursor = a.cursorAt(to)
	}
	out.asking = a
	out.Excluded = x.list()
	out.Quoted = []string{"items.pausedWhy", "items.version", "items.previousVersion"}
	out.Verdict = a.goingOut(scope, kept, in.State, out)
	out.Next = a.afterRollouts(in.Scope, out.Items)
	return out, nil
}

// rolloutsIn derives the rollouts of a neighbourhood, or of everything, as of
// the view.
func (a *asking) rolloutsIn(near neighbourhood, x *excluded) ([]*whatchanged.Rollout, error) {
	sel := whatchanged.Selection{Kinds: rolloutKinds, Interval: a.interval, Descending: true, Limit: maxCandidates}
	sel.Interval.To = a.view.AsOf.Add(whatchanged.Resolution)
	if len(near) > 0 {
		sel.Entities = near.refs()
	}
	page, err := a.index.Changes(a.ctx, a.view, sel)
	if err != nil {
		return nil, err
	}
	x.add(ReasonBeyondLimit, page.Total-len(page.Events))
	held, err := a.holding(page.Events)
	if err != nil {
		return nil, err
	}
	return whatchanged.Rollouts(page.Events, held, a.view.AsOf), nil
}

// holding returns what holds of the entities of events, and maybe of others.
func (a *asking) holding(events []*whatchanged.Event) ([]*whatchanged.Event, error) {
	if a.held != nil {
		return a.held, nil
	}
	seen := map[whatchanged.Ref]bool{}
	sel := whatchanged.StateSelection{Limit: maxHeld}
	for _, e := range events {
		if !seen[e.Entity] {
			seen[e.Entity] = true
			sel.Entities = append(sel.Entities, e.Entity)
		}
	}
	if len(sel.Entities) == 0 {
		return nil, nil
	}
	slices.SortFunc(sel.Entities, whatchanged.Ref.Compare)
	return a.index.States(a.ctx, a.view, sel)
}

// rollouts keeps those that are wanted, those in flight first, and counts the
// others.
func (f filter) rollouts(all []*whatchanged.Rollout, wanted func(*whatchanged.Rollout) bool, x *excluded) []*whatchanged.Rollout {
	var kept []*whatchanged.Rollout
	for _, r := range all {
		switch {
		case !slices.ContainsFunc(r.Placements(), func(p whatchanged.Placement) bool { return f.match(p) != whatchanged.Outside }):
			x.add(ReasonOtherPlacement, 1)
		case !wanted(r):
			x.add(ReasonOtherState, 1)
		default:
			kept = append(kept, r)
		}
	}
	slices.SortStableFunc(kept, func(r, s *whatchanged.Rollout) int {
		return map[bool]int{true: 1}[r.Phase.Ended()] - map[bool]int{true: 1}[s.Phase.Ended()]
	})
	return kept
}

func cardOf(r *whatchanged.Rollout, near neighbourhood) RolloutCard {
	at := near[r.Entity]
	return RolloutCard{
		ID: r.ID, Kind: r.Kind, Entity: r.Entity, Hops: at.Hops, Path: filled(at.Path),
		Version: clip(r.Version), PreviousVersion: clip(r.PreviousVersion), Phase: r.Phase, Share: r.Share, Back: r.Back,
		Done: filled(r.Done), NextPlacements: filled(r.Next), Gate: r.Gate, PausedWhy: r.PausedWhy,
		Stuck: r.Stuck, StuckAfterSeconds: r.StuckAfter.Seconds(), SupersededBy: r.SupersededBy,
		StartedAt: r.StartedAt, UpdatedAt: r.UpdatedAt, Steps: filled(r.Moments[max(0, len(r.Moments)-maxMoments):]),
	}
}

// clip cuts what may be a whole config to the length of a name.
func clip(s string) string {
	if len(s) <= maxVersion {
		return s
	}
	n := maxVersion
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// goingOut is the verdict.
func (a *asking) goingOut(scope []whatchanged.Ref, kept []*whatchanged.Rollout, state string, out *Rollouts) string {
	where := "anywhere"
	if len(scope) > 0 {
		where = "around " + join(scope)
	}
	what := map[string]string{"IN_FLIGHT": "in flight", "STUCK": "stuck", "ENDED": "ended", "ALL": "in flight or ended"}[state]
	if len(kept) == 0 {
		return fmt.Sprintf("No rollout %s %s as of %s%s. Coverage: %s.", what, where, stamp(a.view.AsOf), besides(out.Excluded), out.Coverage.Text)
	}
	s := fmt.Sprintf("%s %s %s as of %s", count(len(kept), "rollout"), what, where, stamp(a.view.AsOf))
	stuck := 0
	for _, r := range kept {
		if r.Stuck {
			stuck++
		}
	}
	if stuck > 0 && state != "STUCK" {
		s += fmt.Sprintf(", %d stuck", stuck)
	}
	first := cardOf(kept[0], nil)
	return s + ": " + first.sentence(a.view.AsOf) + "."
}

// sentence tells of a rollout in words.
func (c *RolloutCard) sentence(asOf time.Time) string {
	s := fmt.Sprintf("%s of %v", c.Kind, c.Entity)
	if c.Version != "" {
		s += " " + (&RolloutCard{Version: Fence(c.Version), PreviousVersion: Fence(c.PreviousVersion)}).versions()
	}
	s += " is " + string(c.Phase)
	if c.Share != nil {
		s += " at " + c.percent()
	}
	if c.Back {
		s += ", rolled back in part"
	}
	if len(c.Done) > 0 {
		s += ", done in " + several(fenced(placed(c.Done)))
	}
	if len(c.NextPlacements) > 0 {
		s += ", next " + several(fenced(placed(c.NextPlacements)))
	}
	if c.Stuck {
		s += ", no step for " + Human(asOf.Sub(c.UpdatedAt))
	}
	return s
}

func (c *RolloutCard) versions() string {
	if c.PreviousVersion == "" {
		return c.Version
	}
	return c.PreviousVersion + " → " + c.Version
}

func (c *RolloutCard) percent() string {
	if c.Share == nil {
		return ""
	}
	return strconv.FormatFloat(math.Round(1000**c.Share)/10, 'f', -1, 64) + " %"
}

// placed lists where something is.
func placed(places []whatchanged.Placement) (all []string) {
	for _, p := range places {
		all = append(all, cmp.Or(p.String(), "a place not told"))
	}
	return all
}

func (a *asking) afterRollouts(scope []string, items []RolloutCard) []Call {
	next := []Call{}
	if len(items) > 0 {
		steps := items[0].Steps
		next = append(next, a.call("change", "what the last step of the first brought", map[string]any{"ids": []string{steps[len(steps)-1].ID}}))
	}
	args := map[string]any{"until": a.view.AsOf}
	if len(scope) > 0 {
		args["scope"] = scope
	}
	return append(next, a.call("whatChanged", "everything that changed there", args))
}

// Len implements [Paged].
func (r *Rollouts) Len() int { return len(r.Items) }

// Cut implements [Paged].
func (r *Rollouts) Cut(n int) { r.Items = r.Items[:n:n]; r.cutAt(n) }

// IDs implements [Answered].
func (r *Rollouts) IDs() []string {
	ids := []string{}
	for i := range r.Items {
		for _, s := range r.Items[i].Steps {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// Table implements [Answered].
func (r *Rollouts) Table() Table {
	t := Table{Header: []string{"rollout", "kind", "entity", "version", "phase", "share", "done", "next", "gate", "paused", "notes", "started", "updated", "steps"}, Ours: []string{"phase", "share", "notes", "started", "updated"}, Lists: []string{"steps"}}
	for i := range r.Items {
		c := &r.Items[i]
		var notes, steps []string
		for note, holds := range map[string]bool{"back in part": c.Back, "stuck": c.Stuck, "superseded by " + c.SupersededBy: c.SupersededBy != ""} {
			if holds {
				notes = append(notes, note)
			}
		}
		slices.Sort(notes)
		for _, s := range c.Steps {
			steps = append(steps, s.ID)
		}
		gate := ""
		if c.Gate != nil {
			gate = strings.Join(c.Gate.Checks, ", ") + " " + c.Gate.Result
		}
		t.Rows = append(t.Rows, []string{c.ID, string(c.Kind), c.Entity.String(), c.versions(), string(c.Phase), c.percent(), strings.Join(placed(c.Done), ", "), strings.Join(placed(c.NextPlacements), ", "),
			gate, c.PausedWhy, strings.Join(notes, ", "), stamp(c.StartedAt), stamp(c.UpdatedAt), strings.Join(steps, "\n")})
	}
	return t
}
