package ingest

import (
	"fmt"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

// TestWhatIsStoredIsRememberedUntilMemoryTellsOfIt, and never without bound.
func TestWhatIsStoredIsRememberedUntilMemoryTellsOfIt(t *testing.T) {
	start := time.Date(2026, 3, 1, 3, 10, 0, 0, time.UTC)
	c := newClaims()
	memory := map[string]whatchanged.Position{}
	recent := func(ids []string) map[string]whatchanged.Position {
		found := map[string]whatchanged.Position{}
		for _, id := range ids {
			if at, ok := memory[id]; ok {
				found[id] = at
			}
		}
		return found
	}
	remembered := func(id string) bool {
		known := map[string]whatchanged.Position{}
		c.recall([]string{id}, known)
		return len(known) == 1
	}
	c.remember([]whatchanged.Event{{ID: "a"}, {ID: "b"}}, whatchanged.At(1), start)
	c.remember([]whatchanged.Event{{ID: "c"}}, whatchanged.At(2), start.Add(time.Minute))

	c.forget(recent, start)
	if !remembered("a") || !remembered("b") || !remembered("c") {
		t.Error("forgotten before memory told of it")
	}
	memory["a"] = whatchanged.At(1)
	c.forget(recent, start)
	if remembered("a") || remembered("b") || !remembered("c") {
		t.Error("of two deliveries memory told of the first")
	}
	c.forget(recent, start.Add(time.Hour))
	if remembered("c") {
		t.Error("remembered beyond the window in which the log's readers drop it")
	}
	for i := range maxStored + 5 {
		c.remember([]whatchanged.Event{{ID: fmt.Sprint(i)}}, whatchanged.At(3), start)
	}
	c.forget(recent, start)
	if len(c.stored) != maxStored || remembered("4") || !remembered("5") {
		t.Errorf("%d identities are remembered, want the latest %d", len(c.stored), maxStored)
	}
	if len(c.taken) != 0 {
		t.Error("claimed by nobody")
	}
}
