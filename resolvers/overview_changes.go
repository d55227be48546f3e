package resolvers

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// The reasons for which a change is risky.
const (
	riskBreakGlass = "BREAK_GLASS"
	riskApproval   = "APPROVAL_SKIPPED"
	riskFailed     = "VALIDATION_FAILED"
	riskSkipped    = "VALIDATION_SKIPPED"
	riskDependents = "DEPENDENTS"
)

// risks is what each reason adds to the prior of the kind, in the log-odds of
// kindPrior. They were set by hand: there is no record yet to fit them on.
var risks = map[string]float64{riskBreakGlass: 3, riskFailed: 2.5, riskApproval: 2, riskSkipped: 2}

const (
	perLogDependent = 0.5 // times ln(1 + how many depend on it directly)
	wasUndone       = -2  // it was taken back already
	maxRisky        = 200 // changes of which the dependents are counted
)

// A risk is a change and why it is risky.
type risk struct {
	*suspected
	score   float64
	reasons []string
	checked bool // no reason is that it was not checked
}

// changes looks for the riskiest changes of the interval. That nothing is said
// of an approval is no reason: most sources never say.
func (s *survey) changes() error {
	sel := whatchanged.Selection{Interval: s.interval, Entities: s.owned, Kinds: append(slices.Clone(whatchanged.SettingKinds), whatchanged.RolloutKind), Descending: true, Limit: maxCandidates}
	page, err := s.index.Changes(s.ctx, s.view, sel)
	if err != nil {
		return err
	}
	s.x.add(ReasonBeyondLimit, page.Total-len(page.Events))
	events := slices.DeleteFunc(s.apply(page.Events, &s.x), func(e *whatchanged.Event) bool { return e.Action == whatchanged.ActionObserved })
	var folded excluded // parts of one change are one change
	b := *s.asking
	b.onset = s.interval.To
	all := risky(b.suspects(events, nil, &folded))
	s.out.Counts.Changes = len(all)
	for i := range all {
		if !all[i].checked {
			s.out.Counts.Unchecked++
		}
	}
	if err := s.countDependents(all[:min(len(all), maxRisky)]); err != nil {
		return err
	}
	s.all = slices.Grow(s.all, len(all))
	for i := range all {
		r := &all[i]
		e := r.event
		s.found(finding{what: showChange, of: e.Entity, at: e.Placement, alarming: !r.checked}, func() OverviewItem {
			text := Fence(string(e.Kind)) + " " + Fence(e.Action)
			if e.Actor != nil && e.Actor.Name != "" {
				text += " by " + Fence(e.Actor.Name)
			}
			if e.Summary != "" {
				text += ": " + Fence(cut(e.Summary, 80))
			}
			return OverviewItem{Entity: e.Entity, Since: e.EffectiveAt, Text: text, Reasons: r.reasons, IDs: []string{e.ID}}
		})
	}
	return nil
}

// risky weighs changes by what is said of them alone, the riskiest first.
func risky(changes []*suspected) []risk {
	all := make([]risk, len(changes))
	for i, l := range changes {
		r := risk{suspected: l, score: kindPrior[l.event.Kind], checked: true}
		for _, e := range l.events {
			for _, code := range unchecked(e) {
				if !slices.Contains(r.reasons, code) {
					r.reasons, r.checked = append(r.reasons, code), false
					r.score += risks[code]
				}
			}
		}
		if l.undone != "" {
			r.score += wasUndone
		}
		all[i] = r
	}
	sortRisks(all)
	return all
}

func sortRisks(all []risk) {
	slices.SortStableFunc(all, func(r, s risk) int { return cmp.Compare(s.score, r.score) })
}

// unchecked says which of approval and checks an event went past.
func unchecked(e *whatchanged.Event) (codes []string) {
	if a := e.Approval; a != nil {
		if a.BreakGlass {
			codes = append(codes, riskBreakGlass)
		} else if a.By == "" {
			codes = append(codes, riskApproval)
		}
	}
	if v := e.Validation; v != nil {
		switch strings.ToLower(v.Result) {
		case "failed":
			codes = append(codes, riskFailed)
		case "skipped":
			codes = append(codes, riskSkipped)
		}
	}
	return codes
}

// countDependents weighs how many depend on what was changed, by one read.
func (s *survey) countDependents(all []risk) error {
	var refs []whatchanged.Ref
	for i := range all {
		refs = append(refs, all[i].event.Entity)
	}
	if len(refs) == 0 {
		return nil
	}
	slices.SortFunc(refs, whatchanged.Ref.Compare)
	edges, err := s.index.Edges(s.ctx, s.view, slices.Compact(refs), maxEdges)
	if err != nil {
		return err
	}
	n := map[whatchanged.Ref]map[whatchanged.Ref]bool{}
	for _, e := range edges {
		if n[e.To] == nil {
			n[e.To] = map[whatchanged.Ref]bool{}
		}
		n[e.To][e.From] = true
	}
	for i := range all {
		if count := len(n[all[i].event.Entity]); count > 0 {
			all[i].score += perLogDependent * math.Log1p(float64(count))
			all[i].reasons = append(all[i].reasons, fmt.Sprintf("%s %d", riskDependents, count))
		}
	}
	sortRisks(all)
	return nil
}
