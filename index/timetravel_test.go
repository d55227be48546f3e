package index

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
	"whatchanged.dev/whatchanged/index/indextest"
	"whatchanged.dev/whatchanged/ingest"
)

const (
	travelEdits     = 10_000
	travelQuestions = 1_000
)

// travelShapes are memory alone, history alone, and the two together, after
// memory has given back what lies before the horizon.
var travelShapes = []shape{
	{name: "hot", horizon: dawn},
	{name: "cold", horizon: dusk},
	{name: "both", before: dawn, horizon: amidEffects, tailed: half},
}

// TestTimeTravel tells of edits as they come, through the real pipeline and
// change log, and asks what held when, as far as was known: memory, history
// and the two together must answer as plain loops over the edits do.
func TestTimeTravel(t *testing.T) {
	const seed = 20260301
	r := rand.New(rand.NewPCG(seed, 0))
	told := edits(r, travelEdits)
	log, known := take(t, told)
	questions := make([]asked, travelQuestions)
	want := make([]map[string]string, travelQuestions)
	for i := range questions {
		questions[i] = draw(r, told)
		want[i] = truth(told, questions[i])
	}
	changes := newLog(t, changelog.Config{})
	for _, s := range travelShapes {
		t.Run(s.name, func(t *testing.T) {
			x := s.open(t, changes, log)
			if q, diff := firstDifference(t, x, known, questions, want); diff != "" {
				small := shrink(concerned(told, q), 200, func(some []edit) bool { return differs(t, s, changes, some, q) })
				t.Errorf("seed %d: %+v (-oracle +%s):\n%s\nsmallest set that fails, of %d:", seed, q, s.name, diff, len(told))
				for _, e := range small {
					t.Log(e)
				}
			}
		})
	}
}

// take sends edits through a pipeline, batch by batch, and returns what the
// log then holds and the position after each batch.
func take(t *testing.T, told []edit) ([]whatchanged.Delivery, []whatchanged.Position) {
	t.Helper()
	r := run(t, Config{Log: newLog(t, changelog.Config{Sync: changelog.SyncInterval})})
	<-r.Loaded()
	p, err := ingest.New(ingest.Config{Log: r.config.Log, Known: r.Index, Now: r.clock.Now, RedactKey: make([]byte, 32),
		Meter: metricnoop.NewMeterProvider().Meter(""), Tracer: tracenoop.NewTracerProvider().Tracer(""), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	known := []whatchanged.Position{{}}
	for _, batch := range batches(told) {
		var events []whatchanged.Event
		for _, e := range batch {
			events = append(events, e.event())
		}
		a, err := p.Import(t.Context(), "test", events)
		if err != nil {
			t.Fatal(err)
		}
		last := known[len(known)-1]
		if a.Position.Compare(last) > 0 {
			last = a.Position
		}
		known = append(known, last)
	}
	log, err := r.config.Log.Read(t.Context(), 1, known[len(known)-1].Sequence+1)
	if err != nil {
		t.Fatal(err)
	}
	return log, known
}

func batches(told []edit) [][]edit {
	all := make([][]edit, told[len(told)-1].batch)
	for _, e := range told {
		all[e.batch-1] = append(all[e.batch-1], e)
	}
	return all
}

func (e edit) event() whatchanged.Event {
	ref, err := whatchanged.ParseRef(e.key)
	if err != nil {
		panic(err)
	}
	out := whatchanged.Event{ID: e.id, Revision: e.revision, Kind: whatchanged.Config, Action: "changed", Entity: ref,
		Placement: whatchanged.Placement{Environment: e.env, Region: e.region}, EffectiveAt: e.at, Clock: whatchanged.SourceClock, After: whatchanged.Value(e.value)}
	switch {
	case e.observed:
		out.Action = whatchanged.ActionObserved
	case e.value == "":
		out.Action, out.Before, out.After = "deleted", whatchanged.Value("1"), nil
	}
	return out
}

// firstDifference asks the questions, two at once, and returns the first of
// those that were answered otherwise than is wanted, and how.
func firstDifference(t *testing.T, x indextest.Index, known []whatchanged.Position, questions []asked, want []map[string]string) (asked, string) {
	t.Helper()
	differ := make([]string, len(questions))
	var wait sync.WaitGroup
	for half := range 2 {
		wait.Go(func() {
			for i := half; i < len(questions); i += 2 {
				q := questions[i]
				differ[i] = cmp.Diff(want[i], found(t.Context(), x, q, known[min(q.known, len(known)-1)]))
			}
		})
	}
	wait.Wait()
	for i, d := range differ {
		if d != "" {
			return questions[i], d
		}
	}
	return asked{}, ""
}

// found is what an index answers, in the words of the oracle.
func found(ctx context.Context, x indextest.Index, q asked, known whatchanged.Position) map[string]string {
	answer := map[string]string{}
	events, err := x.States(ctx, whatchanged.View{AsOf: q.asOf, KnownAt: known}, whatchanged.StateSelection{Prefixes: []string{q.prefix}, Limit: 1_000_000})
	if err != nil {
		answer["error"] = err.Error()
	}
	for _, e := range events {
		observed := e.Action == whatchanged.ActionObserved
		place := strings.Join([]string{e.Entity.String(), e.Placement.Environment, e.Placement.Region, fmt.Sprint(observed)}, " ")
		answer[place] = fmt.Sprintf("%s#%d=%s", e.ID, e.Revision, e.After)
	}
	return answer
}

// concerned returns the edits that a question may be about: those of its keys,
// and those that they correct or that correct them.
func concerned(told []edit, q asked) (some []edit) {
	ids := map[string]bool{}
	for _, e := range told {
		ids[e.id] = ids[e.id] || strings.HasPrefix(e.key, q.prefix)
	}
	for _, e := range told {
		if ids[e.id] {
			some = append(some, e)
		}
	}
	return some
}

// differs tells an index in a shape of some edits only, one delivery a batch,
// and reports whether it answers otherwise than the oracle.
func differs(t *testing.T, s shape, changes *changelog.Log, some []edit, q asked) bool {
	t.Helper()
	wrong := false
	t.Run("shrinking", func(t *testing.T) {
		var log []whatchanged.Delivery
		known, told := []whatchanged.Position{{}}, map[string]bool{}
		for _, batch := range batches(some) {
			d := whatchanged.Delivery{Source: "test", Outcome: whatchanged.Accepted, Sequence: uint64(len(log) + 1), ReceivedAt: noon.Add(time.Duration(len(log)) * time.Second)}
			for _, e := range batch {
				if told[e.identity()] {
					continue
				}
				told[e.identity()] = true
				event := e.event()
				event.Source, event.SeenAt, event.Position = d.Source, d.ReceivedAt, whatchanged.Position{Sequence: d.Sequence, Index: uint32(len(d.Events))}
				d.Events = append(d.Events, event)
			}
			log = append(log, d)
			known = append(known, whatchanged.At(d.Sequence))
		}
		_, diff := firstDifference(t, s.open(t, changes, log), known, []asked{q}, []map[string]string{truth(some, q)})
		wrong = diff != ""
	})
	return wrong
}

func TestShrinkingFindsTheSmallestSet(t *testing.T) {
	told := edits(rand.New(rand.NewPCG(1, 0)), 1000)
	guilty := map[string]bool{told[17].identity(): true, told[500].identity(): true, told[983].identity(): true}
	small := shrink(told, 1000, func(some []edit) bool {
		n := map[string]bool{}
		for _, e := range some {
			if guilty[e.identity()] {
				n[e.identity()] = true
			}
		}
		return len(n) == 3
	})
	if len(small) != 3 {
		t.Errorf("got %d: %v", len(small), small)
	}
}

// The edits hold what the proof is about, and questions find something.
func TestTheEditsAreOfAllSorts(t *testing.T) {
	r := rand.New(rand.NewPCG(20260301, 0))
	told := edits(r, travelEdits)
	again, corrections, deleted, late, ties, met := 0, 0, 0, 0, map[string]int{}, map[string]bool{}
	last := time.Time{}
	for _, e := range told {
		if met[e.identity()] {
			again++
		}
		met[e.identity()] = true
		if e.revision > 0 {
			corrections++
		}
		if e.value == "" {
			deleted++
		}
		if e.at.Before(last) {
			late++
		}
		last = e.at
		ties[e.key+e.env+e.region+e.at.String()]++
	}
	equal := 0
	for _, n := range ties {
		equal += n - 1
	}
	holds := 0
	for range travelQuestions / 10 {
		holds += len(truth(told, draw(r, told)))
	}
	t.Logf("%d told again, %d corrections, %d deleted, %d out of order, %d at the moment of another; %d values asked", again, corrections, deleted, late, equal, holds)
	if min(again, corrections, deleted) < 300 || late < 1000 || equal < 100 || holds < 500 {
		t.Error("too few")
	}
}
