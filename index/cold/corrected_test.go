package cold

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

// A correctedKey is a setting whose history is told and read.
type correctedKey struct {
	t    *testing.T
	w    *Writer
	r    *Reader
	noon time.Time
	ref  whatchanged.Ref
}

func newCorrectedKey(t *testing.T) *correctedKey {
	s := newStore(t)
	return &correctedKey{t, s.openWriter(t), s.openReader(t), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), whatchanged.Ref{Kind: whatchanged.KindConfig, Namespace: "shop", Name: "timeout"}}
}

func (k *correctedKey) tell(sequence uint64, id string, revision, minute int, value string) {
	k.t.Helper()
	at := k.noon.Add(time.Duration(minute) * time.Minute)
	write(k.t, k.w, []whatchanged.Delivery{{Sequence: sequence, Source: "git", ReceivedAt: at, Outcome: whatchanged.Accepted, Events: []whatchanged.Event{{
		ID: id, Revision: revision, Position: whatchanged.Position{Sequence: sequence}, Source: "git", Kind: whatchanged.Config, Action: "changed", Entity: k.ref,
		EffectiveAt: at, SeenAt: at, Clock: whatchanged.SourceClock, After: whatchanged.Value(value),
	}}}})
}

func (k *correctedKey) holds(known uint64, want string) {
	k.t.Helper()
	v := whatchanged.View{AsOf: k.noon.Add(time.Hour), KnownAt: whatchanged.At(known)}
	found := must[[]*whatchanged.Event](k.t)(k.r.States(k.t.Context(), v, whatchanged.StateSelection{Entities: []whatchanged.Ref{k.ref}, Limit: 9}))
	if len(found) != 1 || string(found[0].After) != want {
		k.t.Errorf("known at %d: found %v, want one event with %s", known, found, want)
	}
}

// A reader that has looked for corrections already must see those that come
// later, and only in views that know of them.
func TestWhatIsCorrectedAfterTheFirstReadIsTaken(t *testing.T) {
	k := newCorrectedKey(t)
	k.tell(1, "a", 0, 0, "1")
	k.tell(2, "b", 0, 10, "2")
	k.holds(2, "2")
	k.tell(3, "b", 1, -10, "3") // it was not after a, but before
	k.holds(3, "1")
	k.holds(2, "2")
	k.tell(4, "a", 1, 5, "4")
	k.holds(4, "4")
	k.holds(3, "1")
}

// However many events in a row were moved back, what stands before them holds.
func TestWhatStandsBeforeManyCorrectedHolds(t *testing.T) {
	k := newCorrectedKey(t)
	k.tell(1, "a", 0, 0, "1")
	last := uint64(1)
	for i := range 2 * trusted {
		k.tell(last+1, fmt.Sprint("moved", i), 0, 10+i, "2")
		k.tell(last+2, fmt.Sprint("moved", i), 1, -10-i, "3")
		last += 2
		k.holds(last, "1")
	}
	k.holds(last-1, "2")
}

// Who waits for somebody else to read the corrections waits no longer than they
// want.
func TestWaitingForCorrectionsEndsWithWhoWaits(t *testing.T) {
	k := newCorrectedKey(t)
	k.tell(1, "a", 0, 0, "1")
	k.r.corrections.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.r.corrected(ctx, whatchanged.View{KnownAt: whatchanged.At(1)}, []*whatchanged.Event{{ID: "a"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("while another reads: %v, want that the wait was cancelled", err)
	}
	<-k.r.corrections.turn
	k.holds(1, "1")
}
