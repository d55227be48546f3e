package index

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
	"whatchanged.dev/whatchanged/index/indextest"
)

// received stamps deliveries of one event each, a minute apart.
func received(start time.Time, events ...whatchanged.Event) (log []whatchanged.Delivery) {
	for i, e := range events {
		at := start.Add(time.Duration(i) * time.Minute)
		e.Position, e.SeenAt = whatchanged.Position{Sequence: uint64(i + 1)}, at
		log = append(log, whatchanged.Delivery{Source: "test", Outcome: whatchanged.Accepted, Sequence: uint64(i + 1), ReceivedAt: at,
			Events: []whatchanged.Event{e}})
	}
	return log
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at is a shape with the horizon at a moment.
func at(horizon time.Time) shape {
	return shape{horizon: func([]whatchanged.Delivery) time.Time { return horizon }}
}

func (s shape) index(t *testing.T, log []whatchanged.Delivery) *Index {
	return s.open(t, newLog(t, changelog.Config{}), log).(*Index)
}

func TestACorrectionRightAfterTheHorizonHidesNothingBeforeIt(t *testing.T) {
	ahead := noon.Add(time.Hour)
	log := received(noon, event("a", ahead), correction(1, "a", ahead))
	x := at(noon.Add(time.Second)).index(t, log)
	for known, want := range map[uint64]string{1: "a", 2: "a#1"} {
		v := whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(known)}
		page, err := x.Changes(t.Context(), v, whatchanged.Selection{Limit: 9})
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("known at %v", v.KnownAt), fmt.Sprint(names(page.Events)), "["+want+"]")
	}
}

func TestKnownFindsTheFirstPositionInEitherTier(t *testing.T) {
	log := received(noon, event("a", noon), event("b", noon), correction(1, "a", noon), event("b#1", noon))
	want := fmt.Sprint(map[string]whatchanged.Position{"a": {Sequence: 1}, "b": {Sequence: 2}, "a#1": {Sequence: 3}, "b#1": {Sequence: 4}})
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			known, err := s.index(t, log).Known(t.Context(), []string{"a", "b", "a#1", "b#1", "a#2", "c", ""})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "known", fmt.Sprint(known), want)
		})
	}
}

func TestAQuestionWaitsForWhatItMaySee(t *testing.T) {
	log := received(noon, event("a", noon), event("late", noon.Add(-time.Hour)), event("b", noon))
	x := at(noon.Add(-time.Minute)).index(t, log[:1])
	x.config.Patience = 20 * time.Millisecond
	ctx := t.Context()
	ask := func(known uint64, i whatchanged.Interval) (string, error) {
		v := whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(known)}
		page, err := x.Changes(ctx, v, whatchanged.Selection{Interval: i, Limit: 9})
		return fmt.Sprint(names(page.Events)), err
	}
	hour := whatchanged.Interval{From: noon.Add(-time.Minute), To: noon.Add(time.Hour)}
	day := whatchanged.Interval{From: noon.Add(-24 * time.Hour), To: noon.Add(time.Hour)}
	past := whatchanged.Interval{From: noon.Add(-24 * time.Hour), To: noon.Add(-2 * time.Hour)}
	for _, i := range []whatchanged.Interval{hour, day, past, {From: noon, To: noon}} {
		_, err := ask(3, i)
		wants(t, "what nobody has seen, asked of "+i.String(), err, whatchanged.ErrStale)
	}
	wants(t, "waiting for it", x.Await(ctx, whatchanged.At(3)), whatchanged.ErrStale)

	x.hot.Load().Apply(log[1:])
	if got, err := ask(3, hour); err != nil || got != "[a b]" {
		t.Errorf("what is hot: %v, %v", got, err)
	}
	_, err := ask(3, day)
	wants(t, "the past was repaired, and that is not stored", err, whatchanged.ErrStale)
	if got, err := ask(1, day); err != nil || got != "[a]" {
		t.Errorf("what was known before it was repaired: %v, %v", got, err)
	}

	x.config.Patience = 20 * time.Second
	answered := make(chan string, 1)
	go func() {
		got, err := ask(3, day)
		answered <- fmt.Sprint(got, err)
	}()
	if err := x.writer.Load().Write(ctx, log[1:]); err != nil {
		t.Fatal(err)
	}
	same(t, "who waited", <-answered, "[late a b]<nil>")
}

func TestWhileTheHorizonMovesNothingIsMissed(t *testing.T) {
	log := indextest.World(5, 120)
	oracle := indextest.Oracle(log)
	last := log[len(log)-1]
	v := whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(last.Sequence)}
	whole := whatchanged.Selection{Interval: whatchanged.Always, Limit: 10_000}
	want, _ := oracle.Changes(t.Context(), v, whole)
	arrived := whatchanged.Interval{From: whatchanged.MinTime, To: last.ReceivedAt.Add(time.Hour)}
	heard, _ := oracle.Sources(t.Context(), v, arrived)

	x := at(whatchanged.MinTime).index(t, log)
	now := &clock{}
	x.config.Keep, x.config.Now = 0, now.Now
	moved := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(moved)
		for i := range log {
			now.set(log[i].ReceivedAt)
			if err := x.tidy(ctx); err != nil {
				moved <- err
				return
			}
		}
	}()
	for moving := true; moving; {
		select {
		case err := <-moved:
			if err != nil {
				t.Fatal(err)
			}
			moving = false
		default:
		}
		page, err := x.Changes(ctx, v, whole)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "events", fmt.Sprint(names(page.Events)), fmt.Sprint(names(want.Events)))
		sources, err := x.Sources(ctx, v, arrived)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "heard", counts(sources), counts(heard))
	}
	if horizon, _ := x.hot.Load().Horizon(); !horizon.Equal(last.ReceivedAt) {
		t.Errorf("the horizon is %v, want %v", horizon, last.ReceivedAt)
	}
}

func counts(sources []whatchanged.SourceArrivals) (s string) {
	for _, c := range sources {
		s += fmt.Sprintf("%s %d %d %d %v %v %v; ", c.Source, c.Told.Count, c.Runs.Count, c.Rejected, c.Told.Gaps, c.Runs.Gaps, c.Connection)
	}
	return s
}

// What is not stored is neither forgotten nor purged, however old it is.
func TestWhatIsNotStoredIsKept(t *testing.T) {
	changes := newLog(t, changelog.Config{DuplicateWindow: 100 * time.Millisecond, Now: func() time.Time { return time.Now().Add(time.Hour) }})
	for i := range 20 {
		d := whatchanged.Delivery{Source: "test", Outcome: whatchanged.Accepted, Events: []whatchanged.Event{event(fmt.Sprint(i), noon)}}
		if _, err := changes.Append(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	log, err := changes.Read(t.Context(), 1, 21)
	if err != nil {
		t.Fatal(err)
	}
	now := &clock{now: time.Now()}
	x := newIndex(t, Config{Log: changes, Cold: newStore(t), Keep: time.Hour, Now: now.Now})
	check := func(what string, first uint64, held int) {
		t.Helper()
		if err := x.tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := changes.First(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		same(t, what+": the log's first", got, first)
		same(t, what+": events in memory", x.hot.Load().Len(), held)
	}
	write := func(part []whatchanged.Delivery) {
		t.Helper()
		if err := x.writer.Load().Write(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.tidy(t.Context()); err != nil {
		t.Fatal("before anything is loaded", err)
	}
	loadAll(t, x)
	x.hot.Load().Apply(log)
	now.set(time.Now().Add(100 * time.Hour))
	check("nothing is stored", 1, 20)
	write(log[:10])
	check("half is stored", 1, 20)
	write(log[10:])
	check("all is stored", 20, 0)

	y := newIndex(t, Config{Log: changes, Cold: x.config.Cold, Keep: time.Hour, Now: now.Now})
	loadAll(t, y)
	v := whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(20)}
	page, err := y.Changes(t.Context(), v, whatchanged.Selection{})
	if err != nil || page.Total != 20 {
		t.Errorf("another process finds %d events, %v", page.Total, err)
	}
}

func TestAfterARestartEachEventIsThereOnce(t *testing.T) {
	dir, store := t.TempDir(), newStore(t)
	var want string
	for n := range 3 {
		t.Run(fmt.Sprint("run ", n), func(t *testing.T) {
			changes, err := changelog.Open(t.Context(), changelog.Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(changes.Close)
			r := run(t, Config{Log: changes, Cold: store})
			p := r.told(event(fmt.Sprint("new", n), r.ago(time.Minute)), event(fmt.Sprint("old", n), r.ago(9*time.Hour)))
			want += fmt.Sprintf(" new%d old%d", n, n)
			same(t, "found", sorted(r.found(p, whatchanged.Always, "")), sorted(want))
			if n == 1 {
				r.stored(p)
				same(t, "rows", eventRows(t, r), 4)
			}
		})
	}
}

// What a writer had begun when its process ended is stored by the next at once,
// though nothing new comes.
func TestWhatWasBegunIsStoredAfterARestart(t *testing.T) {
	dir, began := t.TempDir(), make(chan struct{})
	store, gate := gated(t)
	var p whatchanged.Position
	t.Run("the engine goes away under the writer", func(t *testing.T) {
		changes := openLog(t, dir, began)
		gate.Open()
		r := run(t, Config{Log: changes, Cold: store})
		<-r.Loaded()
		gate.Shut()
		p = r.told(event("late", r.ago(9*time.Hour)))
		<-began
	})
	gate.Open()
	t.Run("and is there for the next", func(t *testing.T) {
		r := run(t, Config{Log: openLog(t, dir, nil), Cold: store})
		start := time.Now()
		<-r.Loaded()
		if err := r.Await(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		r.stored(p)
		t.Log("stored after", time.Since(start))
	})
}

// openLog opens a change log that was there before. began is closed when its
// writer has failed.
func openLog(t *testing.T, dir string, began chan struct{}) *changelog.Log {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	if began != nil {
		logger = slog.New(&listener{slog.DiscardHandler, sync.OnceFunc(func() { close(began) })})
	}
	l, err := changelog.Open(t.Context(), changelog.Config{Dir: dir, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// A listener waits for the writer to say that it cannot write.
type listener struct {
	slog.Handler
	heard func()
}

// Enabled implements [slog.Handler].
func (l *listener) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (l *listener) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "cannot write" {
		l.heard()
	}
	return nil
}
