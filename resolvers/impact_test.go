package resolvers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

func impact(t testing.TB, w *world, args arguments) (*resolvers.Impact, error) {
	t.Helper()
	return ask[*resolvers.Impact](t, w, "impact", args)
}

// reachable is a shop in which web and app need cart, edge needs web, and cart
// needs a database and reads a flag; cart's v2 is in eu and goes to us.
func reachable(more ...whatchanged.Event) []whatchanged.Event {
	return append([]whatchanged.Event{
		needs("web", "cart"), needs("app", "cart"), needs("edge", "web"), needs("cart", "resource:shop/db"), needs("cart", "flag:shop/fast"),
		deployed("web-eu", "web", 900, version("w1"), in("prod", "eu")), deployed("web-us", "web", 900, version("w1"), in("prod", "us")), deployed("edge-eu", "edge", 900, version("e1"), in("prod", "eu")),
		deployed("cart-1", "cart", 800, version("v1"), in("prod", "eu")), deployed("cart-2", "cart", 60, version("v2"), in("prod", "eu")),
		deployed("fast-1", "flag:shop/fast", 700, kind(whatchanged.Flag), in("prod", "eu"), becoming(nil, 5)), deployed("fast-2", "flag:shop/fast", 50, kind(whatchanged.Flag), in("prod", "eu"), becoming(5, 100)),
	}, more...)
}

func becoming(before, after any) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) {
		e.Before, e.After = whatchanged.ValueOf(before), whatchanged.ValueOf(after)
	}
}

// radius spells the dependents: hops, name and where they are.
func radius(a *resolvers.Impact) string {
	var all []string
	for _, d := range a.Items {
		text := fmt.Sprintf("%d%s", d.Hops, d.Entity.Name)
		for _, p := range d.Places {
			text += ":" + p.Placement.Region
			if p.Exposure != nil {
				text += "=" + *p.Exposure
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func TestImpact(t *testing.T) {
	going := []whatchanged.Event{deployed("go-eu", "cart", 30, version("v3"), in("prod", "eu"), step("cart-3", whatchanged.PhasePromoted, 1)),
		deployed("go-us", "cart", 20, version("v3"), in("prod", "us"), step("cart-3", whatchanged.PhaseProgressing, 0.1)), deployed("app-ap", "app", 900, version("a1"), in("prod", "ap"))}
	for _, tt := range []struct {
		claim string
		ask   arguments
		more  []whatchanged.Event
		want  string
	}{
		{"dependents by hops, and where they are", arguments{"target": "cart"}, nil, "1app 1web:eu:us 2edge:eu"},
		{"no further than asked", arguments{"target": "cart", "hops": 1}, nil, "1app 1web:eu:us"},
		{"what reads a flag, and what needs that", arguments{"target": "flag:shop/fast"}, nil, "1cart:eu 2app 2web:eu:us"},
		{"of a change: whether it is there too", arguments{"target": "cart-2"}, nil, "1app 1web:eu=reached:us=elsewhere 2edge:eu=reached"},
		{"of a step of a rollout: how far that got", arguments{"target": "go-eu"}, going, "1app:ap=elsewhere 1web:eu=reached:us=reached 2edge:eu=reached"},
		{"of an entity: how far what is going out of it got", arguments{"target": "cart"}, going, "1app:ap=elsewhere 1web:eu=reached:us=reached 2edge:eu=reached"},
		{"nothing depends on it", arguments{"target": "edge"}, nil, ""},
		{"as of before anything was known to depend on it", arguments{"target": "cart", "asOf": "-3d"}, nil, ""},
		{"as known then", arguments{"target": "cart", "knownAt": "pos:1"}, nil, "1web"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.Impact](t)(impact(t, newWorld(t, reachable(tt.more...)...), tt.ask))
			if got := radius(a); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if a.Safety != nil || a.Total != len(a.Items) {
				t.Errorf("safety %v, total %d", a.Safety, a.Total)
			}
		})
	}
}

func TestImpactShowsHowItIsKnown(t *testing.T) {
	a := must[*resolvers.Impact](t)(impact(t, newWorld(t, reachable()...), arguments{"target": "cart"}))
	edge := a.Items[len(a.Items)-1]
	if got := strings.Join(edge.Evidence, " "); got != "web-needs-cart edge-needs-web" {
		t.Errorf("evidence of the path %v: %q", edge.Path, got)
	}
	if a.PlaceCount != 3 || !strings.Contains(a.Verdict, "3 dependents in 3 known places within 2 hops") {
		t.Errorf("%d places; %s", a.PlaceCount, a.Verdict)
	}
	none := must[*resolvers.Impact](t)(impact(t, newWorld(t, reachable()...), arguments{"target": "edge"}))
	if !strings.Contains(none.Verdict, "Nothing recorded depends on service:shop/edge") || !strings.Contains(none.Verdict, "Coverage: ") {
		t.Errorf("nothing is said positively: %s", none.Verdict)
	}
}

func TestRevertIsSafeOnlyWhenAllIsKnown(t *testing.T) {
	later := func(id, entity string, change ...func(*whatchanged.Event)) whatchanged.Event {
		return deployed(id, entity, 10, append([]func(*whatchanged.Event){version(id), in("prod", "eu")}, change...)...)
	}
	flag := kind(whatchanged.Flag)
	quiet := arguments{"target": "fast-2", "action": "revert"}
	for _, tt := range []struct {
		claim  string
		ask    arguments
		more   []whatchanged.Event
		safety string
		reason string // code and evidence of the first
	}{
		{"all was looked at", quiet, nil, "safe", "LATER_CHANGES"},
		{"the change in force is meant, of a key", arguments{"target": "flag:shop/fast", "action": "revert"}, nil, "safe", "LATER_CHANGES"},
		{"the same changed again", quiet, []whatchanged.Event{later("again", "flag:shop/fast", flag, becoming(100, 50))}, "unsafe", "LATER_CHANGES again"},
		{"the same changed elsewhere", quiet, []whatchanged.Event{later("us", "flag:shop/fast", flag, in("prod", "us"), becoming(5, 50))}, "safe", "LATER_CHANGES"},
		{"it was taken back by name", quiet, []whatchanged.Event{later("back", "flag:shop/fast", flag, becoming(100, 7), reverting("fast-2"))}, "unsafe", "ALREADY_UNDONE back"},
		{"it was taken back by value", quiet, []whatchanged.Event{later("back", "flag:shop/fast", flag, becoming(100, 5))}, "unsafe", "ALREADY_UNDONE back"},
		{"a newer version was deployed", arguments{"target": "cart-2", "action": "revert"}, []whatchanged.Event{later("v3", "cart")}, "unsafe", "LATER_CHANGES v3"},
		{"a dependent says that it needs it", arguments{"target": "cart-2", "action": "revert"}, []whatchanged.Event{later("w2", "web", attribute("requires", "service:shop/cart@v2"))}, "unsafe", "NEEDED_BY_DEPENDENTS w2"},
		{"another version is needed", arguments{"target": "cart-2", "action": "revert"}, []whatchanged.Event{later("w2", "edge", attribute("requires", "service:shop/cart@v1"))}, "safe", "LATER_CHANGES"},
		{"a dependent changed since, and may need it", arguments{"target": "cart-2", "action": "revert"}, []whatchanged.Event{later("w2", "web")}, "unknown", "NEEDED_BY_DEPENDENTS w2"},
		{"a dependent came since", arguments{"target": "cart-2", "action": "revert"}, []whatchanged.Event{edge("new", "late", "cart", 5, false)}, "unknown", "NEEDED_BY_DEPENDENTS new"},
		{"a migration of what it needs came with it", arguments{"target": "cart-2", "action": "revert"}, []whatchanged.Event{deployed("migrated", "resource:shop/db", 61, kind(whatchanged.Infrastructure), attribute("paths", "db/migrations/42.sql"))}, "unsafe", "SCHEMA_OR_CONTRACT migrated"},
		{"somebody speaks of a schema", arguments{"target": "cart-2", "action": "revert"}, []whatchanged.Event{deployed("push", "repository:shop/cart", 61, kind(whatchanged.Commit), summary("Change the schemas"))}, "unknown", "SCHEMA_OR_CONTRACT push"},
		{"a migration long before", arguments{"target": "cart-2", "action": "revert"}, []whatchanged.Event{deployed("migrated", "resource:shop/db", 2000, attribute("paths", "db/migrations/42.sql"))}, "safe", "LATER_CHANGES"},
		{"it is still going out", arguments{"target": "go", "action": "revert"}, []whatchanged.Event{deployed("go", "cart", 30, version("v3"), in("prod", "eu"), step("cart-3", whatchanged.PhaseProgressing, 0.1))}, "unsafe", "ROLLOUTS go"},
		{"it is a step of a ramp, which a person drives", arguments{"target": "f2", "action": "revert"}, []whatchanged.Event{percentage("f1", "eu", 40, 0, 5), percentage("f2", "eu", 30, 5, 25)}, "safe", "LATER_CHANGES"},
		{"it may go on to the next region", arguments{"target": "w2", "action": "revert"}, []whatchanged.Event{later("w2", "web")}, "unknown", "ROLLOUTS w2"},
		{"something else of it is going out", arguments{"target": "cart-2", "action": "revert"}, []whatchanged.Event{later("v3", "cart", step("cart-3", whatchanged.PhaseProgressing, 0.1))}, "unsafe", "LATER_CHANGES v3"},
		{"a dependent is going out", arguments{"target": "cart-2", "action": "revert"}, []whatchanged.Event{later("w3", "web", step("web-3", whatchanged.PhaseProgressing, 0.1))}, "unknown", "ROLLOUTS w3"},
		{"what was before is not told", arguments{"target": "first", "action": "revert"}, []whatchanged.Event{deployed("first", "app", 10, version("a1"), in("prod", "ap"))}, "unknown", "WHAT_WAS_BEFORE"},
		{"what landed with it would stay", quiet, []whatchanged.Event{later("with", "cart", partOf("fast-2"))}, "unknown", "NEEDED_BY_DEPENDENTS with"},
		{"a commit is not live", arguments{"target": "push", "action": "revert"}, []whatchanged.Event{deployed("push", "repository:shop/none", 10, kind(whatchanged.Commit))}, "unknown", "NOT_LIVE"},
		{"nothing of it was ever set", arguments{"target": "resource:shop/db", "action": "revert"}, nil, "unknown", "NOT_LIVE"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWorld(t, reachable(tt.more...)...)
			a := must[*resolvers.Impact](t)(impact(t, w, tt.ask))
			first := a.Reasons[0]
			if got := strings.TrimSpace(first.Code + " " + strings.Join(first.Evidence, " ")); a.Safety == nil || *a.Safety != tt.safety || got != tt.reason {
				t.Errorf("%s: got %q, want %s %q\n%+v", *a.Safety, got, tt.safety, tt.reason, a.Reasons)
			}
		})
	}
}

func TestRevertIsNeverSafeFromIgnorance(t *testing.T) {
	var silent []whatchanged.Event // for longer than the second that is usual between its deliveries
	for i := range 25 {
		silent = append(silent, deployed(fmt.Sprint("beat-", i), "beat", 1000))
	}
	w := newWorld(t, reachable(silent...)...)
	a := must[*resolvers.Impact](t)(impact(t, w, arguments{"target": "fast-2", "action": "revert"}))
	if *a.Safety != "unknown" || a.Reasons[0].Code != "COVERAGE" || !strings.Contains(a.Verdict, "not known to be safe") {
		t.Errorf("%s: %+v", a.Verdict, a.Reasons)
	}
}

func TestRevertTellsWhatWouldBeThereAgain(t *testing.T) {
	w := newWorld(t, reachable()...)
	a := must[*resolvers.Impact](t)(impact(t, w, arguments{"target": "cart-2", "action": "revert"}))
	if a.BackToVersion != "v1" || a.BackTo != nil {
		t.Errorf("back to %q %s", a.BackToVersion, a.BackTo)
	}
	b := must[*resolvers.Impact](t)(impact(t, w, arguments{"target": "fast-2", "action": "revert"}))
	if b.BackTo.String() != "5" {
		t.Errorf("back to %s", b.BackTo)
	}
}

func TestImpactPagesReachEverything(t *testing.T) {
	w := newWorld(t, reachable()...)
	args := arguments{"target": "cart-2", "limit": 1}
	var got []string
	for {
		a := must[*resolvers.Impact](t)(impact(t, w, args))
		got = append(got, radius(a))
		if a.Cursor == nil {
			break
		}
		args["cursor"] = *a.Cursor
		w.tell(edge(fmt.Sprint("late", len(got)), "late", "cart", 0, false))
	}
	if want := []string{"1app", "1web:eu=reached:us=elsewhere", "2edge:eu=reached"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestImpactRefuses(t *testing.T) {
	w := newWorld(t, reachable(deployed("inc", "incident:default/inc-1", 5, kind(whatchanged.Incident)))...)
	for _, tt := range []struct {
		ask   arguments
		code  whatchanged.Code
		field string
	}{
		{arguments{"target": " "}, whatchanged.CodeInvalidArgument, "target"},
		{arguments{"target": "nobody"}, whatchanged.CodeNotFound, "target"},
		{arguments{"target": "inc"}, whatchanged.CodeInvalidArgument, "target"},
		{arguments{"target": "cart", "action": "burn"}, whatchanged.CodeInvalidArgument, "action"},
		{arguments{"target": "cart", "hops": 0}, whatchanged.CodeInvalidArgument, "hops"},
		{arguments{"target": "cart", "limit": 501}, whatchanged.CodeInvalidArgument, "limit"},
	} {
		_, err := impact(t, w, tt.ask)
		refused(t, err, tt.code, tt.field)
	}
}
