package indextest

import (
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

func testStates(t *testing.T, open Opener) {
	flag, other := "flag:shop/fast", "flag:shop/fast2"
	set := func(id, entity, region string, at int) whatchanged.Event {
		e := change(id, entity, at)
		e.Kind, e.Placement = whatchanged.Flag, whatchanged.Placement{Environment: "production", Region: region}
		return e
	}
	seen := set("seen", flag, "eu", 25)
	seen.Action = whatchanged.ActionObserved
	paused, promoted := change("paused", web, 30), change("promoted", web, 20)
	paused.Rollout = &whatchanged.RolloutStep{ID: "r2", Phase: whatchanged.PhasePaused}
	promoted.Rollout = &whatchanged.RolloutStep{ID: "r1", Phase: whatchanged.PhasePromoted}
	commit := change("commit", web, 40)
	commit.Kind = whatchanged.Commit
	corrected := set("moved", flag, "us", 28)
	corrected.Revision, corrected.EffectiveAt = 1, minute(90)
	older, newer := set("old-store", "config:shop/limits", "eu", 10), set("new-store", "config:shop/limits", "eu", 11)
	older.Source, older.Attributes = "zookeeper", map[string]string{"store": "old", "empty": ""}
	log := each(set("first", flag, "eu", 10), set("us", flag, "us", 12), seen, set("second", flag, "eu", 30),
		set("late", flag, "eu", 20), set("tie", flag, "eu", 30), promoted, paused, commit, set("other", other, "eu", 5),
		set("moved", flag, "us", 28), corrected, older, newer)
	index := open(t, log)
	all := everything(log)
	of := func(limit int, entities ...string) whatchanged.StateSelection {
		return whatchanged.StateSelection{Entities: refs(entities...), Limit: limit}
	}
	after := of(9, flag)
	after.After = &whatchanged.StateKey{Entity: ref(flag), Kind: whatchanged.Flag, Placement: whatchanged.Placement{Environment: "production", Region: "eu"}}
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.StateSelection
		want  string
	}{
		{"of each placement the latest in effect, of equals the last heard; what was observed apart", all, of(9, flag), "tie seen moved#1"},
		{"as of a moment", asOf(log, 11), of(9, flag), "first"},
		{"the moment included", asOf(log, 10), of(9, flag), "first"},
		{"before anything was set", asOf(log, 9), of(9, flag), ""},
		{"what came late counts from when it took effect", asOf(log, 22), of(9, flag), "late us"},
		{"as far as was known", whatchanged.View{AsOf: minute(22), KnownAt: whatchanged.At(4)}, of(9, flag), "first us"},
		{"before a correction was known", whatchanged.View{AsOf: minute(50), KnownAt: whatchanged.At(11)}, of(9, flag), "tie seen moved"},
		{"a correction that moves a change gives back what held before", asOf(log, 50), of(9, flag), "tie seen us"},
		{"a version holds once it was promoted", all, of(9, web), "promoted"},
		{"those whose reference begins so", all, whatchanged.StateSelection{Prefixes: []string{"flag:shop/fast2"}, Limit: 9}, "other"},
		{"prefixes and entities add up", all, whatchanged.StateSelection{Prefixes: []string{"flag:shop/fast2"}, Entities: refs(web), Limit: 9}, "other promoted"},
		{"a kind selects", all, whatchanged.StateSelection{Kinds: []whatchanged.EventKind{whatchanged.Deployment}, Limit: 9}, "promoted"},
		{"of everything, in the order of keys", all, whatchanged.StateSelection{Limit: 9}, "new-store tie seen moved#1 other promoted"},
		{"as one source told, whatever others said later", all, whatchanged.StateSelection{Source: "zookeeper", Limit: 9}, "old-store"},
		{"as those say that have an attribute", all, whatchanged.StateSelection{Attribute: [2]string{"store", "old"}, Limit: 9}, "old-store"},
		{"an attribute that is empty is there", all, whatchanged.StateSelection{Attribute: [2]string{"empty", ""}, Limit: 9}, "old-store"},
		{"and one that is missing is not", all, whatchanged.StateSelection{Attribute: [2]string{"shop", ""}, Limit: 9}, ""},
		{"so many", all, of(2, flag), "tie seen"},
		{"after a key", all, after, "seen moved#1"},
		{"a limit of none", all, of(0, flag), ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got := must[[]*whatchanged.Event](t)(index.States(t.Context(), test.view, test.ask))
			same(t, "events", identities(got), strings.Fields(test.want))
		})
	}
}
