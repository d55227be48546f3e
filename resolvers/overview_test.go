package resolvers_test

import (
	"fmt"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

func overview(t testing.TB, w *world, args arguments) (*resolvers.Overview, error) {
	t.Helper()
	return ask[*resolvers.Overview](t, w, "overview", args)
}

func approved(by, policy string, breakGlass bool) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) {
		e.Approval = &whatchanged.Approval{By: by, Policy: policy, BreakGlass: breakGlass}
	}
}

func validated(result string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Validation = &whatchanged.Validation{Result: result} }
}

func ownedBy(id, entity, owner string) whatchanged.Event {
	e := deployed(id, entity, 5000, kind(whatchanged.Ownership))
	e.After = whatchanged.ValueOf(owner)
	return e
}

// busy is a production with something of everything: team one has web, team
// two has cart.
func busy(more ...whatchanged.Event) []whatchanged.Event {
	observed := deployed("seen", "config:shop/limit", 15, kind(whatchanged.Config), in("prod", "us"), becoming(nil, 9))
	observed.Action = whatchanged.ActionObserved
	return append([]whatchanged.Event{
		ownedBy("own-web", "web", "group:shop/one"), ownedBy("own-cart", "cart", "group:shop/two"), ownedBy("own-limit", "config:shop/limit", "group:shop/two"),
		needs("web", "cart"), needs("app", "cart"), edge("closes", "cart", "web", 300, false),
		deployed("set", "config:shop/limit", 3000, kind(whatchanged.Config), in("prod", "us"), becoming(nil, 5)), observed,
		trouble("inc-a", "inc-1", "detected", 50, attribute("service", "service:shop/web"), in("prod", "eu"), summary("It is slow")),
		trouble("inc-b", "inc-2", "detected", 60, attribute("service", "service:shop/cart"), in("prod", "us")), trouble("inc-c", "inc-2", "resolved", 40),
		deployed("plain", "web", 100, version("v2"), in("prod", "eu")), deployed("forced", "cart", 90, version("c2"), in("prod", "us"), approved("ann", "four eyes", true)),
		deployed("alone", "web", 80, version("v3"), in("staging", "eu"), approved("", "four eyes", false)), deployed("unproven", "app", 70, version("a2"), in("prod", "eu"), validated("skipped")), deployed("proven", "app", 60, version("a3"), in("prod", "eu"), validated("passed"), approved("bob", "", false)),
		deployed("stuck", "cart", 600, version("c3"), in("prod", "us"), step("cart-3", whatchanged.PhaseProgressing, 0.1)), deployed("moves", "web", 10, version("v4"), in("prod", "eu"), step("web-4", whatchanged.PhaseProgressing, 0.5)),
	}, more...)
}

// going spells items: the sort, and the first id.
func going(a *resolvers.Overview) string {
	var all []string
	for _, item := range a.Items {
		all = append(all, item.What+" "+item.IDs[0])
	}
	return strings.Join(all, ", ")
}

func TestOverview(t *testing.T) {
	w := newWorld(t, busy()...)
	for _, tt := range []struct {
		claim string
		ask   arguments
		want  string
	}{
		{"everywhere, the first two of each sort", arguments{"limit": 2}, "incident inc-a, rollout stuck, rollout moves, change forced, change alone, drift set, circle closes"},
		{"in a region", arguments{"regions": []any{"eu"}, "limit": 1}, "incident inc-a, rollout moves, change alone, circle closes"},
		{"in an environment", arguments{"environment": "staging", "limit": 1}, "change alone, circle closes"},
		{"of a team", arguments{"team": "group:shop/two", "limit": 1}, "rollout stuck, change forced, drift set, circle closes"},
		{"by the name of a team", arguments{"team": "one", "limit": 1}, "incident inc-a, rollout moves, change alone, circle closes"},
		{"as of then", arguments{"asOf": "-55m", "limit": 1}, "incident inc-b, rollout stuck, change forced, circle closes"},
		{"as known then", arguments{"knownAt": "pos:9", "limit": 1}, "incident inc-a, drift set, circle closes"},
		{"changes since", arguments{"since": "-65m", "limit": 5, "regions": []any{"eu"}}, "incident inc-a, rollout moves, change moves, change proven, circle closes"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.Overview](t)(overview(t, w, tt.ask))
			if got := going(a); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestOverviewCounts(t *testing.T) {
	a := must[*resolvers.Overview](t)(overview(t, newWorld(t, busy()...), arguments{"limit": 1}))
	if want := (resolvers.OverviewCounts{Incidents: 1, Rollouts: 2, Stuck: 1, Changes: 7, Unchecked: 3, Compared: 1, Drift: 1, Circles: 1}); a.Counts != want {
		t.Errorf("counts %+v, want %+v", a.Counts, want)
	}
	spell := func(groups []resolvers.OverviewGroup) string {
		var all []string
		for _, g := range groups {
			all = append(all, fmt.Sprintf("%s %d/%d/%d/%d/%d", g.Name, g.Incidents, g.Stuck, g.Changes, g.Unchecked, g.Drift))
		}
		return strings.Join(all, ", ")
	}
	for _, tt := range []struct {
		what string
		got  []resolvers.OverviewGroup
		want string
	}{
		{"teams", a.Teams, "group:shop/one 1/0/3/1/0, group:shop/two 0/1/2/1/1,  0/0/2/1/0"},
		{"regions", a.Regions, "eu 1/0/5/2/0, us 0/1/2/1/1"},
		{"environments", a.Environments, "prod 1/1/6/2/1, staging 0/0/1/1/0"},
	} {
		if got := spell(tt.got); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.what, got, tt.want)
		}
	}
	if !strings.Contains(a.Verdict, "1 open incident; 2 rollouts in flight (1 stuck); 7 changes in 24h00m, 3 of them past approval or checks; 1 value runs otherwise than declared, of 1 observed; 1 circle.") || !a.Truncated {
		t.Errorf("verdict %s", a.Verdict)
	}
}

// TestOverviewSaysWhyAChangeIsRisky: what is not said of an approval is no
// reason.
func TestOverviewSaysWhyAChangeIsRisky(t *testing.T) {
	a := must[*resolvers.Overview](t)(overview(t, newWorld(t, busy()...), arguments{"limit": 20}))
	got := map[string]string{}
	for _, item := range a.Items {
		got[item.IDs[0]] = strings.Join(item.Reasons, " ")
	}
	for id, want := range map[string]string{"forced": "BREAK_GLASS DEPENDENTS 2", "alone": "APPROVAL_SKIPPED DEPENDENTS 1", "unproven": "VALIDATION_SKIPPED", "proven": "", "plain": "DEPENDENTS 1", "set": "VALUE"} {
		if got[id] != want {
			t.Errorf("%s: %q, want %q", id, got[id], want)
		}
	}
}

func TestOverviewOfNothingSaysSo(t *testing.T) {
	a := must[*resolvers.Overview](t)(overview(t, newWorld(t, deployed("old", "web", 5000)), arguments{"environment": "prod"}))
	if len(a.Items) != 0 || !strings.Contains(a.Verdict, "0 open incidents; 0 rollouts in flight; 0 changes in 24h00m; nothing was observed") || !strings.Contains(a.Verdict, "Coverage: ") {
		t.Errorf("%s: %s", a.Verdict, going(a))
	}
}

func TestOverviewReadsNoMoreOfMore(t *testing.T) {
	args := arguments{"limit": 50}
	few, many := readsFor(t, busy(crowdedNight(2)...), "overview", args), readsFor(t, busy(crowdedNight(60)...), "overview", args)
	if few == 0 || many > few {
		t.Errorf("reads %d times of little, %d times of much", few, many)
	}
	t.Logf("%d reads", many)
}

func TestOverviewRefuses(t *testing.T) {
	w := newWorld(t, busy()...)
	for _, tt := range []struct {
		ask   arguments
		code  whatchanged.Code
		field string
	}{
		{arguments{"team": "nobody"}, whatchanged.CodeNotFound, "team"},
		{arguments{"limit": 51}, whatchanged.CodeInvalidArgument, "limit"},
		{arguments{"regions": []any{""}}, whatchanged.CodeInvalidArgument, "regions"},
		{arguments{"since": "-1h", "asOf": "-2h"}, whatchanged.CodeInvalidArgument, "since"},
	} {
		_, err := overview(t, w, tt.ask)
		refused(t, err, tt.code, tt.field)
	}
}
