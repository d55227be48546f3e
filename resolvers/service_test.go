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
	if len(a.Rollouts) != 1 || a.Rollouts[0].Phase != whatchanged.PhaseProgressing {
		t.Errorf("rollouts that ended are not in flight: %+v", a.Rollouts)
	}
	if len(a.Items) != 2 || a.Items[0].ID != "going" || !a.Truncated {
		t.Errorf("recent changes, latest first: %+v", a.Items)
	}
	if !strings.Contains(a.Verdict, "owned by group:shop/second; runs in 2 known places; depends on 1, 1 depend on it; 1 rollout in flight") {
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
