package cold

import (
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

// A reader that has looked for corrections already must see those that come
// later, and only in views that know of them.
func TestWhatIsCorrectedAfterTheFirstReadIsTaken(t *testing.T) {
	s := newStore(t)
	w, r := s.openWriter(t), s.openReader(t)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := whatchanged.Ref{Kind: whatchanged.KindConfig, Namespace: "shop", Name: "timeout"}
	tell := func(sequence uint64, id string, revision int, minute int, value string) {
		at := noon.Add(time.Duration(minute) * time.Minute)
		write(t, w, []whatchanged.Delivery{{Sequence: sequence, Source: "git", ReceivedAt: at, Outcome: whatchanged.Accepted, Events: []whatchanged.Event{{
			ID: id, Revision: revision, Position: whatchanged.Position{Sequence: sequence}, Source: "git", Kind: whatchanged.Config, Action: "changed", Entity: key,
			EffectiveAt: at, SeenAt: at, Clock: whatchanged.SourceClock, After: whatchanged.Value(value),
		}}}})
	}
	holds := func(known uint64, want string) {
		t.Helper()
		v := whatchanged.View{AsOf: noon.Add(time.Hour), KnownAt: whatchanged.At(known)}
		found := must[[]*whatchanged.Event](t)(r.States(t.Context(), v, whatchanged.StateSelection{Entities: []whatchanged.Ref{key}, Limit: 9}))
		if len(found) != 1 || string(found[0].After) != want {
			t.Errorf("known at %d: found %v, want one event with %s", known, found, want)
		}
	}
	tell(1, "a", 0, 0, "1")
	tell(2, "b", 0, 10, "2")
	holds(2, "2")
	tell(3, "b", 1, -10, "3") // it was not after a, but before
	holds(3, "1")
	holds(2, "2")
	tell(4, "a", 1, 5, "4")
	holds(4, "4")
	holds(3, "1")
}
