package changelog

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
)

// Readers that begin anywhere, one window earlier, drop the same events as
// one that has read everything.
func TestTheSieveDoesNotDependOnWhereAReaderBegins(t *testing.T) {
	const window = time.Hour
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var log []whatchanged.Delivery
	at := start
	for seq := range uint64(600) {
		at = at.Add(time.Duration(random.IntN(int(4 * time.Minute))))
		d := whatchanged.Delivery{}
		for range random.IntN(4) {
			d.Events = append(d.Events, whatchanged.Event{ID: fmt.Sprint(random.IntN(60))})
		}
		stamp(&d, seq+1, at)
		log = append(log, d)
	}
	read := func(from int) (kept []whatchanged.Position) {
		s := newSieve(window)
		for i, d := range log {
			if !d.ReceivedAt.After(log[from].ReceivedAt.Add(-window)) {
				continue
			}
			d.Events = append([]whatchanged.Event(nil), d.Events...)
			if s.pass(&d); i >= from {
				for _, e := range d.Events {
					kept = append(kept, e.Position)
				}
			}
		}
		if len(s.seen) > len(s.queue) {
			t.Errorf("%d remembered, %d in the queue: some are never forgotten", len(s.seen), len(s.queue))
		}
		return kept
	}
	all := read(0)
	if len(all) == 0 || len(all) > 700 {
		t.Fatalf("%d events kept of some 900", len(all))
	}
	for from := 1; from < len(log); from += 37 {
		var want []whatchanged.Position
		for _, p := range all {
			if p.Sequence >= log[from].Sequence {
				want = append(want, p)
			}
		}
		if diff := cmp.Diff(want, read(from)); diff != "" {
			t.Fatalf("from %d: %s", from, diff)
		}
	}
}

func TestTheSieveForgetsAfterTheWindow(t *testing.T) {
	s := newSieve(time.Hour)
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		after time.Duration
		kept  bool
	}{{0, true}, {59 * time.Minute, false}, {118 * time.Minute, false}, {178 * time.Minute, true}} {
		d := whatchanged.Delivery{Events: []whatchanged.Event{{ID: "a"}}}
		stamp(&d, uint64(i+1), start.Add(c.after))
		if s.pass(&d); (len(d.Events) == 1) != c.kept {
			t.Errorf("after %v: kept %t, want %t", c.after, len(d.Events) == 1, c.kept)
		}
	}
}
