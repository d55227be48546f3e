package whatchanged_test

import (
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

func TestGapSecondsAreRoundedUpToFourBits(t *testing.T) {
	for gap, want := range map[time.Duration]int{
		-time.Second: 0, 0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 15 * time.Second: 15, 16 * time.Second: 16, 17 * time.Second: 18,
		31 * time.Second: 32, 33 * time.Second: 36, time.Hour: 3840, 24 * time.Hour: 90112,
	} {
		if got := whatchanged.GapSeconds(gap); got != want || got < int(gap/time.Second) {
			t.Errorf("%v is %d, want %d", gap, got, want)
		}
	}
}

func TestTheUsualGap(t *testing.T) {
	for _, tt := range []struct {
		claim string
		gaps  whatchanged.Gaps
		want  time.Duration
		ok    bool
	}{
		{"of none nobody can say", nil, 0, false},
		{"nor of a few", whatchanged.Gaps{60: 19}, 0, false},
		{"what happened once is not usual", whatchanged.Gaps{1: 19, 60: 1}, time.Second, true},
		{"what happened twice is, if it took long", whatchanged.Gaps{1: 199, 3600: 2}, time.Hour, true},
		{"but not the longest of all, which may have been an outage", whatchanged.Gaps{1: 98, 60: 1, 3600: 1}, time.Minute, true},
		{"the nights of a sender of bursts are usual, though one gap in a hundred", whatchanged.Gaps{1: 3000, 45056: 29}, 45056 * time.Second, true},
		{"the weekends of one that sends all day are not, if they are one", whatchanged.Gaps{60: 30_000, 180224: 1}, time.Minute, true},
		{"nor are a few pauses that take little of the time", whatchanged.Gaps{60: 100_000, 600: 5}, time.Minute, true},
		{"of arrivals at one moment nothing is waited for", whatchanged.Gaps{0: 30}, 0, true},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if got, ok := tt.gaps.Usual(); got != tt.want || ok != tt.ok {
				t.Errorf("got %v, %t", got, ok)
			}
		})
	}
}

func TestGapsSinceIsAWholeDay(t *testing.T) {
	end := time.Date(2026, 3, 31, 23, 59, 0, 0, time.FixedZone("", 3600))
	if got := whatchanged.GapsSince(end); !got.Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("got %v", got)
	}
}
