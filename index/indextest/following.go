package indextest

import (
	"fmt"
	"testing"

	"whatchanged.dev/whatchanged"
)

// testFollowing reads whole logs in their order, in pages of every size: what
// is told is all of it, once, whatever took effect when or was corrected.
func testFollowing(t *testing.T, open Opener, o Options) {
	fixed := change("a", web, 40)
	fixed.Revision = 1
	corrected := history([]whatchanged.Event{change("a", web, 30), change("b", cart, 10)}, nil, nil, nil, nil, []whatchanged.Event{change("late", web, 1)}, []whatchanged.Event{fixed}, nil)
	for name, log := range map[string][]whatchanged.Delivery{"corrections, late events and deliveries without any": corrected, "a world": World(max(o.Seed, 1), 40)} {
		t.Run(name, func(t *testing.T) {
			index := open(t, log)
			all := Oracle(log).told(everything(log))
			for _, limit := range []int{1, 3, 1000} {
				for _, from := range []whatchanged.Position{{}, {Sequence: 1}, whatchanged.At(1), whatchanged.At(uint64(len(log) / 2))} {
					t.Run(fmt.Sprintf("%d at a time after %v", limit, from), func(t *testing.T) {
						var want []string
						for i := range all {
							if all[i].Position.Compare(from) > 0 {
								want = append(want, all[i].Position.String()+" "+all[i].Identity())
							}
						}
						same(t, "told", follow(t, index, from, whatchanged.At(uint64(len(log))), limit), want)
					})
				}
			}
		})
	}
}

// follow reads from a position on up to the end.
func follow(t *testing.T, index Index, after, end whatchanged.Position, limit int) (told []string) {
	for after.Compare(end) < 0 {
		events, upTo, err := index.Following(t.Context(), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) > limit || upTo.Compare(after) <= 0 {
			t.Fatalf("%d events after %v, all up to %v", len(events), after, upTo)
		}
		for _, e := range events {
			if e.Position.Compare(upTo) > 0 {
				t.Errorf("%v is told beyond %v", e.Position, upTo)
			}
			told = append(told, e.Position.String()+" "+e.Identity())
		}
		after = upTo
	}
	return told
}
