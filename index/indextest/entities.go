package indextest

import (
	"fmt"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

// edge is an event that tells of a dependency.
func edge(id, from, to string, at int, evidence whatchanged.Evidence, removed bool) whatchanged.Event {
	e := change(id, from, at)
	e.Kind, e.Dependency = whatchanged.Topology, &whatchanged.Dependency{To: ref(to), Evidence: evidence, Removed: removed}
	return e
}

func testEntities(t *testing.T, open Opener) {
	log := each(
		change("1", "service:shop/web", 1),
		change("2", "service-set:shop/web", 900), // sorts before service: as text, after it as a reference
		change("3", "service:shop-eu/web", 1),
		change("4", "flag:default/new-cart", 1),
		edge("5", "service:shop/web", "resource:default/orders/db_main", 1, whatchanged.Declared, false),
		change("6", "service:shop/web", 2),
	)
	index := open(t, log)
	all := everything(log)
	const nine = 9
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.EntitySelection
		want  string // reference@first position
	}{
		{"all, in the order of references", all, whatchanged.EntitySelection{Limit: nine},
			"flag:default/new-cart@4.0 resource:default/orders/db_main@5.0 service:shop/web@1.0 service:shop-eu/web@3.0 service-set:shop/web@2.0"},
		{"a kind selects", all, whatchanged.EntitySelection{Kinds: []whatchanged.Kind{"service"}, Limit: nine}, "service:shop/web@1.0 service:shop-eu/web@3.0"},
		{"or one of several", all, whatchanged.EntitySelection{Kinds: []whatchanged.Kind{"flag", "resource"}, Limit: nine}, "flag:default/new-cart@4.0 resource:default/orders/db_main@5.0"},
		{"references select", all, whatchanged.EntitySelection{Refs: refs("service-set:shop/web", "flag:default/new-cart", "flag:default/none"), Limit: nine}, "flag:default/new-cart@4.0 service-set:shop/web@2.0"},
		{"text is found anywhere in a reference", all, whatchanged.EntitySelection{Text: "ce:shop/w", Limit: nine}, "service:shop/web@1.0"},
		{"whatever its case", all, whatchanged.EntitySelection{Text: "CART", Limit: nine}, "flag:default/new-cart@4.0"},
		{"no sign in it has a meaning", all, whatchanged.EntitySelection{Text: "new_cart", Limit: nine}, ""},
		{"all that is asked must hold", all, whatchanged.EntitySelection{Text: "web", Kinds: []whatchanged.Kind{"service"}, Refs: refs("service:shop/web", "service-set:shop/web"), Limit: nine}, "service:shop/web@1.0"},
		{"what something depends on is an entity", all, whatchanged.EntitySelection{Text: "orders", Limit: nine}, "resource:default/orders/db_main@5.0"},
		{"but not before it was told", known(4), whatchanged.EntitySelection{Text: "orders", Limit: nine}, ""},
		{"an entity is known from the first event on, in effect or not", asOf(log, 0), whatchanged.EntitySelection{Text: "-set", Limit: nine}, "service-set:shop/web@2.0"},
		{"a limit cuts", all, whatchanged.EntitySelection{Limit: 2}, "flag:default/new-cart@4.0 resource:default/orders/db_main@5.0"},
		{"no limit, no entities", all, whatchanged.EntitySelection{}, ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			var got []string
			for _, e := range must[[]whatchanged.EntityRecord](t)(index.Entities(t.Context(), test.view, test.ask)) {
				got = append(got, fmt.Sprintf("%s@%s", e.Ref, strings.TrimPrefix(e.FirstKnown.String(), "pos:")))
			}
			same(t, "entities", got, strings.Fields(test.want))
		})
	}
}
