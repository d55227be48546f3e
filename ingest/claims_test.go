package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
	"whatchanged.dev/whatchanged/ingest"
)

// TestSendersAtOnceTellAnEventOnce: every sender brings the same events, recent
// and old, and one of its own. Memory tells of none of them.
func TestSendersAtOnceTellAnEventOnce(t *testing.T) {
	const senders = 32
	d := newDesk(t)
	answers := make([]answer, senders)
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() { answers[i] = d.post(batch(fmt.Sprintf("own%d@-1m", i), "shared@-1m", "old@-9h", "timeless")) })
	}
	all.Wait()
	events := 0
	for i, a := range answers {
		if a.Status != 202 || a.Events+a.Duplicates != 4 {
			t.Errorf("sender %d: %+v", i, a)
		}
		events += a.Events
	}
	if events != senders+3 {
		t.Errorf("the senders were told of %d new events, want %d", events, senders+3)
	}
	log := ids(d.stored())
	for _, id := range []string{"shared", "old", "timeless"} {
		if n := strings.Count(log, " "+id); n != 1 {
			t.Errorf("the log holds %s %d times: %s", id, n, log)
		}
	}
}

// held is a log whose first append waits, and then fails.
type held struct {
	*changelog.Log
	later   atomic.Bool
	arrived chan struct{}
	fail    chan struct{}
}

func (h *held) Append(ctx context.Context, d whatchanged.Delivery) (r whatchanged.Receipt, _ error) {
	if h.later.Swap(true) {
		return h.Log.Append(ctx, d)
	}
	close(h.arrived)
	<-h.fail
	return r, whatchanged.Errorf(whatchanged.CodeUnavailable, "the log is full")
}

func TestWhenTheFirstIsNotStoredTheSecondIs(t *testing.T) {
	h := &held{arrived: make(chan struct{}), fail: make(chan struct{})}
	d := newDesk(t, func(c *ingest.Config) { h.Log, c.Log = c.Log.(*changelog.Log), h })
	first, second := make(chan answer), make(chan answer)
	go func() { first <- d.post(batch("a@-1m", "b@-1m")) }()
	<-h.arrived
	go func() { second <- d.post(batch("c@-1m", "b@-1m")) }()
	if got := d.post(batch("d@-1m")); got.Status != 202 {
		t.Errorf("one that shares nothing with it waits for nobody: %+v", got)
	}
	close(h.fail)
	if got := <-first; got.Status != 503 {
		t.Errorf("first: %+v", got)
	}
	if got := <-second; got.Status != 202 || got.Events != 2 {
		t.Errorf("second: %+v", got)
	}
	if got := ids(d.stored()); got != "a d, a c b" {
		t.Errorf("the log holds %q", got)
	}
}

func TestWhoCannotWaitIsAskedToSendAgain(t *testing.T) {
	h := &held{arrived: make(chan struct{}), fail: make(chan struct{})}
	d := newDesk(t, func(c *ingest.Config) { h.Log, c.Log = c.Log.(*changelog.Log), h })
	done := make(chan answer)
	go func() { done <- d.post(batch("a@-1m")) }()
	<-h.arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	body := batch("a@-1m")
	_, err := d.Accept(ctx, "plain", whatchanged.Delivery{Header: map[string]string{"x-signature": sign(secret, []byte(body))}, Body: []byte(body)})
	if !errors.Is(err, whatchanged.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	close(h.fail)
	<-done
}
