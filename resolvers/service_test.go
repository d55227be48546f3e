package resolvers_test

import (
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

func service(t testing.TB, w *world, args arguments) (*resolvers.Service, error) {
	t.Helper()
	return ask[*resolvers.Service](t, w, "service", args)
}

func version(v string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Version = v }
}

func owned(id string, minutes float64, after any) whatchanged.Event {
	e := deployed(id, "web", minutes, kind(whatchanged.Ownership))
	e.After = whatchanged.ValueOf(after)
	return e
}

// card is a service with a history.
func card(t *testing.T) *world {
	reads := needs("web", "flag:shop/banner")
	return newWorld(t, needs("web", "cart"), reads, needs("edge", "web"),
		owned("owner-1", 100, map[string]any{"owner": "group:shop/first"}), owned("owner-2", 50, "group:shop/second"),
		deployed("eu-1", "web", 90, version("v1"), in("prod", "eu")), deployed("eu-2", "web", 30, version("v2"), in("prod", "eu")),
		deployed("us-1", "web", 80, version("v1"), in("prod", "us")),
		deployed("going", "web", 20, version("v3"), in("prod", "us"), step("r1", whatchanged.PhaseProgressing, 0.1)),
		deployed("done", "web", 70, step("r0", whatchanged.PhasePromoted, 1)))
}

func versionsOf(s *resolvers.Service) string {
	var all []string
	for _, v := range s.Versions {
		all = append(all, v.Placement.Region+"="+v.Version+" by "+v.ID)
	}
	return strings.Join(all, ", ")
}

func TestServiceCard(t *testing.T) {
	a := must[*resolvers.Service](t)(service(t, card(t), arguments{"service": "web", "limit": 2}))
	if a.Owner == nil || a.Owner.String() != "group:shop/second" {
		t.Errorf("the last owner holds: got %v", a.Owner)
	}
	if got := versionsOf(a); got != "eu=v2 by eu-2, us=v1 by us-1" {
		t.Errorf("a rollout that has not got there brings no version: got %s", got)
	}
	if len(a.DependsOn) != 1 || a.DependsOn[0].To.Name != "cart" || len(a.Dependents) != 1 || a.Dependents[0].From.Name != "edge" {
		t.Errorf("depends on %v, dependents %v", a.DependsOn, a.Dependents)
	}
	if len(a.Reads) != 1 || a.Reads[0].String() != "flag:shop/banner" {
		t.Errorf("reads %v", a.Reads)
	}
	if len(a.Rollouts) != 2 || a.Rollouts[0].ID != "r1" || a.Rollouts[0].Phase != whatchanged.PhaseProgressing || a.Rollouts[1].ID != "eu-2" {
		t.Errorf("rollouts that ended are not in flight, a version that is in one region is: %+v", a.Rollouts)
	}
	if len(a.Items) != 2 || a.Items[0].ID != "going" || !a.Truncated {
		t.Errorf("recent changes, latest first: %+v", a.Items)
	}
	if !strings.Contains(a.Verdict, "owned by group:shop/second; runs in 2 known places; depends on 1, 1 depend on it; 2 rollouts in flight") {
		t.Errorf("verdict %q", a.Verdict)
	}
}

func TestServiceCardAsOfThen(t *testing.T) {
	w := card(t)
	a := must[*resolvers.Service](t)(service(t, w, arguments{"service": "service:shop/web", "asOf": "-85m"}))
	if a.Owner == nil || a.Owner.String() != "group:shop/first" || versionsOf(a) != "eu=v1 by eu-1" || len(a.Rollouts) != 0 {
		t.Errorf("got %v, %s, %v", a.Owner, versionsOf(a), a.Rollouts)
	}
	b := must[*resolvers.Service](t)(service(t, w, arguments{"service": "web", "knownAt": "pos:3"}))
	if b.Owner != nil || len(b.Versions) != 0 || len(b.Dependents) != 1 {
		t.Errorf("as known then: %v, %s", b.Owner, versionsOf(b))
	}
}

func TestServiceRefuses(t *testing.T) {
	w := newWorld(t, shop()...)
	_, err := service(t, w, arguments{"service": "nobody"})
	refused(t, err, whatchanged.CodeNotFound, "service")
	_, err = service(t, w, arguments{"service": "web", "limit": 101})
	refused(t, err, whatchanged.CodeInvalidArgument, "limit")
}

// declared is a group's declaration in a catalog.
func declared(id, group string, minutes float64, said map[string]any) whatchanged.Event {
	e := deployed(id, group, minutes, kind(whatchanged.Topology))
	e.After = whatchanged.ValueOf(said)
	return e
}

func onCall(id, of string, minutes float64, after map[string]any) whatchanged.Event {
	e := deployed(id, of, minutes, kind(whatchanged.OnCallKind))
	e.After = whatchanged.ValueOf(after)
	return e
}

func TestServiceOwnersAndOnCall(t *testing.T) {
	people := func(names ...string) map[string]any { return map[string]any{"people": names} }
	w := newWorld(t, deployed("a", "web", 200), owned("own", 190, "group:shop/team"),
		declared("team", "group:shop/team", 180, map[string]any{"parent": "group:shop/unit", "members": []string{"user:default/ann", "user:default/ben"}}),
		declared("team-2", "group:shop/team", 30, map[string]any{"members": []string{"user:default/ben"}}),
		declared("unit", "group:shop/unit", 180, map[string]any{"parent": "group:shop/team"}),
		onCall("unit-call", "group:shop/unit", 170, people("uma")),
		onCall("team-call", "group:shop/team", 100, map[string]any{"people": []string{"ann", "ben"}, "until": ago(80)}),
		onCall("web-call", "service:shop/web", 60, people("wes")),
		onCall("web-none", "service:shop/web", 40, people()))
	for _, tt := range []struct{ claim, asOf, owners, members, onCall string }{
		{"the group above, until it comes round, and whoever is on call there", "-150m", "group:shop/team group:shop/unit", "user:default/ann user:default/ben", "uma of group:shop/unit by unit-call"},
		{"the owner's own turns go before", "-90m", "group:shop/team group:shop/unit", "user:default/ann user:default/ben", "ann ben of group:shop/team by team-call"},
		{"and are over at their end", "-80m", "group:shop/team group:shop/unit", "user:default/ann user:default/ben", "uma of group:shop/unit by unit-call"},
		{"the service's own go before all", "-50m", "group:shop/team group:shop/unit", "user:default/ann user:default/ben", "wes of service:shop/web by web-call"},
		{"a declaration replaces the one before", "-10m", "group:shop/team", "user:default/ben", ""},
		{"nobody said who owns it yet", "-195m", "", "", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.Service](t)(service(t, w, arguments{"service": "web", "asOf": tt.asOf}))
			got := ""
			if o := a.OnCall; o != nil {
				got = strings.Join(o.People, " ") + " of " + o.Of.String() + " by " + o.ID
			}
			if refsText(a.Owners) != tt.owners || refsText(a.Members) != tt.members || got != tt.onCall {
				t.Errorf("owners %v, members %v, on call %q", a.Owners, a.Members, got)
			}
		})
	}
}

func refsText(refs []whatchanged.Ref) string {
	var all []string
	for _, r := range refs {
		all = append(all, r.String())
	}
	return strings.Join(all, " ")
}
