package resolvers

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"whatchanged.dev/whatchanged"
)

// WhatChangedInput asks what changed around entities in trouble.
type WhatChangedInput struct {
	Scope       []string              `json:"scope"`
	Environment *string               `json:"environment"`
	Regions     []string              `json:"regions"`
	Symptom     *string               `json:"symptom"`
	Onset       *whatchanged.When     `json:"onset"`
	Since       *whatchanged.When     `json:"since"`
	Until       *whatchanged.When     `json:"until"`
	Kinds       []string              `json:"kinds"`
	Hops        int                   `json:"hops"`
	AsOf        *whatchanged.When     `json:"asOf"`
	KnownAt     *whatchanged.When     `json:"knownAt"`
	After       *whatchanged.Position `json:"after"`
	Limit       int                   `json:"limit"`
	Cursor      *string               `json:"cursor"`
}

// WhatChanged answers WhatChangedInput: suspects, most suspicious first. Equal
// scores are ordered latest first.
type WhatChanged struct {
	Envelope
	Onset  time.Time `json:"onset"`
	Items  []Suspect `json:"items"`
	None   float64   `json:"none"`
	Likely bool      `json:"likely"`
	Scorer string    `json:"scorer"`
}

// A Suspect is a change that may be to blame, and why.
type Suspect struct {
	Change             ChangeBrief          `json:"change"`
	IDs                []string             `json:"ids"`
	Score              float64              `json:"score"`
	Reasons            []Reason             `json:"reasons"`
	Against            []Reason             `json:"against"`
	Path               []whatchanged.Ref    `json:"path"`
	Hops               int                  `json:"hops"`
	SecondsBeforeOnset float64              `json:"secondsBeforeOnset"`
	Rollout            *whatchanged.Rollout `json:"rollout"`
	Late               bool                 `json:"late"`
}

// WhatChanged ranks the changes around in.Scope by how likely they are to
// blame for trouble that began at in.Onset.
func (r *Resolver) WhatChanged(ctx context.Context, in WhatChangedInput) (*WhatChanged, error) {
	return ask(ctx, r, "whatChanged", in, (*asking).whatChanged)
}

func (a *asking) whatChanged(in WhatChangedInput) (*WhatChanged, error) {
	if err := checkLimit(in.Limit, 100); err != nil {
		return nil, err
	}
	f, err := filterOf(in.Environment, in.Regions, in.Kinds)
	if err != nil {
		return nil, err
	}
	news, since := newsSince(in.Since)
	if err := a.begin(in, times{Since: since, Until: in.Until, Onset: in.Onset, AsOf: in.AsOf, KnownAt: in.KnownAt,
		After: in.After, Lookback: 24 * time.Hour, Cursor: in.Cursor}); err != nil {
		return nil, err
	}
	scope, err := a.resolve(in.Scope)
	if err != nil {
		return nil, err
	}
	out, _, err := a.ranked(in, f, scope, news)
	return out, err
}

// ranked ranks the changes around a scope, in the view and the interval that
// have been fixed. It returns what is around the scope too.
func (a *asking) ranked(in WhatChangedInput, f filter, scope []whatchanged.Ref, news *whatchanged.Position) (*WhatChanged, neighbourhood, error) {
	ground, err := a.groundOf(scope, in)
	if err != nil {
		return nil, nil, err
	}
	near := ground.near
	out := &WhatChanged{Onset: a.onset, Scorer: scorerVersion}
	var x excluded
	ranked, widened, err := a.diagnose(in, ground, f, out, &x)
	if err != nil {
		return nil, nil, err
	}
	if out.Envelope, err = a.envelope(near.refs()...); err != nil {
		return nil, nil, err
	}
	if news != nil {
		if ranked, err = a.keepNews(*news, ranked, out, &x); err != nil {
			return nil, nil, err
		}
	}

	from, to, more := a.page(len(ranked), in.Limit)
	out.Items, out.Total, out.Truncated = []Suspect{}, len(ranked), more
	for _, l := range ranked[from:to] {
		s := a.suspect(l, near)
		s.Late = l.late
		out.Items = append(out.Items, s)
	}
	if more {
		out.Cursor = a.cursorAt(to)
	}
	out.asking = a
	out.Excluded = x.list()
	out.Quoted = []string{"items.change.summary", "items.change.actor.name"}
	out.Verdict = a.suspicion(scope, ranked, out)
	if widened {
		out.Verdict = "Nothing in the day before explains this, so a week was looked at. " + out.Verdict
	}
	if news != nil {
		out.Verdict = newsVerdict(*news, ranked) + " " + out.Verdict
	}
	out.Next = a.afterWhatChanged(in, out.Items)
	return out, near, nil
}

// A rolloutKey names a rollout: its id is its source's own.
type rolloutKey struct{ source, id string }

func rolloutOf(e *whatchanged.Event) (rolloutKey, bool) {
	if e.Rollout == nil {
		return rolloutKey{}, false
	}
	return rolloutKey{e.Source, e.Rollout.ID}, true
}

// withCommits adds to what was found around a scope the commits of the window,
// if there are words to find the one that is meant by: a commit is known by its
// repository, which nothing depends on. They were counted as left out.
func (a *asking) withCommits(found []*whatchanged.Event, in WhatChangedInput, scoped, whole bool, x *excluded) ([]*whatchanged.Event, error) {
	if !scoped || deref(in.Symptom) == "" {
		return found, nil
	}
	page, err := a.index.Changes(a.ctx, a.seeing(a.interval.To), whatchanged.Selection{Interval: a.interval,
		Kinds: []whatchanged.EventKind{whatchanged.Commit}, Descending: true, Limit: maxCandidates})
	if err != nil {
		return nil, err
	}
	have := make(map[whatchanged.Position]bool, len(found))
	for _, e := range found {
		have[e.Position] = true
	}
	for _, e := range page.Events {
		if !have[e.Position] {
			found = append(found, e)
		}
	}
	x.take(unreached(whole), len(found)-len(have))
	slices.SortFunc(found, func(e, f *whatchanged.Event) int { return f.Key().Compare(e.Key()) })
	return found, nil
}

// judge compares the first with the rest, and with the alternative that none
// of the recorded changes did it.
func (w *WhatChanged) judge(ranked []*suspected, scoped bool) {
	w.None = none[scoped]
	switch {
	case len(ranked) == 0:
		w.Likely = false
	case scoped:
		hours := w.Onset.Sub(ranked[0].event.EffectiveAt).Hours()
		w.Likely = hours >= 0 && logOdds(ranked, w.None) >= sure+perLogHourSure*math.Log1p(hours) // what came after is a candidate at most
	default:
		next := w.None
		if len(ranked) > 1 {
			next = max(next, ranked[1].score)
		}
		w.Likely = ranked[0].score-next >= lead
	}
}

// logOdds is by how much the first outweighs all others and none together.
func logOdds(ranked []*suspected, none float64) float64 {
	first := ranked[0].score
	rest := math.Exp(none - first)
	for _, l := range ranked[1:] {
		rest += math.Exp(l.score - first)
	}
	return round(-math.Log(rest))
}

// suspicion is the verdict. Nobody is accused: these are candidates.
func (a *asking) suspicion(scope []whatchanged.Ref, ranked []*suspected, w *WhatChanged) string {
	where := "anywhere"
	if len(scope) > 0 {
		where = "around " + join(scope)
	}
	span := fmt.Sprintf("in the %s before %s", Human(a.interval.Duration()), a.interval.To.Format(time.RFC3339))
	if len(ranked) == 0 && slices.ContainsFunc(w.Excluded, func(x Exclusion) bool { return x.Reason == ReasonKnownBefore }) {
		return fmt.Sprintf("Nothing more was told of changes %s %s. Coverage: %s.", where, span, w.Coverage.Text)
	}
	if len(ranked) == 0 {
		return fmt.Sprintf("Nothing recorded changed %s %s%s. Coverage: %s.", where, span, besides(w.Excluded), w.Coverage.Text)
	}
	top := ranked[0].event
	what := fmt.Sprintf("%s %s of %v, %s", Fence(string(top.Kind)), Fence(top.Action), top.Entity, before(a.onset.Sub(top.EffectiveAt).Seconds()))
	changes := fmt.Sprintf("%s %s %s", count(len(ranked), "change"), where, span)
	switch {
	case w.Likely:
		return fmt.Sprintf("%s; likely to blame: %s.", changes, what)
	case ranked[0].score < w.None:
		return fmt.Sprintf("%s; none of them explains this well. The most suspicious: %s.", changes, what)
	}
	return fmt.Sprintf("%s; candidates, most suspicious: %s.", changes, what)
}

func before(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < 0 {
		return Human(-d) + " after onset"
	}
	return Human(d) + " before onset"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// afterWhatChanged names the calls worth making next.
func (a *asking) afterWhatChanged(in WhatChangedInput, items []Suspect) []Call {
	next := []Call{}
	if len(items) > 0 {
		ids := []string{}
		for _, s := range items[:min(3, len(items))] {
			ids = append(ids, s.Change.ID)
		}
		next = append(next, a.call("change", "before, after and diff of the most suspicious", map[string]any{"ids": ids}))
	}
	f := filter{Environment: deref(in.Environment), Regions: in.Regions, Kinds: in.Kinds}
	next = append(next, a.call("timeline", "the same window in order of time",
		a.where(in.Scope, f, a.interval.From, map[string]any{"hops": in.Hops, "asOf": a.view.AsOf})))
	if len(items) == 0 && a.interval.From.After(whatchanged.MinTime.Add(week)) {
		args := map[string]any{"hops": in.Hops, "onset": a.onset, "asOf": a.view.AsOf}
		if in.Symptom != nil {
			args["symptom"] = *in.Symptom
		}
		next = append(next, a.call("whatChanged", "a week more", a.where(in.Scope, f, a.interval.From.Add(-week), args)))
	}
	return next
}

const week = 7 * 24 * time.Hour

// where is the start of the arguments of a further question about the same
// place, of the same changes, up to the same moment.
func (a *asking) where(scope []string, f filter, since time.Time, args map[string]any) map[string]any {
	args["since"], args["until"] = since, a.interval.To
	if len(scope) > 0 {
		args["scope"] = scope
	}
	if f.Environment != "" {
		args["environment"] = f.Environment
	}
	if len(f.Regions) > 0 {
		args["regions"] = f.Regions
	}
	if len(f.Kinds) > 0 {
		args["kinds"] = f.Kinds
	}
	return args
}

// Len implements [Paged].
func (w *WhatChanged) Len() int { return len(w.Items) }

// Cut implements [Paged].
func (w *WhatChanged) Cut(n int) { w.Items = w.Items[:n:n]; w.cutAt(n) }

// IDs implements [Answered].
func (w *WhatChanged) IDs() []string {
	out := make([]string, len(w.Items))
	for i := range w.Items {
		out[i] = w.Items[i].Change.ID
	}
	return out
}

// newsSince reads a since that is a position: what is asked for is what was not
// known there, in the default window.
func newsSince(since *whatchanged.When) (news *whatchanged.Position, window *whatchanged.When) {
	if since != nil {
		if p, ok := since.AsPosition(); ok {
			return &p, nil
		}
	}
	return nil, since
}

// keepNews keeps the suspects that an answer at position p could not tell of,
// with the scores they have among all, and marks those that had taken effect by
// then: they came late.
func (a *asking) keepNews(p whatchanged.Position, ranked []*suspected, w *WhatChanged, x *excluded) ([]*suspected, error) {
	told, err := a.storedAt("since", p)
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(ranked), func(s *suspected) bool {
		return !slices.ContainsFunc(s.events, func(e *whatchanged.Event) bool { return e.Position.Compare(p) > 0 })
	})
	for _, s := range kept {
		s.late = !s.event.EffectiveAt.After(told)
	}
	x.add(ReasonKnownBefore, len(ranked)-len(kept))
	w.Likely = w.Likely && len(kept) > 0 && kept[0] == ranked[0]
	return kept, nil
}

// newsVerdict counts what is new, and what of it came late.
func newsVerdict(p whatchanged.Position, kept []*suspected) string {
	late := 0
	for _, s := range kept {
		if s.late {
			late++
		}
	}
	return fmt.Sprintf("New since %v: %d, of which %d had taken effect by then and came late.", p, len(kept), late)
}

// Brief implements [Briefed]: the terms by their codes, and what can be read
// off the entity or asked of the id left out.
func (w *WhatChanged) Brief() Table {
	t := Table{Header: []string{"id", "score", "offset", "kind", "entity", "where", "actor", "version", "why", "summary", "late"}, Ours: []string{"score", "offset", "why", "late"}}
	for i := range w.Items {
		s := &w.Items[i]
		c := &s.Change
		kind := string(c.Kind)
		if kind == string(c.Entity.Kind) {
			kind = ""
		}
		t.Rows = append(t.Rows, []string{c.ID, strconv.FormatFloat(s.Score, 'f', 1, 64), offset(s.SecondsBeforeOnset), kind, c.Entity.String(),
			c.Placement.String(), actorName(c.Actor), shortVersion(c.Version), termCodes(s.Reasons, s.Against), cut(c.Summary, 24), s.lateness()})
	}
	return t
}

func (s *Suspect) lateness() string {
	if s.Late {
		return "late"
	}
	return ""
}

// Table implements [Answered].
func (w *WhatChanged) Table() Table {
	t := Table{Header: []string{"id", "score", "offset", "kind", "action", "entity", "where", "actor", "version", "path", "why", "against", "summary", "link", "late"}, Ours: []string{"score", "offset", "path", "why", "against", "late"}}
	for i := range w.Items {
		s := &w.Items[i]
		c := &s.Change
		t.Rows = append(t.Rows, []string{c.ID, strconv.FormatFloat(s.Score, 'f', 2, 64), before(s.SecondsBeforeOnset), string(c.Kind), c.Action,
			c.Entity.String(), c.Placement.String(), c.who(), c.versions(), trail(s.Path), terms(s.Reasons), terms(s.Against), c.Summary, c.Evidence, s.lateness()})
	}
	return t
}
