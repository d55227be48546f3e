package indextest

import (
	"fmt"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

// ownership is an event that names an owner, or nobody.
func ownership(id, entity string, at int, owner string) whatchanged.Event {
	e := change(id, entity, at)
	e.Kind = whatchanged.Ownership
	if owner != "" {
		e.After = whatchanged.ValueOf(map[string]string{"owner": owner})
	}
	return e
}

func placed(e whatchanged.Event, environment, region string) whatchanged.Event {
	e.Placement = whatchanged.Placement{Environment: environment, Region: region}
	return e
}

const (
	ann = "user:default/ann"
	bob = "user:default/bob"
)

func testLists(t *testing.T, open Opener) {
	corrected := ownership("wrong", cart, 10, bob)
	corrected.Revision = 1
	log := each(
		placed(change("1", web, 10), "prod", "eu"),                 // 1
		edge("2", web, cart, 10, whatchanged.Declared, false),      // 2
		placed(change("3", "flag:shop/banner", 900), "Prod", "us"), // 3
		ownership("own", web, 10, ann),                             // 4
		placed(change("5", web, 20), "test", "EU"),                 // 5
		ownership("wrong", cart, 10, ann),                          // 6
		corrected,                                                  // 7
		ownership("gone", web, 30, ""),                             // 8
	)
	index := open(t, log).(Lists)
	all, then := asOf(log, 60), asOf(log, 25)
	owned := func(by ...string) whatchanged.EntityList { return whatchanged.EntityList{Owners: refs(by...)} }
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.EntityList
		want  string // entities with their owners
	}{
		{"by reference, each with the owner as of the view", then, whatchanged.EntityList{}, "banner cart=bob web=ann"},
		{"nobody owns what its last event of ownership names nobody for", all, whatchanged.EntityList{}, "banner cart=bob web"},
		{"a change of owner that was not known did not happen", whatchanged.View{AsOf: minute(60), KnownAt: whatchanged.At(7)}, whatchanged.EntityList{}, "banner cart=bob web=ann"},
		{"nor a correction of one", whatchanged.View{AsOf: minute(60), KnownAt: whatchanged.At(6)}, whatchanged.EntityList{}, "banner cart=ann web=ann"},
		{"nor one that had not taken effect", asOf(log, 9), whatchanged.EntityList{}, "banner cart web"},
		{"an entity is listed once it is known", whatchanged.View{AsOf: minute(60), KnownAt: whatchanged.At(2)}, whatchanged.EntityList{}, "cart web"},
		{"an owner selects, as of the view", then, owned(ann), "web=ann"},
		{"and as of another", all, owned(ann), ""},
		{"any of several owners", then, owned(ann, bob), "cart=bob web=ann"},
		{"an environment selects, whatever its case and effect", all, whatchanged.EntityList{Environments: []string{"PROD"}}, "banner web"},
		{"a region too", all, whatchanged.EntityList{Regions: []string{"us", "ap"}}, "banner"},
		{"both need not be of one event", all, whatchanged.EntityList{Regions: []string{"eu"}, Environments: []string{"test"}}, "web"},
		{"a place that was not known yet selects nothing", known(4), whatchanged.EntityList{Environments: []string{"test"}}, ""},
		{"a namespace", all, whatchanged.EntityList{Namespaces: []string{"Shop"}}, "banner cart=bob web"},
		{"what changed last comes first", all, whatchanged.EntityList{Recent: true}, "web cart=bob banner"},
		{"a part of the list", all, whatchanged.EntityList{Recent: true, Offset: 1}, "cart=bob banner"},
		{"beyond the end there is nothing", all, whatchanged.EntityList{Offset: 4}, ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			test.ask.Limit = 9
			var got []string
			for _, e := range must[whatchanged.Listing](t)(index.List(t.Context(), test.view, test.ask)).Entities {
				name := e.Ref.Name
				if e.Owner != nil {
					name += "=" + e.Owner.Ref.Name
				}
				got = append(got, name)
			}
			same(t, "entities", got, strings.Fields(test.want))
		})
	}
	t.Run("facets count each entity once for a value, as it was first spelled", func(t *testing.T) {
		l := must[whatchanged.Listing](t)(index.List(t.Context(), then, whatchanged.EntityList{Facets: true}))
		same(t, "facets", fmt.Sprint(l.Facets), "{[{service 2} {flag 1}] [{shop 3}] [{user:default/ann 1} {user:default/bob 1}] [{prod 2} {test 1}] [{eu 1} {us 1}]}")
		same(t, "total", l.Total, 3)
	})
	t.Run("and of a list only what is in it", func(t *testing.T) {
		ask := whatchanged.EntityList{Facets: true, EntitySelection: whatchanged.EntitySelection{Kinds: []whatchanged.Kind{"flag"}, Limit: 1}}
		l := must[whatchanged.Listing](t)(index.List(t.Context(), all, ask))
		same(t, "facets", fmt.Sprint(l.Facets), "{[{flag 1}] [{shop 1}] [] [{prod 1}] [{us 1}]}")
	})
}
