package index

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

// While several senders append, memory forgets and readers begin anew at any
// position, what follows a position is all there is, in order and once.
func TestWhatFollowsIsToldOnceWhateverIsForgotten(t *testing.T) {
	const senders, each = 4, 100
	x := run(t, Config{Patience: time.Second})
	<-x.Loaded()
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := range each {
				e := event(fmt.Sprint(s, "-", i), x.ago(time.Duration(i)*time.Minute))
				d := whatchanged.Delivery{Source: "test", Outcome: whatchanged.Accepted, Body: fmt.Append(nil, s, i), Events: []whatchanged.Event{e}}
				if _, err := x.config.Log.Append(t.Context(), d); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var told []string
	var at []whatchanged.Position
	forgotten := false
	for after := (whatchanged.Position{}); len(told) < senders*each; {
		events, upTo, err := x.Following(t.Context(), after, 17)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			told, at = append(told, e.ID), append(at, e.Position)
		}
		after = upTo
		if !forgotten && len(told) > senders*each/2 { // the rest comes from history
			forgotten = true
			sending.Wait()
			x.forgets()
		}
	}
	if !slices.IsSortedFunc(at, whatchanged.Position.Compare) {
		t.Error("told out of order")
	}
	for from := range 5 { // and anew, from what memory has given back on
		var again []string
		first := from * 60
		for after := at[first]; len(again) < len(told)-first-1; {
			events, upTo, err := x.Following(t.Context(), after, 9+from*50)
			if err != nil {
				t.Fatal(err)
			}
			again, after = append(again, names(events)...), upTo
		}
		if !slices.Equal(again, told[first+1:]) {
			t.Errorf("after %v: %v, want %v", at[first], again, told[first+1:])
		}
	}
	slices.Sort(told)
	if told = slices.Compact(told); len(told) != senders*each {
		t.Errorf("%d told, want each of %d once", len(told), senders*each)
	}
}

// forgets lets memory give back all that was told so far.
func (r *running) forgets() {
	r.t.Helper()
	last, _, err := r.config.Log.Last(r.t.Context())
	if err == nil {
		err = r.Await(r.t.Context(), whatchanged.At(last))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.stored(whatchanged.At(last))
	r.clock.set(r.clock.Now().Add(r.config.Keep + time.Hour))
	if err := r.tidy(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if _, known := r.hot.Load().Horizon(); known != whatchanged.At(last) {
		r.t.Errorf("memory gave back up to %v, want %d", known, last)
	}
}
