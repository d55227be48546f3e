package resolvers

import (
	"maps"
	"math"
	"slices"

	"whatchanged.dev/whatchanged"
)

const (
	maxVerdicts = 2000 // the first by incident
	maxLearned  = 200  // culprits whose kinds are learned from
)

// A said is a verdict with who gave it.
type said struct {
	whatchanged.PersonsVerdict
	event *whatchanged.Event
}

// verdicts are what people held to be the cause, as was known in the view, by
// the change they speak of.
func (a *asking) verdicts() (map[string][]said, error) {
	v := a.seeing(whatchanged.MaxTime)
	held, err := a.index.States(a.ctx, v, whatchanged.StateSelection{Prefixes: []string{string(whatchanged.KindVerdict) + ":"},
		Kinds: []whatchanged.EventKind{whatchanged.Verdict}, Limit: maxVerdicts})
	if err != nil || len(held) == 0 {
		return nil, err
	}
	by := map[string][]said{}
	for _, e := range held {
		if v, ok := whatchanged.VerdictOf(e); ok {
			by[v.Change] = append(by[v.Change], said{v, e})
		}
	}
	return by, nil
}

// heed notes the verdict about each suspect: of the incident that is asked
// about, or of any when none is named.
func heed(all []*suspected, by map[string][]said, incident whatchanged.Ref) {
	for _, l := range all {
		for _, e := range l.events {
			for _, s := range by[e.ID] {
				if incident.IsZero() || incident == s.Incident {
					l.said = &s
				}
			}
		}
	}
}

// incidentAsked is the incident that a question names, by its onset or in its
// scope; the zero Ref if it names none.
func incidentAsked(onset *whatchanged.When, scope []whatchanged.Ref) whatchanged.Ref {
	if onset != nil {
		if id, ok := onset.AsIncident(); ok {
			return whatchanged.RefOf(whatchanged.KindIncident, id)
		}
	}
	for _, ref := range scope {
		if ref.Kind == whatchanged.KindIncident {
			return ref
		}
	}
	return whatchanged.Ref{}
}

// learned is what the kinds of changes that people blamed add to a kind: the
// logarithm of how much more often it was blamed than it is among the
// candidates, shrunk towards nothing as if there were so many more verdicts
// that go by the candidates alone.
func (a *asking) learned(all []*suspected, by map[string][]said) (map[whatchanged.EventKind]float64, error) {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(by)) { // the same ones each time
		for _, v := range by[id] {
			if v.Culprit && len(ids) < maxLearned {
				ids = append(ids, id)
				break
			}
		}
	}
	if len(ids) < fewVerdicts {
		return nil, nil
	}
	blamed, err := a.revisions(a.view.KnownAt, ids)
	if err != nil {
		return nil, err
	}
	count := map[whatchanged.EventKind]float64{}
	for _, e := range blamed {
		count[e.Kind]++
	}
	among := map[whatchanged.EventKind]float64{}
	for _, l := range all {
		among[l.event.Kind]++
	}
	out := map[whatchanged.EventKind]float64{}
	for kind, n := range among {
		expected := n / float64(len(all))
		ratio := (count[kind] + verdictShrink*expected) / ((float64(len(blamed)) + verdictShrink) * expected)
		out[kind] = max(-maxLearnedTerm, min(maxLearnedTerm, math.Log(ratio)))
	}
	return out, nil
}
