package eval

import (
	"context"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// An Asker answers a question as if some changes had never been: those whose
// ids begin with any of hidden.
type Asker func(ctx context.Context, in resolvers.WhatChangedInput, hidden []string) (*resolvers.WhatChanged, error)

// The tiers: what is known of the trouble.
const (
	TierText   = "text"   // what people wrote
	TierEntity = "entity" // that, and which entities hurt
)

// A Verdict is what one question about a case came to.
type Verdict struct {
	World, Case string
	Delay       time.Duration
	Rank        int  // of the culprit, 0 if it was not among the first hundred or there is none
	Known       bool // that there is a culprit
	Of          int  // how many changes were ranked
	Likely      bool
	Accused     bool // likely was said of another change when the culprit was hidden, or when there is none
	Random      float64
	Baselines   map[string]int // ranks by other methods
}

// Ask asks about every case of a world that a tier can ask about.
func (w *World) Ask(ctx context.Context, tier string, ask Asker, done func()) ([]Verdict, error) {
	var all []Verdict
	for _, c := range w.Cases {
		if tier == TierEntity && len(c.Scope) == 0 || tier == TierText && strings.TrimSpace(c.Text) == "" {
			continue
		}
		v, err := w.verdict(ctx, tier, c, ask)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		done()
	}
	return all, nil
}

func (w *World) verdict(ctx context.Context, tier string, c Case, ask Asker) (Verdict, error) {
	in := question(tier, c)
	v := Verdict{World: w.Name, Case: c.Name, Delay: c.Delay, Known: len(c.Truth) > 0}
	a, err := ask(ctx, in, nil)
	if err != nil {
		return v, err
	}
	v.Of, v.Likely, v.Rank = a.Total, a.Likely, rankOf(a, c.Truth)
	v.Baselines = w.baselines(tier, c)
	if n := len(w.candidates(c)); n > 0 {
		v.Random = 1 / float64(n)
	}
	without := a
	if v.Known {
		if without, err = ask(ctx, in, c.Truth); err != nil {
			return v, err
		}
	}
	v.Accused = without.Likely
	return v, nil
}

// question is what is asked about a case, as of its moment.
func question(tier string, c Case) resolvers.WhatChangedInput {
	since, until := whatchanged.WhenAt(c.At.Add(-c.Window)), whatchanged.WhenAt(c.At)
	text := c.Text
	in := resolvers.WhatChangedInput{Since: &since, Until: &until, Symptom: &text, Hops: 2, Limit: 100}
	if tier == TierEntity {
		for _, ref := range c.Scope {
			in.Scope = append(in.Scope, ref.String())
		}
	}
	return in
}

// rankOf returns where the first suspect stands that is one of the changes, or
// a part of it.
func rankOf(a *resolvers.WhatChanged, truth []string) int {
	return 1 + slices.IndexFunc(a.Items, func(s resolvers.Suspect) bool {
		return slices.ContainsFunc(s.IDs, func(id string) bool { return isOf(id, truth) })
	})
}

// isOf reports whether an id is of one of some changes, or of a part of it.
func isOf(id string, changes []string) bool {
	return slices.ContainsFunc(changes, func(c string) bool { return id == c || strings.HasPrefix(id, c+"/") })
}

// Hiding is an index in which some changes have never been.
type Hiding struct {
	resolvers.Index
	Changed []string
}

// Changes implements [resolvers.Index].
func (h Hiding) Changes(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error) {
	page, err := h.Index.Changes(ctx, v, s)
	n := len(page.Events)
	page.Events = slices.DeleteFunc(page.Events, func(e *whatchanged.Event) bool { return isOf(e.ID, h.Changed) })
	page.Total -= n - len(page.Events)
	return page, err
}
