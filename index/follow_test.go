package index

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

// TestFirstAnswersBeforeAllIsLoaded: a process that has much to load answers
// from the latest of it and from history, the same as when all is loaded.
func TestFirstAnswersBeforeAllIsLoaded(t *testing.T) {
	before := run(t, Config{})
	var last whatchanged.Position
	var want []string
	for n := range 40 {
		id := fmt.Sprint("event-", n)
		last = before.told(event(id, before.ago(time.Duration(50-n)*time.Minute)))
		want = append(want, id)
	}
	before.stored(last)

	after := run(t, Config{Log: before.config.Log, Cold: before.config.Cold, FirstLoad: 10})
	all := whatchanged.Interval{From: before.ago(time.Hour), To: before.started}
	if got := after.found(last, all, ""); got != strings.Join(want, " ") {
		t.Errorf("at first found %s, want %s", got, want)
	}
	if got := after.found(whatchanged.At(20), all, ""); got != strings.Join(want[:20], " ") {
		t.Errorf("as far as was known half way, found %s, want %s", got, want[:20])
	}
	until(t, "the hot tier reaches back as far as it should", func(ctx context.Context) bool {
		return after.Tiers(ctx).Horizon.Equal(after.horizon(time.Hour))
	})
	if reach, err := after.firstReach(t.Context()); reach != 15*time.Minute || err != nil {
		t.Errorf("of 40 events in an hour, 10 are loaded first: it reaches %v back, error %v", reach, err)
	}
	again := after.told(event("new", before.ago(time.Minute)))
	if got := after.found(again, all, ""); got != strings.Join(append(want, "new"), " ") {
		t.Errorf("then found %s, want %s and new", got, want)
	}
}
