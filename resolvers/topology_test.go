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
