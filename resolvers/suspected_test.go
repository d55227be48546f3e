package resolvers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

func commit(id string, minutes float64) whatchanged.Event {
	e := deployed(id, "repository:shop/monorepo", minutes, kind(whatchanged.Commit), carrying(id))
	e.Action = "committed"
	return e
}

func TestACommitThatARolloutCarriesIsOnePartOfIt(t *testing.T) {
	w := newWorld(t, commit("c1", 40),
		deployed("s1", "web", 30, step("r", whatchanged.PhaseProgressing, 0.1), carrying("c1")),
		deployed("s2", "web", 20, step("r", whatchanged.PhasePromoted, 1), carrying("c1")))
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{}))
	if len(a.Items) != 1 {
		t.Fatalf("got %v, want one rollout", a.IDs())
	}
	if diff := cmp.Diff([]string{"s2", "s1", "c1"}, a.Items[0].IDs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatCameSinceIsCountedFromTheEventThatStands: the step before onset
// stands for a rollout that went on after it.
func TestWhatCameSinceIsCountedFromTheEventThatStands(t *testing.T) {
	w := newWorld(t,
		deployed("s1", "web", 120, step("r", whatchanged.PhaseProgressing, 0.1), by("ann", false)),
		deployed("other", "web", 60, by("ann", false)),
		deployed("s2", "web", 5, step("r", whatchanged.PhasePromoted, 1), by("ann", false)))
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"onset": when(30)}))
	got := map[string]string{}
	for _, s := range a.Items {
		last := slices.ContainsFunc(s.Reasons, func(r resolvers.Reason) bool { return r.Code == resolvers.CodeLast })
		got[s.Change.ID] = s.Reasons[0].Text
		if last != (s.Change.ID == "other") {
			t.Errorf("%s: the last of its author: %v", s.Change.ID, last)
		}
	}
	want := map[string]string{"s1": "it took effect 1h30m before onset, with 1 change since", "other": "it took effect 30m before onset, the last to do so"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatWasTakenBackAfterOnsetIsNotUndone(t *testing.T) {
	w := newWorld(t, deployed("bad", "web", 90),
		deployed("landing", "web", 60), deployed("part", "web", 10, partOf("landing"), reverting("bad")))
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"onset": when(30)}))
	for _, s := range a.Items {
		for _, r := range s.Against {
			if r.Code == resolvers.CodeUndone {
				t.Errorf("%s: %s, which was after onset", s.Change.ID, r.Text)
			}
		}
	}
}

func TestCommitsThatAreRankedAreNotSaidToBeLeftOut(t *testing.T) {
	w := newWorld(t, append(shop(), commit("c1", 40), commit("c2", 30), deployed("d", "web", 20), deployed("far", "far", 10))...)
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"web"}, "symptom": "uploads fail"}))
	if a.Total != 3 || len(a.Excluded) != 1 || a.Excluded[0].Reason != resolvers.ReasonNotConnected || a.Excluded[0].Count != 1 {
		t.Errorf("%s ranked, %+v left out; want d, c1 and c2 ranked and far alone left out", strings.Join(a.IDs(), " "), a.Excluded)
	}
}

// TestStormsAreOneSuspect: with all their ids, and only what was said and done
// alike by one hand.
func TestStormsAreOneSuspect(t *testing.T) {
	var events []whatchanged.Event
	for i := range 7 {
		events = append(events, deployed(fmt.Sprint("s", i), fmt.Sprint("svc-", i), 20-float64(i)*0.5, summary("rotate certificates")))
	}
	for i := range 4 {
		events = append(events, deployed(fmt.Sprint("few", i), fmt.Sprint("few-", i), 50-float64(i)*0.5, summary("resize")))
	}
	for i := range 6 {
		events = append(events, deployed(fmt.Sprint("own", i), fmt.Sprint("own-", i), 80-float64(i)*0.5, summary(fmt.Sprint("change ", i))))
	}
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, newWorld(t, events...), arguments{"limit": 100}))
	if len(a.Items) != 1+4+6 || len(a.Items[0].IDs) != 7 || a.Total != 11 {
		t.Errorf("%d suspects, the first of %v", len(a.Items), a.Items[0].IDs)
	}
	if !slices.ContainsFunc(a.Excluded, func(x resolvers.Exclusion) bool { return x.Reason == resolvers.ReasonSameStorm && x.Count == 6 }) {
		t.Errorf("left out %+v", a.Excluded)
	}
}
