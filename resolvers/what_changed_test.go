package resolvers_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// shop is a topology: web needs cart, cart needs pay, pay reads a flag.
func shop() []whatchanged.Event {
	return []whatchanged.Event{needs("web", "cart"), needs("cart", "pay"), needs("pay", "flag:shop/new-pay"), needs("pay", "db")}
}

func TestWhatChangedRanks(t *testing.T) {
	const flagNewPay = "flag:shop/new-pay"
	for _, tt := range []struct {
		claim  string
		events []whatchanged.Event
		ask    arguments
		want   string // ids, most suspicious first
	}{
		{"nothing, when nothing changed", nil, arguments{"scope": []any{"web"}}, ""},
		{"the later one first", []whatchanged.Event{deployed("early", "web", 50), deployed("late", "web", 10)},
			arguments{"scope": []any{"web"}}, "late early"},
		{"of equal scores the later one, then the one logged later", []whatchanged.Event{deployed("a", "web", 10), deployed("b", "web", 10)},
			arguments{"scope": []any{"web"}}, "b a"},
		{"an entity's own change before that of what it needs", []whatchanged.Event{deployed("own", "web", 12), deployed("needed", "cart", 10)},
			arguments{"scope": []any{"web"}}, "own needed"},
		{"what is needed before what needs it", []whatchanged.Event{deployed("above", "web", 10), deployed("below", "pay", 11)},
			arguments{"scope": []any{"cart"}}, "below above"},
		{"one edge away before two", []whatchanged.Event{deployed("two", "pay", 10), deployed("one", "cart", 10)},
			arguments{"scope": []any{"web"}}, "one two"},
		{"a flag that a service reads weighs nearly as the service itself", []whatchanged.Event{deployed("own", "pay", 10), deployed("flag", flagNewPay, 10, kind(whatchanged.Flag)), deployed("db", "db", 10)},
			arguments{"scope": []any{"pay"}}, "own flag db"},
		{"and before a service that is called, though one edge farther", []whatchanged.Event{deployed("called", "pay", 10), deployed("flag", flagNewPay, 10, kind(whatchanged.Flag))},
			arguments{"scope": []any{"cart"}}, "called flag"},
		{"a deployment before a commit", []whatchanged.Event{deployed("commit", "web", 9, kind(whatchanged.Commit)), deployed("deployment", "web", 12)},
			arguments{"scope": []any{"web"}}, "deployment commit"},
		{"a push to the repository of a service concerns it", []whatchanged.Event{deployed("push", "repository:shop/web", 9, kind(whatchanged.Commit))},
			arguments{"scope": []any{"web"}}, "push"},
		{"before onset before after onset", []whatchanged.Event{deployed("before", "web", 300), deployed("after", "web", 29)},
			arguments{"scope": []any{"web"}, "onset": when(30)}, "before after"},
		{"where it hurts before where is not known", []whatchanged.Event{deployed("unknown", "web", 10), deployed("there", "web", 11, in("prod", "eu"))},
			arguments{"scope": []any{"web"}, "environment": "prod", "regions": []any{"eu"}}, "there unknown"},
		{"any of several regions, case ignored", []whatchanged.Event{deployed("eu", "web", 10, in("prod", "EU")), deployed("us", "web", 11, in("prod", "us")), deployed("ap", "web", 9, in("prod", "ap"))},
			arguments{"scope": []any{"web"}, "regions": []any{"eu", "us"}}, "eu us"},
		{"no scope is everything, without paths", []whatchanged.Event{deployed("web", "web", 11), deployed("far", "far", 10)},
			arguments{}, "far web"},
		{"several entities in trouble", []whatchanged.Event{deployed("web", "web", 10), deployed("db", "db", 11), deployed("else", "else", 9)},
			arguments{"scope": []any{"web", "db"}, "hops": 0}, "web db"},
		{"what speaks of the symptom before what is later", []whatchanged.Event{deployed("meant", "web", 100, summary("Raise the upload limit")), deployed("later", "web", 60, summary("Change a banner"))},
			arguments{"symptom": "uploads fail since the limits were raised"}, "meant later"},
		{"parts of identifiers are words", []whatchanged.Event{deployed("meant", "web", 100, summary("Set wgMaxUploadSize")), deployed("later", "web", 60, summary("Change a banner"))},
			arguments{"symptom": "uploading fails"}, "meant later"},
		{"what was taken back after what was not", []whatchanged.Event{deployed("undone", "web", 50), deployed("undoing", "web", 45, reverting("undone")), deployed("still", "web", 55)},
			arguments{"scope": []any{"web"}}, "still undone undoing"},
		{"unless that was taken back too", []whatchanged.Event{deployed("landed", "web", 50), deployed("undoing", "web", 45, reverting("landed")), deployed("again", "web", 40, reverting("undoing")), deployed("older", "web", 55)},
			arguments{"scope": []any{"web"}}, "landed older again undoing"},
		{"a change that takes another back is seldom to blame", []whatchanged.Event{deployed("revert", "web", 40, reverting("something")), deployed("change", "web", 60)},
			arguments{"scope": []any{"web"}}, "change revert"},
		{"nor is one that no person made", []whatchanged.Event{deployed("bot", "web", 60, by("bot", true)), deployed("person", "web", 60, by("ann", false))},
			arguments{"scope": []any{"web"}}, "person bot"},
		{"parts of one change are one suspect", []whatchanged.Event{deployed("whole", "web", 10), deployed("whole/part", "cart", 10, partOf("whole")), deployed("other", "web", 20)},
			arguments{"scope": []any{"web"}}, "whole other"},
		{"a commit is a part of the deployment that carries it", []whatchanged.Event{
			deployed("commit", "repository:shop/code", 90, kind(whatchanged.Commit), carrying("abc"), summary("Lower the timeout")),
			deployed("deployed", "web", 50, carrying("abc")), deployed("later", "web", 40)},
			arguments{"scope": []any{"web"}, "symptom": "timeouts everywhere"}, "deployed later"},
		{"hops 0 is the scope alone", []whatchanged.Event{deployed("web", "web", 10), deployed("cart", "cart", 10)},
			arguments{"scope": []any{"web"}, "hops": 0}, "web"},
		{"hops 1 is one edge", []whatchanged.Event{deployed("web", "web", 10), deployed("cart", "cart", 10), deployed("pay", "pay", 10)},
			arguments{"scope": []any{"web"}, "hops": 1}, "web cart"},
		{"hops 3 is three", []whatchanged.Event{deployed("flag", flagNewPay, 10)},
			arguments{"scope": []any{"web"}, "hops": 3}, "flag"},
		{"kinds, case ignored", []whatchanged.Event{deployed("d", "web", 10), deployed("f", "web", 11, kind(whatchanged.Flag))},
			arguments{"scope": []any{"web"}, "kinds": []any{"FLAG"}}, "f"},
		{"the start of the window is in it", []whatchanged.Event{deployed("at", "web", 60), deployed("before", "web", 60.001)},
			arguments{"scope": []any{"web"}, "since": when(60)}, "at"},
		{"the end of the window is not", []whatchanged.Event{deployed("at", "web", 5), deployed("before", "web", 5.001)},
			arguments{"scope": []any{"web"}, "until": when(5)}, "before"},
		{"the window starts 24 hours before onset", []whatchanged.Event{deployed("in", "web", 30+24*60), deployed("out", "web", 31+24*60)},
			arguments{"scope": []any{"web"}, "onset": when(30)}, "in"},
		{"the future is not asked", []whatchanged.Event{deployed("future", "web", -5)},
			arguments{"scope": []any{"web"}}, ""},
		{"unless it is", []whatchanged.Event{deployed("future", "web", -5)},
			arguments{"scope": []any{"web"}, "until": when(-10)}, "future"},
		{"topology as of onset: an edge that came later leads nowhere", []whatchanged.Event{deployed("new", "new", 50),
			{ID: "edge", Kind: whatchanged.Topology, Action: "declared", Entity: ref("web"), EffectiveAt: ago(20), Dependency: &whatchanged.Dependency{To: ref("new"), Evidence: whatchanged.Observed}}},
			arguments{"scope": []any{"web"}, "onset": when(30), "kinds": []any{"deployment"}}, ""},
		{"unless asked as of then", []whatchanged.Event{deployed("new", "new", 50),
			{ID: "edge", Kind: whatchanged.Topology, Action: "declared", Entity: ref("web"), EffectiveAt: ago(20), Dependency: &whatchanged.Dependency{To: ref("new"), Evidence: whatchanged.Observed}}},
			arguments{"scope": []any{"web"}, "onset": when(30), "asOf": when(20), "kinds": []any{"deployment"}}, "new"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWorld(t, append(shop(), tt.events...)...)
			a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, tt.ask))
			var got []string
			for _, s := range a.Items {
				if s.Change.Kind != whatchanged.Topology {
					got = append(got, s.Change.ID)
				}
			}
			if diff := cmp.Diff(strings.Fields(tt.want), append([]string{}, got...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			adds(t, a)
		})
	}
}

// adds checks that every score is the sum of its terms, the order that of the
// scores, and every path one of as many edges as it says.
func adds(t *testing.T, a *resolvers.WhatChanged) {
	t.Helper()
	for i, s := range a.Items {
		sum := 0.0
		for _, r := range slices.Concat(s.Reasons, s.Against) {
			sum += r.Value
			if r.Text == "" || len(r.Evidence) == 0 || r.Evidence[0] != s.Change.ID {
				t.Errorf("%s: term %+v says nothing", s.Change.ID, r)
			}
		}
		if math.Abs(sum-s.Score) > 1e-9 {
			t.Errorf("%s: score %v, its terms add up to %v", s.Change.ID, s.Score, sum)
		}
		if i > 0 && s.Score > a.Items[i-1].Score {
			t.Errorf("%s has %v after %v", s.Change.ID, s.Score, a.Items[i-1].Score)
		}
		repository := s.Change.Entity.Kind == whatchanged.KindRepository
		if len(s.Path) > 0 && (s.Path[len(s.Path)-1] != s.Change.Entity || len(s.Path)-1 != s.Hops && !repository) {
			t.Errorf("%s: %d hops along %v", s.Change.ID, s.Hops, s.Path)
		}
		if got := a.Onset.Sub(s.Change.EffectiveAt).Seconds(); got != s.SecondsBeforeOnset {
			t.Errorf("%s: %v seconds before onset, want %v", s.Change.ID, s.SecondsBeforeOnset, got)
		}
	}
}

func TestWhatChangedGivesReasons(t *testing.T) {
	w := newWorld(t, append(shop(), deployed("own", "cart", 40, in("prod", "eu")), deployed("below", "pay", 40), deployed("above", "web", 20))...)
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"cart"}, "onset": when(30), "regions": []any{"eu"}, "kinds": []any{"deployment"}}))
	var got []string
	for _, s := range a.Items {
		var codes []string
		for _, r := range s.Reasons {
			codes = append(codes, "+"+r.Code)
		}
		for _, r := range s.Against {
			codes = append(codes, "-"+r.Code)
		}
		got = append(got, s.Change.ID+" "+strings.Join(codes, " "))
	}
	want := []string{"own +RECENT +SAME_ENTITY +KIND +PLACEMENT", "below +RECENT +KIND -DEPENDENCY", "above +KIND -AFTER_ONSET -DEPENDENT"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatChangedCountsWhatItLeavesOut(t *testing.T) {
	w := newWorld(t, append(shop(),
		deployed("us", "web", 10, in("prod", "us")), deployed("staging", "web", 10, in("staging", "eu")), deployed("eu", "web", 10, in("prod", "eu")),
		deployed("flag", "web", 10, kind(whatchanged.Flag)),
		deployed("far", "far", 10), deployed("farther", "far", 11), deployed("farthest", "far", 12),
		deployed("incident", "web", 10, kind(whatchanged.Incident)),
		deployed("step 1", "web", 12, step("r1", whatchanged.PhaseProgressing, 0.1)), deployed("step 2", "web", 11, step("r1", whatchanged.PhasePaused, 0.5)),
		deployed("old", "web", 3000))...)
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"web"}, "environment": "prod", "regions": []any{"eu"},
		"kinds": []any{"deployment", "incident", "rollout"}}))
	got := map[string]int{}
	for _, x := range a.Excluded {
		got[x.Reason] = x.Count
		if x.Text == "" {
			t.Errorf("%s is not explained", x.Reason)
		}
	}
	want := map[string]int{resolvers.ReasonOtherPlacement: 2, resolvers.ReasonOtherKind: 1, resolvers.ReasonNotConnected: 3,
		resolvers.ReasonSymptom: 1, resolvers.ReasonSameRollout: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(a.Items) != 2 || a.Total != 2 {
		t.Errorf("%d items of %d, want the deployment and the rollout", len(a.Items), a.Total)
	}
}

func TestWhatChangedListsARolloutOnce(t *testing.T) {
	w := newWorld(t, deployed("s1", "web", 30, step("r", whatchanged.PhaseProgressing, 0.1)), deployed("s3", "web", 10, step("r", whatchanged.PhasePaused, 0.5)),
		deployed("s2", "web", 20, step("r", whatchanged.PhaseProgressing, 0.2)), deployed("other", "web", 15, step("q", whatchanged.PhasePromoted, 1)))
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"web"}}))
	if len(a.Items) != 2 || a.Items[0].Change.ID != "s3" {
		t.Fatalf("got %v, want the last step and the other rollout", a.IDs())
	}
	half := 0.5
	want := &whatchanged.Rollout{ID: "r", Phase: whatchanged.PhasePaused, Share: &half, StartedAt: ago(30), UpdatedAt: ago(10), Steps: []string{"s1", "s2", "s3"}}
	if diff := cmp.Diff(whatchanged.ValueOf(want).String(), whatchanged.ValueOf(a.Items[0].Rollout).String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatChangedSaysWhenTooMuchWasThere(t *testing.T) {
	w := newWorld(t)
	var events []whatchanged.Event
	for i := range 20_003 {
		events = append(events, deployed(fmt.Sprint("e", i), "web", float64(i)/60))
	}
	w.tell(events...)
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"web"}, "limit": 1}))
	if len(a.Excluded) != 1 || a.Excluded[0].Reason != resolvers.ReasonBeyondLimit || a.Excluded[0].Count != 2 || a.Total != 20_000 {
		t.Errorf("excluded %+v of %d, want 2 BEYOND_LIMIT: the one at noon is not in the window", a.Excluded, a.Total)
	}
}

func TestWhatChangedSaysWhenMoreCouldBeReached(t *testing.T) {
	w := newWorld(t)
	var edges []whatchanged.Event
	for i := range 5001 {
		edges = append(edges, needs("web", fmt.Sprintf("s%04d", i)))
	}
	w.tell(edges...)
	w.tell(deployed("last", "s5000", 10))
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"web"}}))
	if len(a.Excluded) != 1 || a.Excluded[0].Reason != resolvers.ReasonBeyondReach {
		t.Errorf("excluded %+v: want BEYOND_REACH, since there is a path", a.Excluded)
	}
}

func TestWhatChangedNothingIsAPositiveStatement(t *testing.T) {
	w := newWorld(t, append(shop(), deployed("us", "web", 10, in("prod", "us")))...)
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"web"}, "regions": []any{"eu"}}))
	want := "Nothing recorded changed around service:shop/web in the 24h00m before 2026-03-01T12:00:00Z besides what was left out: 1 OTHER_PLACEMENT. Coverage: heard: test."
	if a.Verdict != want || a.Coverage.State != whatchanged.CoverageHeard {
		t.Errorf("got %q, want %q", a.Verdict, want)
	}
	if a.Items == nil || a.Truncated || a.Cursor != nil || a.Total != 0 {
		t.Errorf("%+v is not an empty answer", a.Envelope)
	}
	asked := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"db"}, "symptom": "uploads fail"}))
	if more := asked.Next[len(asked.Next)-1]; more.Question != "whatChanged" || !strings.Contains(more.Arguments.String(), `"symptom":"uploads fail"`) {
		t.Errorf("a week more is asked with %v, want the same symptom", more.Arguments)
	}
	silent := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"web"}, "since": when(5)}))
	if silent.Coverage.State != whatchanged.CoverageUnknown || !strings.Contains(silent.Coverage.Text, "too little history") {
		t.Errorf("coverage %q, want unknown: nothing arrived in the window, and of few deliveries nobody can say what is usual", silent.Coverage.Text)
	}
	never := must[*resolvers.WhatChanged](t)(whatChanged(t, newWorld(t), arguments{}))
	if never.Coverage.State != whatchanged.CoverageUnknown || never.Watermark.At != nil {
		t.Errorf("coverage %q of an empty log", never.Coverage.Text)
	}
}

func TestWhatChangedNamesEntities(t *testing.T) {
	w := newWorld(t, deployed("1", "web", 10), deployed("2", "repository:shop/web", 10), deployed("3", "service:eu/api", 10), deployed("4", "service:us/api", 10),
		deployed("5", "flag:shop/blue", 10), deployed("6", "config:shop/limits", 10), deployed("7", "flag:shop/limits", 10))
	for _, tt := range []struct{ claim, name, want string }{
		{"a reference", "service:shop/web", "1"},
		{"in any case", "Service:Shop/WEB", "1"},
		{"a bare name: the service before its repository", "web", "1 2"},
		{"and in any case", "Web", "1 2"},
		{"namespace and name", "shop/web", "1 2"},
		{"what is no service, if nothing else has the name", "blue", "5"},
	} {
		a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{tt.name}}))
		got := a.IDs()
		slices.Sort(got)
		if tt.claim == "a reference" || tt.claim == "in any case" {
			got = got[:1] // the repository comes with it
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %v, want %s", tt.claim, got, tt.want)
		}
	}
	_, err := whatChanged(t, w, arguments{"scope": []any{"api"}})
	e := refusal(t, err, whatchanged.CodeAmbiguous, "scope")
	if !slices.Equal(e.Suggest, []string{"service:eu/api", "service:us/api"}) {
		t.Errorf("candidates %v", e.Suggest)
	}
	_, err = whatChanged(t, w, arguments{"scope": []any{"limits"}})
	refused(t, err, whatchanged.CodeAmbiguous, "scope")
	_, err = whatChanged(t, w, arguments{"scope": []any{"we"}})
	e = refusal(t, err, whatchanged.CodeNotFound, "scope")
	if !slices.Contains(e.Suggest, "service:shop/web") {
		t.Errorf("suggested %v", e.Suggest)
	}
	_, err = whatChanged(t, w, arguments{"scope": []any{"service:shop/webb"}})
	refused(t, err, whatchanged.CodeNotFound, "scope")
	_, err = whatChanged(t, w, arguments{"scope": []any{"a:b:c/ "}})
	refused(t, err, whatchanged.CodeInvalidArgument, "scope")
	_, err = whatChanged(t, w, arguments{"scope": []any{" "}})
	refused(t, err, whatchanged.CodeInvalidArgument, "scope")
	many := []any{}
	for range 51 {
		many = append(many, "web")
	}
	_, err = whatChanged(t, w, arguments{"scope": many})
	refused(t, err, whatchanged.CodeTooLarge, "scope")
}

// TestABareNameIsFoundAmongMany: other references that hold the same text must
// not crowd out the one that is meant.
func TestABareNameIsFoundAmongMany(t *testing.T) {
	w := newWorld(t)
	var events []whatchanged.Event
	for i := range 500 {
		events = append(events, deployed(fmt.Sprint("c", i), fmt.Sprintf("config:cart/key-%d", i), 10), deployed(fmt.Sprint("d", i), fmt.Sprintf("flag:shop/cart-%d", i), 10))
	}
	w.tell(append(events, deployed("cart", "service:shop/cart", 10))...)
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"cart"}}))
	if !slices.Equal(a.IDs(), []string{"cart"}) {
		t.Errorf("got %v", a.IDs())
	}
}

func TestWhatChangedTimes(t *testing.T) {
	w := newWorld(t, deployed("inc", "incident:default/inc-7", 30, kind(whatchanged.Incident)), deployed("web", "web", 60))
	for _, tt := range []struct {
		claim             string
		ask               arguments
		from, to          time.Time
		onset, asOf       time.Time
		knownAt, position string
	}{
		{"defaults", arguments{}, ago(24 * 60), noon, noon, noon, "pos:2", ""},
		{"until is onset, and topology is as of onset", arguments{"until": "-10m"}, ago(10 + 24*60), ago(10), ago(10), ago(10), "pos:2", ""},
		{"onset does not move until", arguments{"onset": "-30m"}, ago(30 + 24*60), noon, ago(30), ago(30), "pos:2", ""},
		{"an incident is its start", arguments{"onset": "inc:INC-7"}, ago(30 + 24*60), noon, ago(30), ago(30), "pos:2", ""},
		{"a window may begin before onset's day", arguments{"since": "-7d", "onset": "-1h", "asOf": "-1w"}, ago(7 * 24 * 60), noon, ago(60), ago(7 * 24 * 60), "pos:2", ""},
		{"the first day there is", arguments{"until": "1970-01-01T01:00:00Z"}, whatchanged.MinTime, whatchanged.MinTime.Add(time.Hour), whatchanged.MinTime.Add(time.Hour), whatchanged.MinTime.Add(time.Hour), "pos:2", ""},
		{"known at a position", arguments{"knownAt": "pos:1.0"}, ago(24 * 60), noon, noon, noon, "pos:1.0", ""},
		{"known at a time: the last position stored before it", arguments{"knownAt": ago(10).Add(time.Second).Format(time.RFC3339)}, ago(24 * 60), noon, noon, noon, "pos:1", ""},
		{"known now", arguments{"knownAt": "now"}, ago(24 * 60), noon, noon, noon, "pos:2", ""},
		{"known before anything", arguments{"knownAt": "-1h"}, ago(24 * 60), noon, noon, noon, "pos:0.0", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, tt.ask))
			if *a.Interval != (whatchanged.Interval{From: tt.from, To: tt.to}) || !a.Onset.Equal(tt.onset) || !a.AsOf.Equal(tt.asOf) || a.KnownAt.String() != tt.knownAt {
				t.Errorf("interval %v, onset %v, as of %v, known at %v", a.Interval, a.Onset, a.AsOf, a.KnownAt)
			}
		})
	}
	for _, tt := range []struct {
		claim string
		ask   arguments
		code  whatchanged.Code
		field string
	}{
		{"an empty window", arguments{"since": "-1h", "until": "-1h"}, whatchanged.CodeInvalidArgument, "since"},
		{"a window backwards", arguments{"since": "-1h", "until": "-2h"}, whatchanged.CodeInvalidArgument, "since"},
		{"no time", arguments{"onset": "yesterday"}, whatchanged.CodeInvalidArgument, "onset"},
		{"before all times", arguments{"since": "-1000w", "asOf": "-100000d"}, whatchanged.CodeInvalidArgument, "asOf"},
		{"an incident nobody told of", arguments{"onset": "inc:INC-8"}, whatchanged.CodeNotFound, "onset"},
		{"a position not seen yet", arguments{"knownAt": "pos:3"}, whatchanged.CodeStale, "knownAt"},
		{"nor is its time known", arguments{"since": "pos:3"}, whatchanged.CodeStale, "since"},
		{"a position beyond what is asked to be known", arguments{"since": "pos:2", "knownAt": "pos:1"}, whatchanged.CodeNotFound, "since"},
		{"too few hops", arguments{"hops": -1}, whatchanged.CodeInvalidArgument, "hops"},
		{"too many hops", arguments{"hops": 6}, whatchanged.CodeInvalidArgument, "hops"},
		{"no items", arguments{"limit": 0}, whatchanged.CodeInvalidArgument, "limit"},
		{"too many items", arguments{"limit": 101}, whatchanged.CodeInvalidArgument, "limit"},
		{"a blank region", arguments{"regions": []any{""}}, whatchanged.CodeInvalidArgument, "regions"},
	} {
		t.Run("refuses "+tt.claim, func(t *testing.T) {
			_, err := whatChanged(t, w, tt.ask)
			refused(t, err, tt.code, tt.field)
		})
	}
}

func TestKnownAtHidesWhatCameLater(t *testing.T) {
	w := newWorld(t, append(shop(), deployed("known", "web", 30))...)
	before := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"web"}, "kinds": []any{"deployment"}}))
	w.tell(deployed("late", "web", 40), deployed("new", "new", 20))
	w.tell(needs("web", "new"))
	late := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"web"}, "kinds": []any{"deployment"}}))
	if got := strings.Join(slices.Sorted(slices.Values(late.IDs())), " "); got != "known late new" {
		t.Errorf("got %s, want all that is known by now", got)
	}
	again := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"web"}, "kinds": []any{"deployment"}, "knownAt": before.KnownAt.String()}))
	before.Envelope.Watermark, again.Envelope.Watermark = resolvers.Watermark{}, resolvers.Watermark{}
	if diff := cmp.Diff(text(before), text(again)); diff != "" {
		t.Errorf("an answer known at a position changed (-before +again):\n%s", diff)
	}
	_, err := whatChanged(t, w, arguments{"scope": []any{"new"}, "knownAt": before.KnownAt.String()})
	if e := refusal(t, err, whatchanged.CodeNotFound, "scope"); slices.Contains(e.Suggest, "service:shop/new") {
		t.Errorf("suggested %v, which was not known", e.Suggest)
	}
}

// TestNewsSinceAPosition: what an earlier answer could not tell, with the
// scores it has among all, and what of it came late.
func TestNewsSinceAPosition(t *testing.T) {
	w := newWorld(t, append(shop(), deployed("known", "web", 30))...)
	in := arguments{"scope": []any{"web"}, "kinds": []any{"deployment"}}
	before := must[*resolvers.WhatChanged](t)(whatChanged(t, w, in))
	w.tell(deployed("late", "web", 40))
	w.tell(deployed("known", "web", 30, func(e *whatchanged.Event) { e.Revision = 1 }))
	all := must[*resolvers.WhatChanged](t)(whatChanged(t, w, in))
	in["since"] = before.KnownAt.String()
	news := must[*resolvers.WhatChanged](t)(whatChanged(t, w, in))
	if got := strings.Join(slices.Sorted(slices.Values(news.IDs())), " "); got != "known late" {
		t.Errorf("new is %s, want what came and what was corrected", got)
	}
	for _, s := range news.Items {
		i := slices.IndexFunc(all.Items, func(o resolvers.Suspect) bool { return o.Change.ID == s.Change.ID })
		if s.Score != all.Items[i].Score || !s.Late {
			t.Errorf("%s scores %g and among all %g; late %t", s.Change.ID, s.Score, all.Items[i].Score, s.Late)
		}
	}
	in["since"] = all.KnownAt.String()
	none := must[*resolvers.WhatChanged](t)(whatChanged(t, w, in))
	if len(none.Items) != 0 || none.Likely || !strings.HasPrefix(none.Verdict, "New since "+all.KnownAt.String()+": 0") || none.Excluded[len(none.Excluded)-1].Reason != resolvers.ReasonKnownBefore {
		t.Errorf("%d items, %s, %+v", len(none.Items), none.Verdict, none.Excluded)
	}
	in["since"] = "pos:999"
	_, err := whatChanged(t, w, in)
	refused(t, err, whatchanged.CodeStale, "since")
}

// TestLikelyIsSaidOfWhatOutweighsTheRest: around an entity all the others and
// none count together, and the more, the older the first is.
func TestLikelyIsSaidOfWhatOutweighsTheRest(t *testing.T) {
	at := func(id string, minutes float64) whatchanged.Event { return deployed(id, "web", minutes, by(id, false)) }
	many := []whatchanged.Event{at("first", 1)}
	for i := range 12 {
		many = append(many, at(fmt.Sprint("weaker", i), 300+float64(i)))
	}
	in := arguments{"scope": []any{"web"}, "kinds": []any{"deployment"}}
	for _, tt := range []struct {
		claim  string
		events []whatchanged.Event
		ask    arguments
		want   bool
	}{
		{"alone, a minute before", []whatchanged.Event{at("first", 1)}, in, true},
		{"alone, six hours before", []whatchanged.Event{at("first", 6*60)}, in, false},
		{"a weaker one beside it", many[:2], in, true},
		{"a dozen weaker ones beside it", many, in, false},
		{"an equal one beside it", []whatchanged.Event{at("first", 1), at("second", 1)}, in, false},
		{"alone, after the onset", []whatchanged.Event{at("first", -5)}, arguments{"scope": []any{"web"}, "onset": when(0), "until": when(-10), "kinds": []any{"deployment"}}, false},
		{"nothing", nil, in, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.WhatChanged](t)(whatChanged(t, newWorld(t, append(shop(), tt.events...)...), tt.ask))
			if a.Likely != tt.want || strings.Contains(a.Verdict, "likely to blame") != tt.want {
				t.Errorf("likely %t, want %t: %s, %+v", a.Likely, tt.want, a.Verdict, a.Items)
			}
		})
	}
}
