package resolvers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// held is a person's verdict on a change in an incident.
func held(id, incident, change, word string, minutes float64) whatchanged.Event {
	in := whatchanged.RefOf(whatchanged.KindIncident, incident)
	return whatchanged.Event{ID: id, Kind: whatchanged.Verdict, Action: "given", Entity: whatchanged.VerdictRef(in, change), EffectiveAt: ago(minutes), Clock: whatchanged.SourceClock,
		Actor: &whatchanged.Actor{Name: "mara"}, After: whatchanged.ValueOf(map[string]any{"incident": in.String(), "change": change, "verdict": word})}
}

func diagnosed(t *testing.T, w *world, in arguments) *resolvers.WhatChanged {
	t.Helper()
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, in))
	adds(t, a)
	return a
}

func TestVerdictsOfPeople(t *testing.T) {
	changes := []whatchanged.Event{deployed("late", "web", 5), deployed("early", "web", 600)}
	in := arguments{"scope": []any{"web"}}
	for _, tt := range []struct {
		claim    string
		verdicts []whatchanged.Event
		ask      arguments
		first    string
		likely   bool
	}{
		{"none: the last change is first", nil, in, "late", true},
		{"the culprit is first", []whatchanged.Event{held("v", "INC-1", "early", "culprit", 1)}, in, "early", true},
		{"what was not is last", []whatchanged.Event{held("v", "INC-1", "late", "notCulprit", 1)}, in, "early", false},
		{"the last word holds", []whatchanged.Event{held("v", "INC-1", "early", "culprit", 2), held("w", "INC-1", "early", "notCulprit", 1)}, in, "late", true},
		{"a word that was taken back does not", []whatchanged.Event{held("v", "INC-1", "early", "culprit", 2),
			func() whatchanged.Event {
				e := held("w", "INC-1", "early", "culprit", 1)
				e.Action = "removed"
				return e
			}()}, in, "late", true},
		{"nor one of another incident than the one asked about", []whatchanged.Event{held("v", "INC-1", "early", "culprit", 1),
			{ID: "i", Kind: whatchanged.Incident, Action: "detected", Entity: whatchanged.RefOf(whatchanged.KindIncident, "INC-2"), EffectiveAt: ago(0.5), Clock: whatchanged.SourceClock}},
			arguments{"scope": []any{"web"}, "onset": "inc:INC-2"}, "late", true},
		{"nor one that was not known then", []whatchanged.Event{held("v", "INC-1", "early", "culprit", 1)}, arguments{"scope": []any{"web"}, "knownAt": "pos:2"}, "late", true},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := diagnosed(t, newWorld(t, append(slices.Clone(changes), tt.verdicts...)...), tt.ask)
			if a.Items[0].Change.ID != tt.first || len(a.Items) != 2 {
				t.Errorf("%v are ranked, want %s first and no verdict among them", a.IDs(), tt.first)
			}
		})
	}
	a := diagnosed(t, newWorld(t, append(changes, held("v", "INC-1", "early", "culprit", 1))...), in)
	r := a.Items[0].Reasons[slices.IndexFunc(a.Items[0].Reasons, func(r resolvers.Reason) bool { return r.Code == resolvers.CodeVerdict })]
	if r.Text != "mara held it the culprit of incident:default/inc-1" || !slices.Contains(r.Evidence, "v") || !a.Likely {
		t.Errorf("%+v, likely %t", r, a.Likely)
	}
}

// TestKindsAreLearnedFromVerdicts: once people have named enough culprits, the
// kinds they were of count for more, and others for less.
func TestKindsAreLearnedFromVerdicts(t *testing.T) {
	flag := func(id string, minutes float64) whatchanged.Event {
		return deployed(id, "flag:shop/"+id, minutes, func(e *whatchanged.Event) { e.Kind = whatchanged.Flag })
	}
	var events []whatchanged.Event
	for i := range 8 {
		id := fmt.Sprintf("old-%d", i)
		events = append(events, flag(id, 10_000+float64(i)), held("v"+id, fmt.Sprint("INC-", i), id, "culprit", 9000))
	}
	events = append(events, flag("f", 20), deployed("d", "web", 20))
	term := func(a *resolvers.WhatChanged, id string) float64 {
		for _, s := range a.Items {
			for _, r := range slices.Concat(s.Reasons, s.Against) {
				if s.Change.ID == id && r.Code == resolvers.CodeLearned {
					return r.Value
				}
			}
		}
		return 0
	}
	a := diagnosed(t, newWorld(t, events...), arguments{})
	if term(a, "f") < 0.2 || term(a, "d") > -0.2 {
		t.Errorf("a flag gets %g, a deployment %g", term(a, "f"), term(a, "d"))
	}
	few := diagnosed(t, newWorld(t, events[8:]...), arguments{})
	if term(few, "f") != 0 {
		t.Errorf("of %d verdicts %g is learned", 4, term(few, "f"))
	}
}

// TestWhatHurtingEntitiesShareIsMoreSuspect: of two settings changed at once,
// that which all depend on comes first.
func TestWhatHurtingEntitiesShareIsMoreSuspect(t *testing.T) {
	w := newWorld(t, needs("web", "config:shop/common"), needs("cart", "config:shop/common"), needs("pay", "config:shop/common"), needs("web", "config:shop/own"),
		deployed("common", "config:shop/common", 31), deployed("own", "config:shop/own", 30))
	one := diagnosed(t, w, arguments{"scope": []any{"web"}})
	if one.Items[0].Change.ID != "own" {
		t.Errorf("of one that hurts %v", one.IDs())
	}
	all := diagnosed(t, w, arguments{"scope": []any{"web", "cart", "pay"}})
	if all.Items[0].Change.ID != "common" || !strings.Contains(fmt.Sprint(all.Items[0].Reasons), "3 of those that hurt depend on what it changed") {
		t.Errorf("of three that hurt %v %v", all.IDs(), all.Items[0].Reasons)
	}
}

// TestTheWindowIsWidenedWhenNothingExplains, and only when nobody said how far
// to look, and something there does.
func TestTheWindowIsWidenedWhenNothingExplains(t *testing.T) {
	w := newWorld(t, deployed("old", "web", 3*24*60))
	for _, tt := range []struct {
		claim string
		in    arguments
		n     int
	}{
		{"nothing within a day", arguments{"scope": []any{"web"}}, 1},
		{"a day was asked for", arguments{"scope": []any{"web"}, "since": "-1d"}, 0},
		{"nor does the week", arguments{"scope": []any{"web"}, "until": "-10d"}, 0},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := diagnosed(t, w, tt.in)
			if len(a.Items) != tt.n || strings.Contains(a.Verdict, "a week was looked at") != (tt.n > 0) {
				t.Errorf("%d: %s", len(a.Items), a.Verdict)
			}
		})
	}
}

// TestSimilarIncidentsTellWhatPeopleHeld: the verdict of a person is what caused
// a past incident, and clears what its source had named.
func TestSimilarIncidentsTellWhatPeopleHeld(t *testing.T) {
	incident := func(id string, minutes float64, action string, attributes map[string]string) whatchanged.Event {
		return whatchanged.Event{ID: id + action, Kind: whatchanged.Incident, Action: action, Entity: whatchanged.RefOf(whatchanged.KindIncident, id), EffectiveAt: ago(minutes),
			Clock: whatchanged.SourceClock, Summary: "checkout payments time out", Attributes: attributes}
	}
	past := map[string]string{"service": "service:shop/web", "culprit": "named"}
	w := newWorld(t, deployed("named", "web", 5100), deployed("real", "web", 5200), incident("INC-1", 5000, "detected", past), incident("INC-1", 4900, "resolved", nil),
		held("v", "INC-1", "real", "culprit", 4000), held("w", "INC-1", "named", "notCulprit", 4000), incident("INC-2", 10, "detected", map[string]string{"service": "service:shop/web"}))
	a := must[*resolvers.IncidentBrief](t)(incidentBrief(t, w, arguments{"incident": "INC-2"}))
	if len(a.Similar) != 1 || fmt.Sprint(a.Similar[0].CausedBy) != "[real]" {
		t.Errorf("%+v", a.Similar)
	}
}
