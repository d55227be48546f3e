package indextest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// World returns n deliveries of a small estate, at random but the same for the
// same seed: events late and ahead of their time, many at one moment,
// corrections in and out of order, edges that come and go in circles, several
// events in one delivery, deliveries that were rejected, and reports.
func World(seed int64, n int) []whatchanged.Delivery {
	g := &generator{Rand: random(seed)}
	received := dawn
	var all []whatchanged.Delivery
	for range n {
		received = received.Add(time.Duration(g.IntN(5)) * time.Minute)
		d := whatchanged.Delivery{Source: pick(g, sources), Type: "type", ID: fmt.Sprint("delivery-", len(all)), ReceivedAt: received,
			Outcome: whatchanged.Accepted, Header: map[string]string{"type": "type"}, Body: fmt.Appendf(nil, `{"n":%d}`, len(all))}
		switch g.IntN(10) {
		case 2:
			d.Type, d.Outcome = pick(g, reports), whatchanged.Ignored
		case 0:
			d.Outcome, d.Reason, d.Field = whatchanged.Rejected, "not understood", "id"
		case 1:
			d.Outcome = whatchanged.Ignored
		default:
			for range 1 + g.IntN(3)*g.IntN(2) {
				d.Events = append(d.Events, g.event(d.Source, received))
			}
		}
		all = append(all, d)
	}
	return stamp(all)
}

func random(seed int64) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 0)) }

var (
	sources = []string{"argocd", "github", "launchdarkly", "otel"}
	// Some of these stand in another order as references than as text.
	entities = refs("service:shop/web", "service:shop/cart", "service:shop-eu/web", "service:shop/web/admin", "service-set:shop/all",
		"flag:default/new-cart", "config:shop/limits", "resource:default/orders", "resource:default/queue", "model:shop/ranking")
	kinds    = []whatchanged.EventKind{whatchanged.Deployment, whatchanged.Flag, whatchanged.Config, whatchanged.Topology}
	evidence = []whatchanged.Evidence{whatchanged.Declared, whatchanged.Observed, whatchanged.Shared}
	words    = []string{"Raise", "lower", "the", "Checkout", "timeout", "100%", "crédit", "it's", "ROLL", "back"}
	owners   = []string{"group:default/search", "group:default/checkout", "user:default/ann"}
	reports  = whatchanged.ReaderReports
	regions  = []string{"", "eu-west-1", "us-east-1"}
)

type generator struct {
	*rand.Rand
	told []whatchanged.Event
}

func pick[T any](g *generator, from []T) T { return from[g.IntN(len(from))] }

func (g *generator) event(source string, received time.Time) whatchanged.Event {
	e := whatchanged.Event{ID: fmt.Sprintf("%s/%d", source, len(g.told)), Source: source, Kind: pick(g, kinds), Action: "changed",
		Entity: pick(g, entities), Placement: whatchanged.Placement{Environment: "prod", Region: pick(g, regions)},
		EffectiveAt: g.moment(received), Clock: whatchanged.SourceClock,
		Version: fmt.Sprintf("v1.%d", g.IntN(9)), Summary: g.text(), Commits: g.commits()}
	if g.IntN(6) == 0 {
		e.Action = whatchanged.ActionObserved
	}
	if g.IntN(2) == 0 {
		e.Before, e.After = whatchanged.ValueOf(g.IntN(5)), whatchanged.ValueOf(g.IntN(5))
		e.Diff = whatchanged.Diff(e.Before, e.After)
		e.Actor = &whatchanged.Actor{Name: "ann", Automation: g.IntN(2) == 0}
		e.Attributes = map[string]string{"ticket": fmt.Sprint("OPS-", g.IntN(50))}
	}
	if g.IntN(4) == 0 {
		e.Rollout = &whatchanged.RolloutStep{ID: fmt.Sprint("rollout-", g.IntN(5)), Phase: whatchanged.PhaseProgressing}
	}
	if g.IntN(3) == 0 {
		e.Kind = whatchanged.Topology
		e.Dependency = &whatchanged.Dependency{To: pick(g, entities), Evidence: pick(g, evidence), Removed: g.IntN(3) == 0}
	}
	if e.Dependency == nil && g.IntN(4) == 0 {
		e.Kind, e.After = whatchanged.Ownership, g.owner()
	}
	if len(g.told) > 0 && g.IntN(6) == 0 {
		g.correct(&e)
	}
	g.told = append(g.told, e)
	return e
}

// correct makes e a revision of some event told before, of a number that no
// other has.
func (g *generator) correct(e *whatchanged.Event) {
	of := pick(g, g.told)
	taken := map[int]bool{}
	for _, t := range g.told {
		taken[t.Revision] = taken[t.Revision] || t.ID == of.ID
	}
	for e.ID = of.ID; taken[e.Revision]; e.Revision += 1 + g.IntN(2) {
	}
	if g.IntN(2) == 0 {
		e.Entity, e.Dependency = of.Entity, of.Dependency
	}
}

// moment is mostly a little before arrival, at times long before or after it.
func (g *generator) moment(received time.Time) time.Time {
	back := time.Duration(g.IntN(10)) * time.Minute
	switch g.IntN(10) {
	case 0:
		back *= 60
	case 1:
		back *= -10
	}
	return received.Add(-back)
}

func (g *generator) text() string {
	var some []string
	for range g.IntN(6) {
		some = append(some, pick(g, words))
	}
	return strings.Join(some, " ")
}

func (g *generator) commits() (all []string) {
	for range g.IntN(3) {
		all = append(all, fmt.Sprintf("%07x%033x", g.IntN(20)*0x0123457, g.Uint64()))
	}
	return all
}

// owner is what an event of ownership says, in either of its spellings, or
// that nobody is the owner.
func (g *generator) owner() whatchanged.Value {
	switch owner := pick(g, owners); g.IntN(4) {
	case 0:
		return nil
	case 1:
		return whatchanged.ValueOf(owner)
	default:
		return whatchanged.ValueOf(map[string]string{"owner": owner})
	}
}
