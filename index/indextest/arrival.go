package indextest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

// received is a log of deliveries without events, each from a source, at a
// minute, with an outcome.
func received(heads ...whatchanged.Delivery) []whatchanged.Delivery { return stamp(heads) }

func head(source string, at int, outcome whatchanged.Outcome) whatchanged.Delivery {
	return whatchanged.Delivery{Source: source, Type: "t", ReceivedAt: minute(at), Outcome: outcome}
}

func testSources(t *testing.T, open Opener) {
	log := received(
		head("quiet", 1, whatchanged.Accepted),
		head("busy", 10, whatchanged.Accepted),
		head("busy", 11, whatchanged.Rejected),
		head("busy", 12, whatchanged.Ignored),
		head("busy", 20, whatchanged.Rejected),
		head("late", 30, whatchanged.Rejected),
	)
	index := open(t, log)
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.Interval
		want  string
	}{
		{"counts of the interval, the last before its end; who was heard only later is listed", known(6), minutes(10, 20), "busy 3-1 last 12, late 0-0, quiet 0-0 last 1"},
		{"an interval holds its start and not its end", known(6), minutes(11, 12), "busy 1-1 last 11, late 0-0, quiet 0-0 last 1"},
		{"nothing is heard in an empty interval, and what came at it did not come before", known(6), minutes(10, 10), "busy 0-0, late 0-0, quiet 0-0 last 1"},
		{"a rejected delivery is heard too", known(6), minutes(20, 31), "busy 1-1 last 20, late 1-1 last 30, quiet 0-0 last 1"},
		{"only as far as was known", known(3), minutes(10, 20), "busy 2-1 last 11, quiet 0-0 last 1"},
		{"before anything was known there are no sources", known(0), minutes(10, 20), ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got := must[[]whatchanged.SourceArrivals](t)(index.Sources(t.Context(), test.view, test.ask))
			same(t, "sources", spelled(got), test.want)
		})
	}
}

// spelled writes for each source how many were told and rejected, the minute
// of the last, its runs, its connection and its gaps in minutes.
func spelled(all []whatchanged.SourceArrivals) string {
	var parts []string
	at := func(t time.Time) int { return int(t.Sub(dawn) / time.Minute) }
	for _, s := range all {
		text := fmt.Sprintf("%s %d-%d", s.Source, s.Told.Count, s.Rejected)
		if s.Told.Last != nil {
			text += fmt.Sprint(" last ", at(*s.Told.Last))
		}
		if s.Runs.Last != nil {
			text += fmt.Sprintf(" %d runs, last %d", s.Runs.Count, at(*s.Runs.Last))
		}
		if c := s.Connection; c != nil {
			text += fmt.Sprintf(" %s at %d", strings.TrimPrefix(c.Report, "whatchanged."), at(c.At))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func testGaps(t *testing.T, open Opener) {
	report := func(what string, at int) whatchanged.Delivery {
		d := head("git", at, whatchanged.Ignored)
		d.Type = what
		return d
	}
	day := 24 * 60
	log := received(
		head("hook", 0, whatchanged.Accepted), head("hook", 1, whatchanged.Accepted), head("hook", 3, whatchanged.Accepted), head("hook", 5, whatchanged.Rejected),
		report(whatchanged.DeliveryRan, 6), head("git", 7, whatchanged.Accepted), report(whatchanged.DeliveryRan, 16),
		report(whatchanged.DeliveryConnected, 17), report(whatchanged.DeliveryLost, 20), head("hook", 30*day+1, whatchanged.Accepted), head("hook", 31*day+2, whatchanged.Accepted),
	)
	index := open(t, log)
	one, two, long := whatchanged.GapSeconds(time.Minute), whatchanged.GapSeconds(2*time.Minute), whatchanged.GapSeconds(time.Duration(30*day-4)*time.Minute)
	tests := []struct {
		claim string
		view  whatchanged.View
		until int
		hook  whatchanged.Gaps
		git   string
	}{
		{"between deliveries that follow each other", known(11), 10, whatchanged.Gaps{one: 1, two: 2}, "git 1-0 last 7 1 runs, last 6"},
		{"as far as they came before the end", known(11), 5, whatchanged.Gaps{one: 1, two: 1}, "git 0-0"},
		{"and were known", known(3), 10, whatchanged.Gaps{one: 1, two: 1}, ""},
		{"runs and deliveries are apart, and a connection is as last reported", known(11), 20, whatchanged.Gaps{one: 1, two: 2}, "git 1-0 last 7 2 runs, last 16 connected at 17"},
		{"to the end of the interval", known(11), 21, whatchanged.Gaps{one: 1, two: 2}, "git 1-0 last 7 2 runs, last 16 lost at 20"},
		{"a long one", known(11), 30*day + 2, whatchanged.Gaps{one: 1, two: 2, long: 1}, "git 1-0 last 7 2 runs, last 16 lost at 20"},
		{"those that began more than thirty days before do not count", known(11), 31*day + 3, whatchanged.Gaps{whatchanged.GapSeconds(24*time.Hour + time.Minute): 1}, "git 1-0 last 7 2 runs, last 16 lost at 20"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			for _, s := range must[[]whatchanged.SourceArrivals](t)(index.Sources(t.Context(), test.view, minutes(0, test.until))) {
				if s.Source == "hook" {
					same(t, "gaps", s.Told.Gaps, test.hook)
				} else {
					same(t, "git", spelled([]whatchanged.SourceArrivals{s}), test.git)
				}
			}
		})
	}
}

func testTellers(t *testing.T, open Opener) {
	by := func(source string, e whatchanged.Event) whatchanged.Event { e.Source = source; return e }
	edge := change("edge", cart, 3)
	edge.Kind, edge.Dependency = whatchanged.Topology, &whatchanged.Dependency{To: ref(web), Evidence: whatchanged.Declared}
	future := change("future", cart, 100_000)
	index := open(t, each(by("argocd", change("a", web, 1)), by("github", change("b", cart, 2)), by("otel", edge), by("late", future)))
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   []whatchanged.Ref
		want  string
	}{
		{"who told of a change to it, or that something depends on it", known(4), refs(web), "argocd otel"},
		{"of several, each once, whenever it takes effect", known(4), refs(web, cart), "argocd github late otel"},
		{"as far as was known", known(2), refs(web, cart), "argocd github"},
		{"of what nobody told of", known(4), refs("service:shop/nobody"), ""},
		{"of nothing", known(4), nil, ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got := must[[]string](t)(index.(Lists).Tellers(t.Context(), test.view, test.ask))
			same(t, "tellers", strings.Join(got, " "), test.want)
		})
	}
}

func testPositions(t *testing.T, open Opener) {
	log := received(head("a", 1, whatchanged.Accepted), head("a", 2, whatchanged.Rejected), head("a", 2, whatchanged.Accepted), head("a", 9, whatchanged.Ignored))
	index := open(t, log)
	tests := []struct {
		claim string
		at    time.Time
		want  whatchanged.Position
	}{
		{"before everything there is none", minute(0), whatchanged.Position{}},
		{"a moment lies before what was stored at it", minute(1), whatchanged.Position{}},
		{"just after, it is found", minute(1).Add(whatchanged.Resolution), whatchanged.At(1)},
		{"of several at one moment the last", minute(3), whatchanged.At(3)},
		{"between two the earlier", minute(9), whatchanged.At(3)},
		{"after everything the last", minute(1000), whatchanged.At(4)},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			same(t, "position", must[whatchanged.Position](t)(index.PositionAt(t.Context(), test.at)), test.want)
		})
	}
	t.Run("the watermark is the last delivery, whatever became of it", func(t *testing.T) {
		got := must[whatchanged.Watermark](t)(index.Watermark(t.Context()))
		same(t, "watermark", got, whatchanged.Watermark{Position: whatchanged.At(4), At: minute(9)})
	})
}

func testNothing(t *testing.T, open Opener) {
	index := open(t, nil)
	same(t, "watermark", must[whatchanged.Watermark](t)(index.Watermark(t.Context())), whatchanged.Watermark{})
	same(t, "position", must[whatchanged.Position](t)(index.PositionAt(t.Context(), minute(0))), whatchanged.Position{})
	v := whatchanged.View{AsOf: minute(0)}
	same(t, "changes", must[whatchanged.Page](t)(index.Changes(t.Context(), v, whatchanged.Selection{Limit: 9})), whatchanged.Page{})
	each := must[[]whatchanged.Page](t)(index.ChangesOfEach(t.Context(), v, whatchanged.Selection{Entities: refs(web, web), Limit: 9}))
	same(t, "changes of each", each, make([]whatchanged.Page, 2))
	same(t, "mentions", must[whatchanged.Page](t)(index.Mentions(t.Context(), v, whatchanged.Mention{Text: "a", Limit: 9})), whatchanged.Page{})
	same(t, "entities", must[[]whatchanged.EntityRecord](t)(index.Entities(t.Context(), v, whatchanged.EntitySelection{Limit: 9})), []whatchanged.EntityRecord(nil))
	walk := whatchanged.Walk{From: refs(web), Direction: whatchanged.DependsOn, Hops: 9, Limit: 9}
	same(t, "reach", must[[]whatchanged.Reached](t)(index.Reach(t.Context(), v, walk)), []whatchanged.Reached(nil))
	same(t, "edges", must[[]whatchanged.Edge](t)(index.Edges(t.Context(), v, refs(web), 9)), []whatchanged.Edge(nil))
	same(t, "sources", must[[]whatchanged.SourceArrivals](t)(index.Sources(t.Context(), v, minutes(0, 9))), []whatchanged.SourceArrivals(nil))
}

func testDeliveries(t *testing.T, open Opener) {
	log := received(
		whatchanged.Delivery{Source: "github", Type: "push", ID: "guid", Header: map[string]string{"x-github-event": "push", "it's": ""},
			Body: []byte("{\"a\":\"\\u0000 '\x01\xff\"}\n"), Outcome: whatchanged.Accepted, ReceivedAt: minute(1).Add(whatchanged.Resolution),
			Events: []whatchanged.Event{change("e", web, 1)}},
		whatchanged.Delivery{Source: "gitlab", Outcome: whatchanged.Rejected, Reason: "no id", Field: "object_kind", Body: []byte("<"), ReceivedAt: minute(2)},
		whatchanged.Delivery{Source: "gitlab", Outcome: whatchanged.Ignored, ReceivedAt: minute(3)},
	)
	index := open(t, log)
	bare := make([]whatchanged.Delivery, len(log))
	for i, d := range log {
		d.Events = nil
		bare[i] = d
	}
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   []uint64
		want  []whatchanged.Delivery
	}{
		{"as received, in order, without their events", known(3), []uint64{3, 1, 2}, bare},
		{"what is not there is left out", known(3), []uint64{2, 9}, bare[1:2]},
		{"and so is what was not known", known(2), []uint64{2, 3}, bare[1:2]},
		{"asked twice, told once", known(3), []uint64{1, 1}, bare[:1]},
		{"nothing asked, nothing told", known(3), nil, nil},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			same(t, "deliveries", must[[]whatchanged.Delivery](t)(index.Deliveries(t.Context(), test.view, test.ask)), test.want)
		})
	}
}
