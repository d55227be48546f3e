package indextest

import (
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
	heard := func(source string, state whatchanged.CoverageState, last, deliveries, rejected int) whatchanged.SourceCoverage {
		at := minute(last)
		return whatchanged.SourceCoverage{Source: source, State: state, LastHeard: &at, Deliveries: deliveries, Rejected: rejected}
	}
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.Interval
		want  []whatchanged.SourceCoverage
	}{
		{"heard in it, silent in it, or heard only after it", known(6), minutes(10, 20), []whatchanged.SourceCoverage{
			heard("busy", whatchanged.CoverageHeard, 20, 3, 1), heard("late", whatchanged.CoverageUnknown, 30, 0, 0), heard("quiet", whatchanged.CoverageSilent, 1, 0, 0)}},
		{"an interval holds its start and not its end", known(6), minutes(11, 12), []whatchanged.SourceCoverage{
			heard("busy", whatchanged.CoverageHeard, 20, 1, 1), heard("late", whatchanged.CoverageUnknown, 30, 0, 0), heard("quiet", whatchanged.CoverageSilent, 1, 0, 0)}},
		{"nothing is heard in an empty interval, and what came at it did not come before", known(6), minutes(10, 10), []whatchanged.SourceCoverage{
			heard("busy", whatchanged.CoverageUnknown, 20, 0, 0), heard("late", whatchanged.CoverageUnknown, 30, 0, 0), heard("quiet", whatchanged.CoverageSilent, 1, 0, 0)}},
		{"a rejected delivery is heard too", known(6), minutes(20, 31), []whatchanged.SourceCoverage{
			heard("busy", whatchanged.CoverageHeard, 20, 1, 1), heard("late", whatchanged.CoverageHeard, 30, 1, 1), heard("quiet", whatchanged.CoverageSilent, 1, 0, 0)}},
		{"only as far as was known", known(3), minutes(10, 20), []whatchanged.SourceCoverage{
			heard("busy", whatchanged.CoverageHeard, 11, 2, 1), heard("quiet", whatchanged.CoverageSilent, 1, 0, 0)}},
		{"before anything was known there are no sources", known(0), minutes(10, 20), nil},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got := must[[]whatchanged.SourceCoverage](t)(index.Sources(t.Context(), test.view, test.ask))
			same(t, "sources", got, test.want)
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
	same(t, "sources", must[[]whatchanged.SourceCoverage](t)(index.Sources(t.Context(), v, minutes(0, 9))), []whatchanged.SourceCoverage(nil))
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
