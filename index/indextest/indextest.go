// Package indextest is what every tier of the index must do: one suite that
// runs on the tier in ClickHouse, on the tier in memory, and on the two
// together.
//
// A tier's own test is three lines: it calls [Run] with a function that opens
// the tier over given deliveries. The suite has two halves. The claims are
// small histories with what must be found in them, by name. The comparison
// asks a tier and the [Oracle], which answers by plain loops over slices, the
// same random questions about a random [World], and wants the same answers;
// a failure prints the seed that repeats it.
package indextest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// Index is what the suite reads: all of [resolvers.Index] except Await, since
// how a tier comes to see more is not told apart here.
type Index interface {
	Watermark(context.Context) (whatchanged.Watermark, error)
	PositionAt(context.Context, time.Time) (whatchanged.Position, error)
	Changes(context.Context, whatchanged.View, whatchanged.Selection) (whatchanged.Page, error)
	ChangesOfEach(context.Context, whatchanged.View, whatchanged.Selection) ([]whatchanged.Page, error)
	States(context.Context, whatchanged.View, whatchanged.StateSelection) ([]*whatchanged.Event, error)
	Mentions(context.Context, whatchanged.View, whatchanged.Mention) (whatchanged.Page, error)
	Entities(context.Context, whatchanged.View, whatchanged.EntitySelection) ([]whatchanged.EntityRecord, error)
	Reach(context.Context, whatchanged.View, whatchanged.Walk) ([]whatchanged.Reached, error)
	Edges(context.Context, whatchanged.View, []whatchanged.Ref, int) ([]whatchanged.Edge, error)
	Sources(context.Context, whatchanged.View, whatchanged.Interval) ([]whatchanged.SourceArrivals, error)
	Deliveries(context.Context, whatchanged.View, []uint64) ([]whatchanged.Delivery, error)
	Following(ctx context.Context, after whatchanged.Position, limit int) ([]*whatchanged.Event, whatchanged.Position, error)
}

// Lists is what a tier reads of entities in an order, unless it keeps none.
type Lists interface {
	Tellers(context.Context, whatchanged.View, []whatchanged.Ref) ([]string, error)
	List(context.Context, whatchanged.View, whatchanged.EntityList) (whatchanged.Listing, error)
}

// An Index lacks nothing of what resolvers read but Await.
var _ Index = resolvers.Index(nil)

// Options says what a tier leaves out, and how long to compare.
type Options struct {
	NoDeliveries bool  // the tier keeps no bodies and is not asked for them
	NoLists      bool  // the tier keeps no lists of entities and is not asked for them
	Questions    int   // random questions of each sort; 0 is 200
	Seed         int64 // of the random world and questions; 0 is 1
}

// An Opener opens a tier that has seen exactly these deliveries, which come in
// order, and closes it when the test ends. It is called several times, one
// after the other.
type Opener func(t *testing.T, deliveries []whatchanged.Delivery) Index

// Run runs the suite.
func Run(t *testing.T, open Opener, o Options) {
	t.Run("changes", func(t *testing.T) { testChanges(t, open) })
	t.Run("changes by what they are", func(t *testing.T) { testKinds(t, open) })
	t.Run("changes of each", func(t *testing.T) { testEach(t, open) })
	t.Run("corrections", func(t *testing.T) { testCorrections(t, open) })
	t.Run("whole events", func(t *testing.T) { testWholeEvents(t, open) })
	t.Run("states", func(t *testing.T) { testStates(t, open) })
	t.Run("mentions", func(t *testing.T) { testMentions(t, open) })
	t.Run("entities", func(t *testing.T) { testEntities(t, open) })
	if !o.NoLists {
		t.Run("lists", func(t *testing.T) { testLists(t, open) })
	}
	t.Run("reach", func(t *testing.T) { testReach(t, open) })
	t.Run("edges", func(t *testing.T) { testEdges(t, open) })
	t.Run("sources", func(t *testing.T) { testSources(t, open) })
	t.Run("gaps", func(t *testing.T) { testGaps(t, open) })
	if !o.NoLists {
		t.Run("tellers", func(t *testing.T) { testTellers(t, open) })
	}
	t.Run("following", func(t *testing.T) { testFollowing(t, open, o) })
	t.Run("positions", func(t *testing.T) { testPositions(t, open) })
	t.Run("nothing yet", func(t *testing.T) { testNothing(t, open) })
	if !o.NoDeliveries {
		t.Run("deliveries", func(t *testing.T) { testDeliveries(t, open) })
	}
	t.Run("oracle", func(t *testing.T) { compare(t, open, o) })
}

// dawn is minute 0 of the histories here.
var dawn = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return dawn.Add(time.Duration(n) * time.Minute) }

func minutes(from, to int) whatchanged.Interval {
	return whatchanged.Interval{From: minute(from), To: minute(to)}
}

// arrival is when the log stored delivery n of the histories here.
func arrival(n uint64) time.Time { return dawn.Add(24*time.Hour + time.Duration(n)*time.Second) }

func ref(s string) whatchanged.Ref {
	r, err := whatchanged.ParseRef(s)
	if err != nil {
		panic(err)
	}
	return r
}

func refs(texts ...string) (all []whatchanged.Ref) {
	for _, s := range texts {
		all = append(all, ref(s))
	}
	return all
}

// change is an event that took effect at a minute.
func change(id, entity string, at int) whatchanged.Event {
	return whatchanged.Event{ID: id, Source: "github", Kind: whatchanged.Deployment, Action: "deployed",
		Entity: ref(entity), EffectiveAt: minute(at), Clock: whatchanged.SourceClock}
}

// history is a log with one delivery for each list of events.
func history(told ...[]whatchanged.Event) []whatchanged.Delivery {
	var all []whatchanged.Delivery
	for _, events := range told {
		all = append(all, whatchanged.Delivery{Source: "github", Type: "deployment", Outcome: whatchanged.Accepted,
			ReceivedAt: arrival(uint64(len(all) + 1)), Events: events})
	}
	return stamp(all)
}

// each is a log with one delivery for each event.
func each(events ...whatchanged.Event) []whatchanged.Delivery {
	var told [][]whatchanged.Event
	for _, e := range events {
		told = append(told, []whatchanged.Event{e})
	}
	return history(told...)
}

// stamp gives deliveries and their events what the change log gives them.
func stamp(all []whatchanged.Delivery) []whatchanged.Delivery {
	for i := range all {
		d := &all[i]
		d.Sequence = uint64(i + 1)
		for j := range d.Events {
			d.Events[j].Position = whatchanged.Position{Sequence: d.Sequence, Index: uint32(j)}
			d.Events[j].SeenAt = d.ReceivedAt
		}
	}
	return all
}

// everything is the view that sees all of a log.
func everything(log []whatchanged.Delivery) whatchanged.View {
	return whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(uint64(len(log)))}
}

// known is a view of all times as far as was known at a position.
func known(sequence uint64) whatchanged.View {
	return whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(sequence)}
}

// asOf is a view of a minute with all of a log known.
func asOf(log []whatchanged.Delivery, n int) whatchanged.View {
	return whatchanged.View{AsOf: minute(n), KnownAt: whatchanged.At(uint64(len(log)))}
}

func identities(events []*whatchanged.Event) (all []string) {
	for i := range events {
		all = append(all, events[i].Identity())
	}
	return all
}

// same fails the test unless two answers are equal; nil and empty are.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func reversed[T any](s []T) []T {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}
