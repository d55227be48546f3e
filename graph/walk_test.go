package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

var (
	web  = service("web")
	cart = service("cart")
	flag = whatchanged.Ref{Kind: whatchanged.KindFlag, Namespace: "shop", Name: "banner"}
)

// village is a service with something of everything.
func village() []whatchanged.Event {
	step := changed("step", web, 30)
	step.Rollout = &whatchanged.RolloutStep{ID: "r1", Phase: whatchanged.PhasePaused}
	incident := func(id, action string, minutes int) whatchanged.Event {
		e := changed(id, whatchanged.Ref{Kind: whatchanged.KindIncident, Namespace: "default", Name: "inc-1"}, minutes)
		e.Kind, e.Action, e.Attributes, e.Summary = whatchanged.Incident, action, map[string]string{"service": web.String()}, "slow "+action
		return e
	}
	group := func(name, parent string) whatchanged.Event {
		e := changed("declared-"+name, whatchanged.Ref{Kind: whatchanged.KindGroup, Namespace: "shop", Name: name}, 1000)
		e.Kind, e.After = whatchanged.Topology, whatchanged.ValueOf(map[string]any{"kind": "group", "parent": parent})
		return e
	}
	placed := changed("eu", web, 40)
	placed.Placement = whatchanged.Placement{Environment: "prod", Region: "eu"}
	call := changed("call", whatchanged.Ref{Kind: whatchanged.KindGroup, Namespace: "shop", Name: "division"}, 800)
	call.Kind, call.After = whatchanged.OnCallKind, whatchanged.ValueOf(map[string]any{"people": []string{"uma"}})
	return []whatchanged.Event{
		call, needs(web, cart), needs(web, flag), needs(service("edge"), web),
		owns("own-1", web, 900, "group:shop/first"), owns("own-2", web, 20, "group:shop/second"),
		group("first", ""), group("second", "group:shop/division"), group("division", "group:shop/second"),
		step, placed, incident("inc-open", "detected", 25), incident("inc-done", "resolved", 15),
	}
}

func TestAnEntityAndWhatIsAroundIt(t *testing.T) {
	w := newWalker(t, village()...)
	entity := func(args, fields string) string {
		return fmt.Sprintf(`{entity(ref:"service:shop/web"%s){%s}}`, args, fields)
	}
	for _, tt := range []struct{ claim, query, want string }{
		{"what it is", entity("", `kind namespace name firstKnown asOf knownAt`),
			`{"entity":{"kind":"service","namespace":"shop","name":"web","firstKnown":"pos:2.0","asOf":"2026-03-01T12:00:00Z","knownAt":"pos:13"}}`},
		{"its owner, and those above until they come round", entity("", `owner{entity{ref} id} ownerChain{ref}`),
			`{"entity":{"owner":{"entity":{"ref":"group:shop/second"},"id":"own-2"},"ownerChain":[{"ref":"group:shop/second"},{"ref":"group:shop/division"}]}}`},
		{"who is on call, by turns of the group above", entity("", `onCall{people of id}`), `{"entity":{"onCall":{"people":["uma"],"of":"group:shop/division","id":"call"}}}`},
		{"nobody, as of before", entity(`,asOf:"-30m"`, `onCall{id}`), `{"entity":{"onCall":null}}`},
		{"the owner as of then", entity(`,asOf:"-30m"`, `owner{entity{ref}} ownerChain{ref}`),
			`{"entity":{"owner":{"entity":{"ref":"group:shop/first"}},"ownerChain":[{"ref":"group:shop/first"}]}}`},
		{"the owner as known then", entity(`,knownAt:"pos:4"`, `owner{id} dependents{totalCount}`), `{"entity":{"owner":null,"dependents":{"totalCount":1}}}`},
		{"what it depends on and what it reads are two things", entity("", `dependencies{totalCount edges{node{ref} evidence since declaredBy}} configs{edges{node{kind}}}`),
			`{"entity":{"dependencies":{"totalCount":1,"edges":[{"node":{"ref":"service:shop/cart"},"evidence":"declared","since":"2026-02-28T19:20:00Z","declaredBy":"web-cart"}]},"configs":{"edges":[{"node":{"kind":"flag"}}]}}}`},
		{"what is around what is around it, as of the same moment", entity(`,asOf:"-30m"`, `dependencies{edges{node{asOf dependents{edges{node{owner{entity{name}}}}}}}}`),
			`{"entity":{"dependencies":{"edges":[{"node":{"asOf":"2026-03-01T11:30:00Z","dependents":{"edges":[{"node":{"owner":{"entity":{"name":"first"}}}}]}}}]}}}`},
		{"changes of a kind, latest first", entity("", `changes(kinds:["ownership"]){totalCount edges{node{id}}}`), `{"entity":{"changes":{"totalCount":2,"edges":[{"node":{"id":"own-2"}},{"node":{"id":"own-1"}}]}}}`},
		{"changes of a window", entity("", `changes(since:"-35m",until:"-20m"){edges{node{id}}}`), `{"entity":{"changes":{"edges":[{"node":{"id":"step"}}]}}}`},
		{"rollouts", entity("", `rollouts{id phase steps}`), `{"entity":{"rollouts":[{"id":"r1","phase":"paused","steps":["step"]}]}}`},
		{"incidents, once each", entity("", `incidents{entity{ref} action summary ids}`),
			`{"entity":{"incidents":[{"entity":{"ref":"incident:default/inc-1"},"action":"resolved","summary":"slow resolved","ids":["inc-done","inc-open"]}]}}`},
		{"incidents as of then", entity(`,asOf:"-20m"`, `incidents{action}`), `{"entity":{"incidents":[{"action":"detected"}]}}`},
		{"one that nobody told of", `{entity(ref:"service:shop/none"){ref}}`, `{"entity":null}`},
		{"an id that leads nowhere", `{node(id:"none"){id}}`, `{"node":null}`},
	} {
		t.Run(tt.claim, func(t *testing.T) { w.t = t; w.wants(tt.query, tt.want) })
	}
}

func TestAGlobalIDLeadsBack(t *testing.T) {
	w := newWalker(t, village()...)
	data, _ := w.ask(`{entity(ref:"service:shop/web"){id}}`)
	var got struct{ Entity struct{ ID string } }
	if err := json.Unmarshal([]byte(data), &got); err != nil || strings.Contains(got.Entity.ID, "web") {
		t.Fatalf("%s: %v", data, err)
	}
	w.wants(fmt.Sprintf(`{node(id:%q){__typename id ... on Entity{name}}}`, got.Entity.ID),
		fmt.Sprintf(`{"node":{"__typename":"Entity","id":%q,"name":"web"}}`, got.Entity.ID))
}

func TestEntitiesAreFilteredOrderedAndCounted(t *testing.T) {
	w := newWalker(t, village()...)
	list := func(args string) string { return "{entities(" + args + "){totalCount edges{node{name}}}}" }
	names := func(total int, names ...string) string {
		var edges []string
		for _, n := range names {
			edges = append(edges, `{"node":{"name":"`+n+`"}}`)
		}
		return fmt.Sprintf(`{"entities":{"totalCount":%d,"edges":[%s]}}`, total, strings.Join(edges, ","))
	}
	for _, tt := range []struct{ claim, query, want string }{
		{"by reference", list(`first:3`), names(8, "banner", "division", "first")},
		{"what changed last comes first", list(`orderBy:RECENT,first:3`), names(8, "inc-1", "web", "division")},
		{"of kinds, case ignored", list(`filter:{kinds:["Service"]}`), names(3, "cart", "edge", "web")},
		{"by owner", list(`filter:{owners:["group:shop/second"]}`), names(1, "web")},
		{"by owner as of then", list(`filter:{owners:["group:shop/second"]},asOf:"-30m"`), names(0)},
		{"by place", list(`filter:{environments:["prod"],regions:["eu"],text:"WE",namespaces:["shop"]}`), names(1, "web")},
		{"as known then", list(`knownAt:"pos:3"`), names(4, "banner", "division", "cart", "web")},
		{"facets", `{entities(first:0,filter:{kinds:["service","flag"]}){facets{kinds{value count} namespaces{value count} owners{value count} environments{value count} regions{value count}}}}`,
			`{"entities":{"facets":{"kinds":[{"value":"service","count":3},{"value":"flag","count":1}],"namespaces":[{"value":"shop","count":4}],"owners":[{"value":"group:shop/second","count":1}],"environments":[{"value":"prod","count":1}],"regions":[{"value":"eu","count":1}]}}}`},
	} {
		t.Run(tt.claim, func(t *testing.T) { w.t = t; w.wants(tt.query, tt.want) })
	}
}

// A page is what the tests of connections read of one.
type page struct {
	Edges []struct {
		Cursor string
		Node   struct{ Name, ID string }
	}
	PageInfo struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
}

func (w *walker) page(format, args string) page {
	w.t.Helper()
	data, errs := w.ask(fmt.Sprintf(format, args, `{edges{cursor node{`+map[bool]string{true: "id", false: "name"}[strings.Contains(format, "changes")]+`}} pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}`))
	var out struct {
		Entities *page
		Entity   struct{ Dependencies, Changes *page }
	}
	if err := json.Unmarshal([]byte(data), &out); err != nil || errs != nil {
		w.t.Fatalf("%s: %v %v", args, err, errs)
	}
	for _, p := range []*page{out.Entities, out.Entity.Dependencies, out.Entity.Changes} {
		if p != nil {
			return *p
		}
	}
	w.t.Fatalf("no page in %s", data)
	return page{}
}

// TestConnectionsAreWalkedBothWays: every edge once, whatever is told
// meanwhile.
func TestConnectionsAreWalkedBothWays(t *testing.T) {
	for claim, tt := range map[string]struct {
		query     string
		backwards bool
	}{
		"entities by reference": {`{entities(%s)%s}`, true},
		"entities by recency":   {`{entities(orderBy:RECENT,%s)%s}`, true},
		"dependencies":          {`{entity(ref:"service:shop/s000"){dependencies(%s)%s}}`, true},
		"changes":               {`{entity(ref:"service:shop/s000"){changes(%s)%s}}`, false},
	} {
		t.Run(claim, func(t *testing.T) {
			events := town(12)
			for i := range 12 {
				events = append(events, needs(service("s000"), service(fmt.Sprintf("s%03d", i))))
			}
			w := newWalker(t, events...)
			read := func(p page) (all []string) {
				for _, e := range p.Edges {
					all = append(all, e.Node.Name+e.Node.ID)
				}
				if n := len(p.Edges); n > 0 && (*p.PageInfo.StartCursor != p.Edges[0].Cursor || *p.PageInfo.EndCursor != p.Edges[n-1].Cursor) {
					t.Errorf("%+v", p)
				}
				return all
			}
			whole := w.page(tt.query, "first:100")
			want := fmt.Sprint(read(whole))
			var got []string
			for args := "first:5"; args != ""; {
				p := w.page(tt.query, args)
				if p.PageInfo.HasPreviousPage != (len(got) > 0) {
					t.Errorf("after %v: %+v", got, p.PageInfo)
				}
				got = append(got, read(p)...)
				w.tell(changed(fmt.Sprint("meanwhile-", len(got)), service("s003"), -10))
				if args = ""; p.PageInfo.HasNextPage {
					args = fmt.Sprintf("first:5,after:%q", *p.PageInfo.EndCursor)
				}
			}
			if fmt.Sprint(got) != want {
				t.Errorf("forwards %v\nwant %s", got, want)
			}
			if !tt.backwards {
				return
			}
			got = nil
			for args := fmt.Sprintf("last:5,before:%q", *whole.PageInfo.EndCursor); args != ""; {
				p := w.page(tt.query, args)
				got = append(read(p), got...)
				if args = ""; p.PageInfo.HasPreviousPage {
					args = fmt.Sprintf("last:5,before:%q", *p.PageInfo.StartCursor)
				}
			}
			if n := len(whole.Edges); fmt.Sprint(got) != fmt.Sprint(read(whole)[:n-1]) {
				t.Errorf("backwards %v\nwant %s", got, want)
			}
		})
	}
}

func TestWalksRefuse(t *testing.T) {
	w := newWalker(t, village()...)
	owners, _ := w.ask(`{entities(first:1,filter:{kinds:["group"]}){edges{cursor}}}`)
	other := strings.Split(owners, `"`)[7]
	for _, tt := range []struct{ claim, query, want string }{
		{"a negative page", `{entities(first:-1){totalCount}}`, "INVALID_ARGUMENT first"},
		{"a page too long", `{entities(first:101){totalCount}}`, "INVALID_ARGUMENT first"},
		{"both ends", `{entities(first:1,last:1){totalCount}}`, "INVALID_ARGUMENT last"},
		{"no cursor", `{entities(after:"x"){totalCount}}`, "INVALID_ARGUMENT after"},
		{"the cursor of another list", fmt.Sprintf(`{entities(after:%q){totalCount}}`, other), "INVALID_ARGUMENT after"},
		{"no reference", `{entity(ref:"web"){ref}}`, "INVALID_ARGUMENT "},
		{"a position that is not there yet", `{entities(knownAt:"pos:99"){totalCount}}`, "STALE knownAt"},
		{"no cursor of dependencies", `{entity(ref:"service:shop/web"){dependencies(before:"x"){totalCount}}}`, "INVALID_ARGUMENT before"},
		{"no cursor of changes", `{entity(ref:"service:shop/web"){changes(after:"x"){totalCount}}}`, "INVALID_ARGUMENT after"},
		{"an empty window", `{entity(ref:"service:shop/web"){changes(since:"-1h",until:"-2h"){totalCount}}}`, "INVALID_ARGUMENT since"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w.t = t
			data, errs := w.ask(tt.query)
			if len(errs) != 1 || !strings.HasPrefix(errs[0], tt.want+" ") {
				t.Errorf("got %s %v", data, errs)
			}
		})
	}
}

// TestWalksAreAudited: each step says what was asked by whom, and the ids.
func TestWalksAreAudited(t *testing.T) {
	w := newWalker(t, village()...)
	_, _ = w.ask(`{entities(filter:{owners:["group:shop/second"]}){edges{node{changes(first:1){edges{node{id}}} dependencies{edges{node{rollouts{id}}}}}}}}`)
	for _, want := range []string{`"question":"entities"`, `"question":"entities.changes"`, `"question":"entities.edges"`, `"question":"entities.dependencies.rollouts"`, `"who":"ann"`, `"ids":["service:shop/web"]`, `"ids":["own-2"]`} {
		if !strings.Contains(w.audit.String(), want) {
			t.Errorf("no %s in\n%s", want, w.audit.String())
		}
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(`{"query":"{entities{totalCount}}"}`))
	req.Header.Set("Content-Type", "application/json")
	res := httptest.NewRecorder()
	if w.ServeHTTP(res, req); !strings.Contains(res.Body.String(), "UNAUTHENTICATED") {
		t.Errorf("nobody asked, and was told %s", res.Body)
	}
}

func TestTheExampleInTheREADMEIsAnswered(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```graphql\n")
	query, _, _ := strings.Cut(rest, "```")
	w := newWalker(t, append(village(), town(5)...)...)
	if data, errs := w.ask(query); !found || errs != nil {
		t.Errorf("%s\n%s %v", query, data, errs)
	}
}
