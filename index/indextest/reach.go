package indextest

import (
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

func svc(name string) string { return "service:default/" + name }

func testReach(t *testing.T, open Opener) {
	on := func(id, from, to string, at int, evidence whatchanged.Evidence) whatchanged.Event {
		return edge(id, svc(from), svc(to), at, evidence, false)
	}
	off := func(id, from, to string, at int, evidence whatchanged.Evidence) whatchanged.Event {
		return edge(id, svc(from), svc(to), at, evidence, true)
	}
	corrected := on("wrong", "p", "right", 10, whatchanged.Declared)
	corrected.Revision = 1
	withdrawn := change("none", svc("p"), 10)
	withdrawn.Revision = 1
	log := each(
		// a diamond under a, closed to a circle: a → b, c → d → a
		on("1", "a", "c", 10, whatchanged.Declared),
		on("2", "a", "b", 10, whatchanged.Declared),
		on("3", "c", "d", 10, whatchanged.Declared),
		on("4", "b", "d", 10, whatchanged.Declared),
		on("5", "d", "a", 10, whatchanged.Declared),
		// an edge that comes, goes and comes again
		on("6", "x", "y", 20, whatchanged.Declared),
		off("7", "x", "y", 30, whatchanged.Declared),
		on("8", "x", "y", 40, whatchanged.Declared),
		// two edges of different evidence, one of which goes
		on("9", "m", "n", 20, whatchanged.Declared),
		on("10", "m", "n", 20, whatchanged.Observed),
		off("11", "m", "n", 30, whatchanged.Declared),
		off("12", "m", "n", 40, whatchanged.Observed),
		// told late: a removal that took effect before the edge was told again
		on("13", "q", "r", 50, whatchanged.Declared),
		off("14", "q", "r", 45, whatchanged.Declared),
		// at one moment: the last heard counts
		on("15", "u", "w", 50, whatchanged.Declared),
		off("16", "u", "w", 50, whatchanged.Declared),
		// corrected
		on("wrong", "p", "left", 10, whatchanged.Declared),
		corrected,
		on("none", "p", "none", 10, whatchanged.Declared),
		withdrawn,
		// itself, and not yet
		on("21", "s", "s", 10, whatchanged.Declared),
		on("22", "s", "t", 900, whatchanged.Declared),
	)
	index := open(t, log)
	all := asOf(log, 100)
	const down, up = whatchanged.DependsOn, whatchanged.Dependents
	walk := func(d whatchanged.Direction, hops, limit int, from ...string) whatchanged.Walk {
		w := whatchanged.Walk{Direction: d, Hops: hops, Limit: limit}
		for _, f := range from {
			w.From = append(w.From, ref(svc(f)))
		}
		return w
	}
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.Walk
		want  string // paths, nearest first
	}{
		{"one hop, by reference among equals", all, walk(down, 1, 9, "a"), "a>b a>c"},
		{"of two shortest paths the one by the first reference", all, walk(down, 2, 9, "a"), "a>b a>c a>b>d"},
		{"a circle ends where it began", all, walk(down, 9, 9, "a"), "a>b a>c a>b>d"},
		{"the other way round", all, walk(up, 9, 9, "a"), "a>d a>d>b a>d>c"},
		{"what was reached nearer is not reached again", all, walk(up, 9, 9, "d"), "d>b d>c d>b>a"},
		{"starting points are not reached", all, walk(down, 9, 9, "a", "b"), "a>c b>d"},
		{"named twice, they start once", all, walk(down, 1, 9, "a", "a"), "a>b a>c"},
		{"a limit leaves out the farthest", all, walk(down, 9, 2, "a"), "a>b a>c"},
		{"and cuts among equals by reference", all, walk(down, 9, 1, "a"), "a>b"},
		{"no limit, nothing", all, walk(down, 9, 0, "a"), ""},
		{"no hops, nothing", all, walk(down, 0, 9, "a"), ""},
		{"from nowhere, nothing", all, walk(down, 9, 9), ""},
		{"nobody knows it, nothing", all, walk(down, 9, 9, "nobody"), ""},
		{"an edge is not there before it takes effect", asOf(log, 19), walk(down, 9, 9, "x"), ""},
		{"and is at that moment", asOf(log, 20), walk(down, 9, 9, "x"), "x>y"},
		{"a removed edge was there before", asOf(log, 29), walk(down, 9, 9, "x"), "x>y"},
		{"and is gone at the moment of its removal", asOf(log, 30), walk(down, 9, 9, "x"), ""},
		{"seen from either end", asOf(log, 30), walk(up, 9, 9, "y"), ""},
		{"it may come again", asOf(log, 40), walk(up, 9, 9, "y"), "y>x"},
		{"a removal that was not yet known removes nothing", whatchanged.View{AsOf: minute(35), KnownAt: whatchanged.At(6)}, walk(down, 9, 9, "x"), "x>y"},
		{"an edge that was not yet known is not there", whatchanged.View{AsOf: minute(100), KnownAt: whatchanged.At(5)}, walk(down, 9, 9, "x"), ""},
		{"evidence of one kind outlives that of another", asOf(log, 35), walk(down, 9, 9, "m"), "m>n"},
		{"until all is gone", asOf(log, 40), walk(down, 9, 9, "m"), ""},
		{"a removal heard late took effect early", asOf(log, 60), walk(down, 9, 9, "q"), "q>r"},
		{"at one moment the last heard counts", asOf(log, 60), walk(down, 9, 9, "u"), ""},
		{"what was known before it was heard stays", whatchanged.View{AsOf: minute(60), KnownAt: whatchanged.At(15)}, walk(down, 9, 9, "u"), "u>w"},
		{"a corrected edge leads where the correction says, or nowhere", all, walk(down, 9, 9, "p"), "p>right"},
		{"and led elsewhere before", whatchanged.View{AsOf: minute(100), KnownAt: whatchanged.At(17)}, walk(down, 9, 9, "p"), "p>left"},
		{"an edge to itself reaches nothing, nor does one not yet in effect", all, walk(down, 9, 9, "s"), ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			reached := must[[]whatchanged.Reached](t)(index.Reach(t.Context(), test.view, test.ask))
			same(t, "paths", pathsOf(t, reached, test.ask.Direction), strings.Fields(test.want))
		})
	}
}

// pathsOf spells paths, and checks the rest of each answer against its path.
func pathsOf(t *testing.T, reached []whatchanged.Reached, d whatchanged.Direction) (all []string) {
	t.Helper()
	for _, r := range reached {
		var names []string
		for _, p := range r.Path {
			names = append(names, p.Name)
		}
		if r.Hops != len(r.Path)-1 || r.Direction != d || r.Path[r.Hops] != r.Ref {
			t.Errorf("%+v does not fit its path or direction", r)
		}
		all = append(all, strings.Join(names, ">"))
	}
	return all
}
