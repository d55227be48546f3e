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
		{"of twenty the longest", whatchanged.Gaps{1: 19, 60: 1}, time.Minute, true},
		{"of a hundred the longest but one", whatchanged.Gaps{1: 98, 60: 1, 3600: 1}, time.Minute, true},
		{"one of two hundred is not usual", whatchanged.Gaps{1: 199, 3600: 1}, time.Second, true},
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
