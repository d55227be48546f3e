package resolvers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// edge is needs with an id and a time of its own, or says that it is gone.
func edge(id, from, to string, minutes float64, removed bool) whatchanged.Event {
	e := needs(from, to)
	e.ID, e.EffectiveAt, e.Dependency.Removed = id, ago(minutes), removed
	return e
}

func topology(t testing.TB, w *world, args arguments) (*resolvers.Topology, error) {
	t.Helper()
	return ask[*resolvers.Topology](t, w, "topology", args)
}

// around spells the neighbours: ">" for what is needed, "<" for what needs.
func around(a *resolvers.Topology) string {
	var all []string
	for _, n := range a.Items {
		all = append(all, fmt.Sprintf("%s%d%s", map[whatchanged.Direction]string{whatchanged.DependsOn: ">", whatchanged.Dependents: "<"}[n.Direction], n.Hops, n.Entity.Name))
	}
	return strings.Join(all, " ")
}

func TestTopology(t *testing.T) {
	// a → b → c → a is a circle; d → b; b → e until 20 minutes before noon.
	w := newWorld(t, edge("ab", "a", "b", 60, false), edge("bc", "b", "c", 50, false), edge("ca", "c", "a", 30, false),
		edge("db", "d", "b", 40, false), edge("be", "b", "e", 60, false), edge("be-gone", "b", "e", 20, true))
	for _, tt := range []struct {
		claim string
		ask   arguments
		want  string
		edges string
	}{
		{"both ways, nearest first", arguments{"scope": []any{"b"}}, ">1c <1a <1d", "ab bc ca db"},
		{"one way", arguments{"scope": []any{"b"}, "direction": "dependents"}, "<1a <1d", "ab db"},
		{"further", arguments{"scope": []any{"d"}, "direction": "dependsOn", "hops": 2}, ">1b >2c", "bc db"},
		{"in a circle an entity is met both ways", arguments{"scope": []any{"a"}, "hops": 1}, ">1b <1c", "ab bc ca"},
		{"an edge that is gone still stands as of before", arguments{"scope": []any{"b"}, "asOf": "-25m", "direction": "dependsOn"}, ">1c >1e", "bc be"},
		{"an edge that was not known is not there", arguments{"scope": []any{"b"}, "knownAt": "pos:3"}, ">1c <1a", "ab bc ca"},
		{"no hops, no neighbours", arguments{"scope": []any{"b"}, "hops": 0}, "", ""},
		{"a page shows the edges among its own", arguments{"scope": []any{"b"}, "limit": 1}, ">1c", "bc"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.Topology](t)(topology(t, w, tt.ask))
			if got := around(a); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			var edges []string
			for _, e := range a.Edges {
				edges = append(edges, e.ID)
			}
			slices.Sort(edges)
			if got := strings.Join(edges, " "); got != tt.edges {
				t.Errorf("edges %q, want %q", got, tt.edges)
			}
		})
	}
}

func TestCirclesSayWhichChangeClosedThem(t *testing.T) {
	w := newWorld(t, edge("ab", "a", "b", 60, false), edge("ca", "c", "a", 10, false), edge("bc", "b", "c", 50, false))
	a := must[*resolvers.Topology](t)(topology(t, w, arguments{"scope": []any{"a"}, "hops": 3}))
	if len(a.Circles) != 1 {
		t.Fatalf("got %v", a.Circles)
	}
	if c := a.Circles[0]; c.ClosedBy != "ca" || !c.Since.Equal(noon.Add(-10*time.Minute)) || len(c.Entities) != 3 || c.Entities[0].Name != "a" {
		t.Errorf("got %+v", c)
	}
	if !strings.Contains(a.Verdict, "1 circle") {
		t.Errorf("verdict %q", a.Verdict)
	}
	before := must[*resolvers.Topology](t)(topology(t, w, arguments{"scope": []any{"a"}, "hops": 3, "asOf": "-20m"}))
	if len(before.Circles) != 0 {
		t.Errorf("before it was closed: %v", before.Circles)
	}
}

// TestBootstrapCircles: what deploys, stores or configures something depends on
// it, by way of calls and of what is read.
func TestBootstrapCircles(t *testing.T) {
	bot := by("deployer[bot]", true)
	for _, tt := range []struct {
		claim  string
		events []whatchanged.Event
		scope  string
		want   string // spelled, with when and by what it was closed
	}{
		{"the deploy system calls what it deploys", []whatchanged.Event{edge("calls", "deployer", "auth", 90, false), deployed("d1", "auth", 80, version("1"), bot), deployed("d2", "auth", 20, version("2"), bot)},
			"auth", "service:shop/auth → (control) service:shop/deployer → service:shop/auth since 80 by d1"},
		{"it began to call it later", []whatchanged.Event{deployed("d1", "auth", 80, version("1"), bot), edge("calls", "deployer", "auth", 30, false), edge("again", "deployer", "auth", 10, false)},
			"auth", "service:shop/auth → (control) service:shop/deployer → service:shop/auth since 30 by calls"},
		{"a person deployed in between", []whatchanged.Event{edge("calls", "deployer", "auth", 90, false), deployed("d1", "auth", 80, version("1"), bot), deployed("d2", "auth", 70, version("2"), by("ann", false)), deployed("d3", "auth", 60, version("3"), bot)},
			"auth", "service:shop/auth → (control) service:shop/deployer → service:shop/auth since 60 by d3"},
		{"a store reads its config out of what depends on it", []whatchanged.Event{edge("reads", "store", "config:shop/limits", 90, false), edge("needs", "keeper", "store", 70, false),
			deployed("set", "config:shop/limits", 60, kind(whatchanged.Config), becoming(nil, 1), attribute("store", "service:shop/keeper"))},
			"store", "config:shop/limits → (control) service:shop/keeper → service:shop/store → (reads) config:shop/limits since 60 by set"},
		{"it deploys itself", []whatchanged.Event{deployed("d1", "deployer", 80, version("1"), bot)}, "deployer", "service:shop/deployer → (control) service:shop/deployer since 80 by d1"},
		{"hidden behind a shorter circle of calls", []whatchanged.Event{edge("ab", "a", "auth", 90, false), edge("ba", "auth", "a", 90, false), edge("calls", "deployer", "auth", 90, false), deployed("d1", "auth", 80, version("1"), bot)},
			"auth", "service:shop/a → service:shop/auth → service:shop/a since 90 by ab; service:shop/auth → (control) service:shop/deployer → service:shop/auth since 80 by d1"},
		{"an automation of a name that nothing has", []whatchanged.Event{edge("calls", "deployer", "auth", 90, false), deployed("d1", "auth", 80, version("1"), by("other", true))}, "auth", ""},
		{"a name that two have says nothing", []whatchanged.Event{edge("calls", "deployer", "auth", 90, false), edge("too", "service:other/deployer", "auth", 90, false), deployed("d1", "auth", 80, version("1"), bot)}, "auth", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.Topology](t)(topology(t, newWorld(t, tt.events...), arguments{"scope": []any{tt.scope}, "hops": 3}))
			var got []string
			bootstrap := 0
			for _, c := range a.Circles {
				got = append(got, fmt.Sprintf("%v since %g by %s", c, noon.Sub(c.Since).Minutes(), c.ClosedBy))
				if c.Bootstrap {
					bootstrap++
				}
			}
			if s := strings.Join(got, "; "); s != tt.want {
				t.Errorf("got %s, want %s", s, tt.want)
			}
			if want := strings.Count(tt.want, "(control)"); bootstrap != want || strings.Contains(a.Verdict, "come up by itself") != (want > 0) {
				t.Errorf("%d bootstrap circles, want %d: %s", bootstrap, want, a.Verdict)
			}
		})
	}
}

// TestACircleIsClosedByWhatFirstToldOfIt: to tell of an edge again is no change
// of it, to take it back and tell of it again is.
func TestACircleIsClosedByWhatFirstToldOfIt(t *testing.T) {
	w := newWorld(t, edge("ab", "a", "b", 60, false), edge("ba", "b", "a", 50, false), edge("ba-again", "b", "a", 5, false))
	circle := func(asOf string) resolvers.Circle {
		a := must[*resolvers.Topology](t)(topology(t, w, arguments{"scope": []any{"a"}, "hops": 2, "asOf": asOf}))
		if len(a.Circles) != 1 {
			t.Fatalf("circles %v", a.Circles)
		}
		return a.Circles[0]
	}
	if c := circle(when(0)); c.ClosedBy != "ba" || !c.Since.Equal(ago(50)) {
		t.Errorf("told of again: %+v", c)
	}
	w.tell(edge("ba-gone", "b", "a", 20, true))
	if c := circle(when(0)); c.ClosedBy != "ba-again" {
		t.Errorf("taken back in between: %+v", c)
	}
	if c := circle(when(30)); c.ClosedBy != "ba" {
		t.Errorf("as of before that: %+v", c)
	}
}

func TestTopologyPagesReachEverything(t *testing.T) {
	var events []whatchanged.Event
	for i := range 7 {
		events = append(events, edge(fmt.Sprint("e", i), fmt.Sprint("s", i), "hub", 60, false))
	}
	w := newWorld(t, events...)
	var got []string
	args := arguments{"scope": []any{"hub"}, "limit": 3}
	for {
		a := must[*resolvers.Topology](t)(topology(t, w, args))
		for _, n := range a.Items {
			got = append(got, n.Entity.Name)
		}
		if a.Cursor == nil {
			break
		}
		w.tell(edge("late", "s9", "hub", 0, false)) // pages are pinned
		args["cursor"] = *a.Cursor
	}
	if want := "s0 s1 s2 s3 s4 s5 s6"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestTopologyRefuses(t *testing.T) {
	w := newWorld(t, shop()...)
	for _, tt := range []struct {
		ask   arguments
		field string
	}{
		{arguments{"scope": []any{}}, "scope"},
		{arguments{"scope": []any{"web"}, "direction": "up"}, "direction"},
		{arguments{"scope": []any{"web"}, "hops": 6}, "hops"},
		{arguments{"scope": []any{"web"}, "limit": 0}, "limit"},
	} {
		_, err := topology(t, w, tt.ask)
		refused(t, err, whatchanged.CodeInvalidArgument, tt.field)
	}
}
