package resolvers_test

import (
	"fmt"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

func rollouts(t testing.TB, w *world, args arguments) (*resolvers.Rollouts, error) {
	t.Helper()
	return ask[*resolvers.Rollouts](t, w, "rollouts", args)
}

// percentage is a change of a flag in a region.
func percentage(id, region string, minutes float64, before, after int) whatchanged.Event {
	e := deployed(id, "flag:shop/banner", minutes, kind(whatchanged.Flag), in("prod", region))
	e.Before, e.After = whatchanged.ValueOf(map[string]int{"percentage": before}), whatchanged.ValueOf(map[string]int{"percentage": after})
	return e
}

// harbour is a shop out of which much goes.
func harbour(t *testing.T) *world {
	gated := deployed("w3", "web", 30, version("v3"), in("prod", "eu"), step("web-3", whatchanged.PhasePaused, 0.25), summary("waits for ann"))
	gated.Validation = &whatchanged.Validation{Checks: []string{"error rate"}, Result: "failed"}
	return newWorld(t, needs("web", "cart"), needs("web", "flag:shop/banner"), needs("cart", "stock"),
		deployed("c-eu-1", "cart", 9000, version("v1"), in("prod", "eu")), deployed("c-us-1", "cart", 9000, version("v1"), in("prod", "us")),
		deployed("c-eu-2", "cart", 40, version("v2"), in("prod", "eu")), deployed("c-us-2", "cart", 5, version("v2"), in("prod", "us")),
		percentage("f1", "eu", 600, 0, 5), percentage("f2", "eu", 500, 5, 25), percentage("f3", "us", 450, 0, 5), percentage("f4", "eu", 400, 25, 10),
		deployed("w1", "web", 200, version("v2"), step("web-2", whatchanged.PhaseProgressing, 0.5), in("prod", "eu")), deployed("w2", "web", 190, step("web-2", whatchanged.PhaseRolledBack, 0), in("prod", "eu")),
		gated, deployed("s1", "stock", 20, step("stock-9", whatchanged.PhasePending, 0)), deployed("far", "far", 10, step("far-1", whatchanged.PhaseProgressing, 0.1)))
}

func TestRollouts(t *testing.T) {
	w := harbour(t)
	for _, tt := range []struct {
		claim string
		ask   arguments
		want  string
		left  string
	}{
		{"what is in flight on it and around it", arguments{"scope": []any{"web"}}, "web-3 paused, f1 progressing", "2 OTHER_STATE"},
		{"on it alone", arguments{"scope": []any{"web"}, "hops": 0}, "web-3 paused", "1 OTHER_STATE"},
		{"further away", arguments{"scope": []any{"web"}, "hops": 2}, "stock-9 pending, web-3 paused, f1 progressing", "2 OTHER_STATE"},
		{"anywhere", arguments{}, "far-1 progressing, stock-9 pending, web-3 paused, f1 progressing", "2 OTHER_STATE"},
		{"what moves no more than usual is stuck", arguments{"state": "STUCK"}, "f1 progressing", "5 OTHER_STATE"},
		{"what ended", arguments{"scope": []any{"web"}, "state": "ENDED"}, "c-eu-2 promoted, web-2 rolledBack", "2 OTHER_STATE"},
		{"all of it, in flight first", arguments{"scope": []any{"web"}, "state": "ALL"}, "web-3 paused, f1 progressing, c-eu-2 promoted, web-2 rolledBack", ""},
		{"in a region, or not known where", arguments{"regions": []any{"us"}}, "far-1 progressing, stock-9 pending, f1 progressing", "1 OTHER_STATE, 2 OTHER_PLACEMENT"},
		{"as of then: what came later is not seen", arguments{"scope": []any{"web"}, "asOf": when(35)}, "c-eu-2 progressing, f1 progressing", "1 OTHER_STATE"},
		{"at the moment of a step it is seen", arguments{"scope": []any{"web"}, "asOf": when(30)}, "web-3 paused, c-eu-2 progressing, f1 progressing", "1 OTHER_STATE"},
		{"as known then", arguments{"scope": []any{"web"}, "knownAt": "pos:10"}, "f1 progressing", "1 OTHER_STATE"},
		{"since then", arguments{"scope": []any{"cart"}, "hops": 0, "state": "ALL", "since": "-6m"}, "", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.Rollouts](t)(rollouts(t, w, tt.ask))
			var got, left []string
			for _, c := range a.Items {
				got = append(got, c.ID+" "+string(c.Phase))
			}
			for _, x := range a.Excluded {
				left = append(left, fmt.Sprint(x.Count, " ", x.Reason))
			}
			if strings.Join(got, ", ") != tt.want || strings.Join(left, ", ") != tt.left {
				t.Errorf("got %s\nexcluded %s\n%s", strings.Join(got, ", "), strings.Join(left, ", "), a.Verdict)
			}
		})
	}
}

func TestRolloutSaysWhereItStands(t *testing.T) {
	w := harbour(t)
	a := must[*resolvers.Rollouts](t)(rollouts(t, w, arguments{"scope": []any{"web"}}))
	c := a.Items[0]
	if c.PausedWhy != "waits for ann" || c.Gate == nil || c.Gate.Result != "failed" || *c.Share != 0.25 || len(c.Steps) != 1 || c.Steps[0].ID != "w3" || c.Hops != 0 {
		t.Errorf("got %+v", c)
	}
	f := a.Items[1]
	if !f.Back || !f.Stuck || f.Hops != 1 || len(f.Path) != 2 || len(f.Steps) != 4 || f.PreviousVersion != `{"percentage":0}` {
		t.Errorf("got %+v", f)
	}
	b := must[*resolvers.Rollouts](t)(rollouts(t, w, arguments{"scope": []any{"cart"}, "hops": 0, "asOf": when(35)}))
	if want := "1 rollout in flight around service:shop/cart as of 2026-03-01T11:25:00Z: deployment of service:shop/cart v1 → v2 is progressing at 50 %, done in prod/eu, next prod/us."; b.Verdict != want {
		t.Errorf("got  %s\nwant %s", b.Verdict, want)
	}
	none := must[*resolvers.Rollouts](t)(rollouts(t, w, arguments{"scope": []any{"cart"}, "hops": 0}))
	if !strings.HasPrefix(none.Verdict, "No rollout in flight around service:shop/cart as of 2026-03-01T12:00:00Z besides what was left out: 1 OTHER_STATE. Coverage: ") || len(none.Next) == 0 {
		t.Errorf("got %s", none.Verdict)
	}
}

func TestRolloutsPages(t *testing.T) {
	w := harbour(t)
	var got []string
	args := arguments{"limit": 3}
	for {
		a := must[*resolvers.Rollouts](t)(rollouts(t, w, args))
		for _, c := range a.Items {
			got = append(got, c.ID)
		}
		if a.Cursor == nil {
			break
		}
		args = arguments{"limit": 3, "cursor": *a.Cursor}
	}
	if strings.Join(got, " ") != "far-1 stock-9 web-3 f1" {
		t.Errorf("got %v", got)
	}
}

func TestRolloutsRefuse(t *testing.T) {
	w := harbour(t)
	for field, args := range map[string]arguments{
		"state": {"state": "MOVING"}, "limit": {"limit": 0}, "hops": {"scope": []any{"web"}, "hops": 9}, "regions": {"regions": []any{" "}},
	} {
		_, err := rollouts(t, w, args)
		refused(t, err, whatchanged.CodeInvalidArgument, field)
	}
	_, err := rollouts(t, w, arguments{"scope": []any{"nobody"}})
	refused(t, err, whatchanged.CodeNotFound, "scope")
}
