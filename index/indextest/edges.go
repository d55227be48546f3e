package indextest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

func testEdges(t *testing.T, open Opener) {
	const declared, observed, shared = whatchanged.Declared, whatchanged.Observed, whatchanged.Shared
	on := func(id, from, to string, at int, evidence whatchanged.Evidence) whatchanged.Event {
		return edge(id, svc(from), svc(to), at, evidence, false)
	}
	off := func(id, from, to string, at int) whatchanged.Event {
		return edge(id, svc(from), svc(to), at, declared, true)
	}
	first := func(e whatchanged.Event) whatchanged.Event { e.Revision = 1; return e }
	log := each(
		// a neighbourhood: a → c, b; b → a; c → c
		on("ac", "a", "c", 10, declared),
		on("ab", "a", "b", 10, declared),
		on("ab-shared", "a", "b", 30, shared),
		on("ab-seen", "a", "b", 20, observed),
		on("ba", "b", "a", 10, declared),
		on("cc", "c", "c", 10, declared),
		// an edge that comes, goes and comes again
		on("xy", "x", "y", 20, declared),
		off("xy-off", "x", "y", 30),
		on("xy-again", "x", "y", 40, declared),
		// declared again, then told late of something between
		on("kl", "k", "l", 10, declared),
		on("kl-again", "k", "l", 30, declared),
		off("kl-late", "k", "l", 20),
		// at one moment: the last heard counts
		on("uw", "u", "w", 50, declared),
		on("uw-again", "u", "w", 50, declared),
		// corrected: another end, none at all, another time, and gone
		on("end", "p", "left", 10, declared),
		first(on("end", "p", "right", 12, declared)),
		on("none", "q", "r", 10, declared),
		first(change("none", svc("q"), 10)),
		on("time", "e", "f", 10, declared),
		first(on("time", "e", "f", 60, declared)),
		on("gone", "g", "h", 10, declared),
		first(off("gone", "g", "h", 10)),
		// a correction of the latest leaves the one before in force
		on("mn", "m", "n", 10, declared),
		off("mn-off", "m", "n", 20),
		first(change("mn-off", svc("m"), 20)),
		// in another order as references than as text
		edge("o4", "service-set:shop/all", svc("o"), 10, declared, false),
		edge("o3", "service:shop-eu/web", svc("o"), 10, declared, false),
		edge("o2", "service:shop/web/admin", svc("o"), 10, declared, false),
		edge("o1", "service:shop/web", svc("o"), 10, declared, false),
		edge("o8", svc("o"), "service-set:shop/all", 10, declared, false),
		edge("o7", svc("o"), "service:shop-eu/web", 10, declared, false),
		edge("o6", svc("o"), "service:shop/web/admin", 10, declared, false),
		edge("o5", svc("o"), "service:shop/web", 10, declared, false),
	)
	index := open(t, log)
	all := asOf(log, 100)
	early := func(sequence uint64) whatchanged.View {
		return whatchanged.View{AsOf: minute(100), KnownAt: whatchanged.At(sequence)}
	}
	tests := []struct {
		claim string
		view  whatchanged.View
		of    string // names of services
		limit int
		want  string // the events in force
	}{
		{"either end, by From, To and evidence", all, "a", 9, "ab ab-seen ab-shared ac ba"},
		{"both ends asked, each edge once", all, "a b c", 9, "ab ab-seen ab-shared ac ba cc"},
		{"in whatever order they are asked", all, "c b a b", 9, "ab ab-seen ab-shared ac ba cc"},
		{"an edge to itself, once", all, "c", 9, "ac cc"},
		{"evidence side by side, each since its own time", asOf(log, 20), "a", 9, "ab ab-seen ac ba"},
		{"by reference, which is not by text", all, "o", 9, "o5 o6 o7 o8 o1 o2 o3 o4"},
		{"a limit keeps the first", all, "o", 5, "o5 o6 o7 o8 o1"},
		{"and cuts between evidence", all, "a", 2, "ab ab-seen"},
		{"no limit, nothing", all, "a", 0, ""},
		{"nothing asked, nothing told", all, "", 9, ""},
		{"nobody knows it, nothing", all, "nobody", 9, ""},
		{"nobody knows it, and the rest is told", all, "nobody c", 9, "ac cc"},
		{"not before it takes effect", asOf(log, 19), "x", 9, ""},
		{"and at that moment", asOf(log, 20), "x", 9, "xy"},
		{"there until it is removed", asOf(log, 29), "y", 9, "xy"},
		{"and gone at that moment", asOf(log, 30), "x y", 9, ""},
		{"it may come again, and holds since then", asOf(log, 40), "y", 9, "xy-again"},
		{"a removal not yet known removes nothing", early(7), "x", 9, "xy"},
		{"an edge not yet known is not there", early(6), "x", 9, ""},
		{"declared again, it holds since then", asOf(log, 30), "k", 9, "kl-again"},
		{"as long as that is known", early(10), "k", 9, "kl"},
		{"told late of a removal before, it holds all the same", all, "k", 9, "kl-again"},
		{"but not in between", asOf(log, 25), "k", 9, ""},
		{"at one moment the last heard counts", all, "w", 9, "uw-again"},
		{"a correction moves an edge to another end", all, "p left right", 9, "end#1"},
		{"which it touched before", early(15), "p left right", 9, "end"},
		{"and does not touch any more", all, "left", 9, ""},
		{"even before the correction takes effect", asOf(log, 11), "p left right", 9, ""},
		{"a correction withdraws an edge", all, "q", 9, ""},
		{"that was there before", early(17), "r", 9, "none"},
		{"a correction moves an edge in time", asOf(log, 59), "e", 9, ""},
		{"and it holds since then", asOf(log, 60), "e", 9, "time#1"},
		{"a correction may say that an edge is gone", all, "g", 9, ""},
		{"a removal withdrawn leaves what it removed", all, "m", 9, "mn"},
		{"and was one before", early(24), "m", 9, ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			var of []whatchanged.Ref
			for _, name := range strings.Fields(test.of) {
				of = append(of, ref(svc(name)))
			}
			edges := must[[]whatchanged.Edge](t)(index.Edges(t.Context(), test.view, of, test.limit))
			same(t, "in force", inForce(t, log, edges), strings.Fields(test.want))
		})
	}
	t.Run("what was not yet seen is not answered", func(t *testing.T) {
		if _, err := index.Edges(t.Context(), known(uint64(len(log)+1)), refs(svc("a")), 9); !errors.Is(err, whatchanged.ErrStale) {
			t.Errorf("error is %v, want ErrStale", err)
		}
	})
}

// inForce names the events that edges go back to, and checks the rest of each
// edge against its event.
func inForce(t *testing.T, log []whatchanged.Delivery, edges []whatchanged.Edge) (all []string) {
	t.Helper()
	for _, edge := range edges {
		n := slices.IndexFunc(log, func(d whatchanged.Delivery) bool { return d.Events[0].Position == edge.Position })
		if n < 0 {
			t.Errorf("%+v goes back to no event", edge)
			continue
		}
		e := log[n].Events[0]
		want := whatchanged.Edge{From: e.Entity, To: e.Dependency.To, Evidence: e.Dependency.Evidence, Since: e.EffectiveAt, ID: e.ID, Position: e.Position}
		same(t, e.Identity(), edge, want)
		all = append(all, e.Identity())
	}
	return all
}
