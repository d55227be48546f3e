package index

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"whatchanged.dev/whatchanged"
)

func TestColdAnswersAreKeptUntilTheColdPastIsRepaired(t *testing.T) {
	r := run(t, Config{})
	past := whatchanged.Interval{From: r.ago(6 * time.Hour), To: r.ago(2 * time.Hour)}
	p := r.told(event("old", r.ago(5*time.Hour)))
	steps := []struct {
		claim string
		tell  []whatchanged.Event
		who   string
		want  string
		reads string
	}{
		{"the first time it is read", nil, "ann", "old", "0 hits, 1 misses"},
		{"the second time it is kept", nil, "ann", "old", "1 hits, 1 misses"},
		{"what happens now does not touch it", []whatchanged.Event{event("new", r.ago(0))}, "ann", "old", "2 hits, 1 misses"},
		{"nor does what will happen", []whatchanged.Event{event("future", r.ago(-time.Hour))}, "ann", "old", "3 hits, 1 misses"},
		{"who else asks does not get it from there", nil, "bob", "old", "3 hits, 2 misses"},
		{"but has their own", nil, "bob", "old", "4 hits, 2 misses"},
		{"a late event is seen at once", []whatchanged.Event{event("late", r.ago(4*time.Hour))}, "ann", "old late", "4 hits, 3 misses"},
		{"and kept again", nil, "ann", "old late", "5 hits, 3 misses"},
		{"a correction is seen at once, wherever it moves what it corrects", []whatchanged.Event{correction(1, "old", r.ago(0))}, "ann", "late", "5 hits, 4 misses"},
		{"and kept again", nil, "ann", "late", "6 hits, 4 misses"},
	}
	for _, s := range steps {
		if s.tell != nil {
			p = r.told(s.tell...)
		}
		same(t, s.claim, r.found(p, past, s.who), s.want)
		same(t, s.claim, r.reads(), s.reads)
	}
	first := whatchanged.At(1)
	same(t, "what was known first is not altered", r.found(first, past, "ann"), "old")
}

func TestASplitQuestionKeepsItsColdHalf(t *testing.T) {
	r := run(t, Config{})
	around := whatchanged.Interval{From: r.ago(6 * time.Hour), To: r.ago(-time.Hour)}
	p := r.told(event("old", r.ago(5*time.Hour)), event("new", r.ago(time.Minute)))
	same(t, "both halves", r.found(p, around, ""), "old new")
	for i, want := range []string{"old new a", "old new a b", "old new a b c"} {
		p = r.told(event(string(rune('a'+i)), r.ago(time.Second)))
		same(t, "at once", r.found(p, around, ""), want)
	}
	same(t, "reads", r.reads(), "3 hits, 1 misses")
}

func TestEqualQuestionsAtOnceAreAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := newCache(1<<20, noop.NewMeterProvider())
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		asked, answer := 0, make(chan int)
		read := func(context.Context) (int, error) {
			asked++
			return <-answer, nil
		}
		got := make(chan int, 10)
		for range cap(got) {
			go func() {
				v, err := through(t.Context(), c, "reach", "args", read)
				if err != nil {
					t.Error(err)
				}
				got <- v
			}()
		}
		synctest.Wait() // until all of them wait
		answer <- 42
		for range cap(got) {
			same(t, "answer", <-got, 42)
		}
		same(t, "asked", asked, 1)
	})
}

func TestWhoGivesUpDoesNotEndTheReadOfTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := newCache(1<<20, noop.NewMeterProvider())
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		answer := make(chan int)
		read := func(ctx context.Context) (int, error) {
			select {
			case v := <-answer:
				return v, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		impatient, giveUp := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := through(impatient, c, "reach", "args", read)
			first <- err
		}()
		synctest.Wait()
		second := make(chan int, 1)
		go func() {
			v, _ := through(t.Context(), c, "reach", "args", read)
			second <- v
		}()
		synctest.Wait()
		giveUp()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v", err)
		}
		answer <- 42
		same(t, "answer", <-second, 42)
	})
}

func TestAFailureIsNotKept(t *testing.T) {
	c, err := newCache(1<<20, noop.NewMeterProvider())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	failing := func(context.Context) (int, error) { return 0, whatchanged.ErrUnavailable }
	_, err = through(t.Context(), c, "reach", "args", failing)
	wants(t, "first", err, whatchanged.ErrUnavailable)
	c.store.Wait()
	v, err := through(t.Context(), c, "reach", "args", func(context.Context) (int, error) { return 42, nil })
	if err != nil {
		t.Fatal(err)
	}
	same(t, "then", v, 42)
}
