package resolvers_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

func change(t testing.TB, w *world, args arguments) (*resolvers.Change, error) {
	t.Helper()
	return ask[*resolvers.Change](t, w, "change", args)
}

func TestChangeKeepsTheOrderOfIDs(t *testing.T) {
	w := newWorld(t, deployed("a", "web", 30), deployed("b", "web", 20), deployed("c", "web", -60))
	for _, ids := range [][]any{{"a"}, {"a", "b", "c"}, {"c", "a", "b"}, {"b", "b"}} {
		a := must[*resolvers.Change](t)(change(t, w, arguments{"ids": ids}))
		var got []any
		for _, id := range a.IDs() {
			got = append(got, id)
		}
		if !slices.Equal(got, ids) || a.Total != len(ids) {
			t.Errorf("asked %v, got %v of %d", ids, got, a.Total)
		}
	}
	a := must[*resolvers.Change](t)(change(t, w, arguments{"ids": []any{"b", "a"}}))
	learned := a.Items[0].Event.SeenAt // of b, which was told after a
	if a.Interval.From != ago(30) || a.Interval.To != learned.Add(whatchanged.Resolution) || a.AsOf != ago(20) {
		t.Errorf("interval %v as of %v, want from the first effect to when the last was learned of", a.Interval, a.AsOf)
	}
	if a.Coverage.State != whatchanged.CoverageHeard {
		t.Errorf("coverage %v: their source was heard when it told of them", a.Coverage)
	}
}

func TestChangeIsWhole(t *testing.T) {
	e := deployed("full", "web", 30, in("prod", "eu"), summary("deploy"))
	written := ago(40)
	e.Actor, e.WrittenAt = &whatchanged.Actor{Name: "ann", Automation: true}, &written
	e.Before, e.After = whatchanged.ValueOf(map[string]any{"a": 1}), whatchanged.ValueOf(map[string]any{"a": 2})
	e.Diff = whatchanged.Diff(e.Before, e.After)
	e.Version, e.PreviousVersion, e.Commits, e.Reverts, e.Parent = "2", "1", []string{"abc1234"}, "old", "parent"
	e.Approval = &whatchanged.Approval{By: "bob", Policy: "four eyes", BreakGlass: true}
	e.Validation = &whatchanged.Validation{Result: "passed"}
	e.Links = []whatchanged.Link{{Rel: "evidence", URL: "https://ci.example/1"}}
	e.Rollout = &whatchanged.RolloutStep{ID: "r", Phase: whatchanged.PhasePaused}
	e.Attributes = map[string]string{"ticket": "OPS-1"}
	w := newWorld(t, e)
	a := must[*resolvers.Change](t)(change(t, w, arguments{"ids": []any{"full"}, "raw": true}))

	got := a.Items[0]
	if got.Delivery.Body != `{"delivery":1}` || got.Delivery.ID != "delivery-1" || got.Delivery.Outcome != whatchanged.Accepted || !got.Delivery.ReceivedAt.Equal(got.Event.SeenAt) {
		t.Errorf("delivery %+v", got.Delivery)
	}
	if got.Event.Validation.Checks == nil || len(got.Event.Diff) != 1 {
		t.Errorf("event %+v", got.Event)
	}
	if w.log[0].Events[0].Validation.Checks != nil {
		t.Error("the index's own event was written to")
	}
	var table strings.Builder
	for _, row := range a.Table().Rows {
		table.WriteString(strings.Join(row, " ") + "\n")
	}
	for _, want := range []string{"ann (automation)", "prod/eu", "1 → 2", "abc1234", "reverts old", "parent parent", "replace /a 1 → 2", `"breakGlass":true`, "passed", "https://ci.example/1", "paused", "OPS-1", `{"delivery":1}`, "pos:1.0"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, &table)
		}
	}
	if a := must[*resolvers.Change](t)(change(t, w, arguments{"ids": []any{"full"}})); a.Items[0].Delivery != nil {
		t.Error("a delivery that was not asked for")
	}
}

// TestChangeWithoutDetailsHasLists: what the contract calls a list is one.
func TestChangeWithoutDetailsHasLists(t *testing.T) {
	w := newWorld(t, deployed("bare", "web", 30))
	a := must[*resolvers.Change](t)(change(t, w, arguments{"ids": []any{"bare"}}))
	var m struct {
		Items []struct {
			Event map[string]any `json:"event"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(text(a)), &m); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"diff", "commits", "links"} {
		if diff := cmp.Diff([]any{}, m.Items[0].Event[field]); diff != "" {
			t.Errorf("%s: %s", field, diff)
		}
	}
	if diff := cmp.Diff(map[string]any{}, m.Items[0].Event["attributes"]); diff != "" {
		t.Errorf("attributes: %s", diff)
	}
}

func TestChangeShowsTheRevisionThatWasKnown(t *testing.T) {
	corrected := deployed("a", "web", 30, summary("right"))
	corrected.Revision = 1
	w := newWorld(t, deployed("a", "web", 30, summary("wrong")), corrected)
	now := must[*resolvers.Change](t)(change(t, w, arguments{"ids": []any{"a"}}))
	then := must[*resolvers.Change](t)(change(t, w, arguments{"ids": []any{"a"}, "knownAt": "pos:1"}))
	if now.Items[0].Event.Summary != "right" || then.Items[0].Event.Summary != "wrong" {
		t.Errorf("now %q, then %q", now.Items[0].Event.Summary, then.Items[0].Event.Summary)
	}
}

func TestCitationsSayWhatBecameOfThem(t *testing.T) {
	corrected := deployed("a", "web", 30, summary("right"))
	corrected.Revision = 1
	w := newWorld(t, deployed("a", "web", 30, summary("wrong")), deployed("b", "web", 20), deployed("x@y", "web", 20), corrected)
	for _, tt := range []struct {
		claim string
		cited string
		want  resolvers.Standing
		items int
	}{
		{"one that was not touched", "b@pos:2", resolvers.Stands, 1},
		{"or cited at a later answer's position", "b@pos:4", resolvers.Stands, 1},
		{"one that its source corrected", "a@pos:2.0", resolvers.Repaired, 1},
		{"but not if the correction had been heard", "a@pos:4", resolvers.Stands, 1},
		{"one cited before it was known", "b@pos:1", resolvers.Unknown, 1},
		{"one that never was", "c@pos:2", resolvers.Unknown, 0},
		{"an id with the sign in it", "x@y@pos:3", resolvers.Stands, 1},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.Change](t)(change(t, w, arguments{"ids": []any{tt.cited}}))
			if len(a.Citations) != 1 || a.Citations[0].Standing != tt.want || a.Citations[0].Cited != tt.cited || len(a.Items) != tt.items || a.Verdict == "" {
				t.Errorf("%+v, %d items, %s", a.Citations, len(a.Items), a.Verdict)
			}
		})
	}
	if a := must[*resolvers.Change](t)(change(t, w, arguments{"ids": []any{"x@y", "b"}})); len(a.Citations) != 0 || len(a.Items) != 2 {
		t.Errorf("ids without a position cite nothing: %+v", a.Citations)
	}
	if a := must[*resolvers.Change](t)(change(t, w, arguments{"ids": []any{"a@pos:4"}, "knownAt": "pos:2"})); a.Citations[0].Standing != resolvers.Stands {
		t.Errorf("as was known then: %+v", a.Citations)
	}
}

func TestChangeRefuses(t *testing.T) {
	w := newWorld(t, deployed("a", "web", 30))
	for _, tt := range []struct {
		claim string
		ask   arguments
		code  whatchanged.Code
		field string
	}{
		{"no ids", arguments{"ids": []any{}}, whatchanged.CodeInvalidArgument, "ids"},
		{"ids left out", arguments{}, whatchanged.CodeInvalidArgument, "ids"},
		{"more than five", arguments{"ids": []any{"a", "a", "a", "a", "a", "a"}}, whatchanged.CodeInvalidArgument, "ids"},
		{"an id that is not known, though another is", arguments{"ids": []any{"a", "b"}}, whatchanged.CodeNotFound, "ids"},
		{"one that was not known then", arguments{"ids": []any{"a"}, "knownAt": "pos:0"}, whatchanged.CodeNotFound, "ids"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			_, err := change(t, w, tt.ask)
			refused(t, err, tt.code, tt.field)
		})
	}
}
