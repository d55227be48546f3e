package resolvers

import (
	"cmp"
	"context"
	"fmt"
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
	Onset time.Time `json:"onset"`
	Items []Suspect `json:"items"`
}

// A Suspect is a change that may be to blame, and why.
type Suspect struct {
	Change             ChangeBrief          `json:"change"`
	Score              float64              `json:"score"`
	Reasons            []Reason             `json:"reasons"`
	Against            []Reason             `json:"against"`
	Path               []whatchanged.Ref    `json:"path"`
	Hops               int                  `json:"hops"`
	SecondsBeforeOnset float64              `json:"secondsBeforeOnset"`
	Rollout            *whatchanged.Rollout `json:"rollout"`
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
	if err := a.begin(in, times{Since: in.Since, Until: in.Until, Onset: in.Onset, AsOf: in.AsOf, KnownAt: in.KnownAt,
		After: in.After, Lookback: 24 * time.Hour, Cursor: in.Cursor}); err != nil {
		return nil, err
	}
	scope, err := a.resolve(in.Scope)
	if err != nil {
		return nil, err
	}
	near, err := a.around(scope, in.Hops)
	if err != nil {
		return nil, err
	}
	out := &WhatChanged{Onset: a.onset}
	if out.Envelope, err = a.envelope(); err != nil {
		return nil, err
	}
	var x excluded
	events, _, err := a.candidates(near, &x)
	if err != nil {
		return nil, err
	}
	f := filter{Environment: deref(in.Environment), Regions: in.Regions, Kinds: in.Kinds}
	ranked := a.rank(f.apply(events, &x), near, f, &x)

	from, to, more := a.page(len(ranked), in.Limit)
	out.Items, out.Total, out.Truncated = ranked[from:to:to], len(ranked), more
	if more {
		out.Cursor = a.cursorAt(to)
	}
	out.asking = a
	out.Excluded = x.list()
	out.Quoted = []string{"items.change.summary", "items.change.actor.name"}
	out.Verdict = a.suspicion(scope, ranked, &out.Envelope)
	out.Next = a.afterWhatChanged(in, out.Items)
	return out, nil
}

// rank scores the events, one item for each rollout, and sorts them.
func (a *asking) rank(events []whatchanged.Event, near neighbourhood, f filter, x *excluded) []Suspect {
	steps := map[string][]whatchanged.Event{}
	for _, e := range events {
		if e.Rollout != nil {
			steps[e.Rollout.ID] = append(steps[e.Rollout.ID], e)
		}
	}
	var ranked []Suspect
	for i := range events {
		e := &events[i]
		if e.Kind == whatchanged.Incident {
			x.add(ReasonSymptom, 1)
			continue
		}
		s := a.suspect(e, near, f)
		if e.Rollout != nil {
			s.Rollout = whatchanged.RolloutOf(steps[e.Rollout.ID])
		}
		ranked = append(ranked, s)
	}
	slices.SortStableFunc(ranked, func(s, t Suspect) int {
		return cmp.Or(cmp.Compare(t.Score, s.Score), t.Change.EffectiveAt.Compare(s.Change.EffectiveAt), t.Change.Position.Compare(s.Change.Position))
	})
	return foldRollouts(ranked, x)
}

// foldRollouts keeps the most suspicious step of every rollout.
func foldRollouts(ranked []Suspect, x *excluded) []Suspect {
	seen := map[string]bool{}
	return slices.DeleteFunc(ranked, func(s Suspect) bool {
		if s.Rollout == nil {
			return false
		}
		was := seen[s.Rollout.ID]
		seen[s.Rollout.ID] = true
		if was {
			x.add(ReasonSameRollout, 1)
		}
		return was
	})
}

// suspicion is the verdict. Nobody is accused: these are candidates.
func (a *asking) suspicion(scope []whatchanged.Ref, ranked []Suspect, e *Envelope) string {
	where := "anywhere"
	if len(scope) > 0 {
		where = "around " + join(scope)
	}
	span := fmt.Sprintf("in the %s before %s", human(a.interval.Duration()), a.interval.To.Format(time.RFC3339))
	if len(ranked) == 0 {
		return fmt.Sprintf("Nothing recorded changed %s %s. Coverage: %s.", where, span, e.Coverage.Text)
	}
	top := ranked[0]
	return fmt.Sprintf("%s %s %s; most suspicious: %s %s of %v, %s.", count(len(ranked), "change"), where, span,
		top.Change.Kind, top.Change.Action, top.Change.Entity, lead(top.SecondsBeforeOnset))
}

func lead(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < 0 {
		return human(-d) + " after onset"
	}
	return human(d) + " before onset"
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
	args := map[string]any{"since": a.interval.From, "until": a.interval.To}
	if len(in.Scope) > 0 {
		args["scope"], args["hops"] = in.Scope, in.Hops
	}
	next = append(next, a.call("timeline", "the same window in order of time", args))
	if len(items) == 0 {
		wider := map[string]any{"since": a.interval.From.Add(-6 * 24 * time.Hour), "until": a.interval.To}
		if len(in.Scope) > 0 {
			wider["scope"] = in.Scope
		}
		next = append(next, a.call("whatChanged", "a window of a week", wider))
	}
	return next
}

// Len implements [Paged].
func (w *WhatChanged) Len() int { return len(w.Items) }

// Cut implements [Paged].
func (w *WhatChanged) Cut(n int) { w.Items = w.Items[:n:n]; w.cutAt(n) }

// Table implements [Answered].
func (w *WhatChanged) Table() Table {
	t := Table{Header: []string{"id", "score", "offset", "kind", "action", "entity", "where", "actor", "version", "path", "why", "against", "summary", "link"}}
	for i := range w.Items {
		s := &w.Items[i]
		c := &s.Change
		t.Rows = append(t.Rows, []string{c.ID, strconv.FormatFloat(s.Score, 'f', 2, 64), lead(s.SecondsBeforeOnset), string(c.Kind), c.Action,
			c.Entity.String(), c.Placement.String(), c.who(), c.versions(), trail(s.Path), terms(s.Reasons), terms(s.Against), c.Summary, c.Evidence})
	}
	return t
}
