package eval

import (
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

func TestReasons(t *testing.T) {
	for _, tt := range []struct{ claim, message, want string }{
		{"what is said below the title", "Revert \"Tune the pool\"\n\nThis reverts commit 0123456789abcdef0123456789abcdef01234567.\n\nReason for revert: timeouts on checkout since then", "Reason for revert: timeouts on checkout since then"},
		{"not the title, again", "Revert \"Tune the pool\"\n\nTune the pool broke the checkout", "broke the checkout"},
		{"nor links, hashes, tickets, mentions", "Revert\n\nSee https://ci.example/1, abcdef1234 and OPS-12 (#44): @ann saw 500s", "See and ( ): saw 500s"},
		{"nor who wrote it", "Revert\n\nAnn Miller's change broke login", "'s change broke login"},
		{"nor trailers", "Revert\n\nbroke login\n\nSigned-off-by: Ann <ann@example.com>\nChange-Id: I0123", "broke login"},
		{"nothing, when nothing is said", "Revert \"Tune the pool\"\n\nReverts acme/shop#12", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if got := reasonOf(tt.message, "Tune the pool", "Ann Miller"); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestRevertsBecomeIncidents(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	landing := func(id string, hour int, reverts string) whatchanged.Event {
		return whatchanged.Event{ID: id, Kind: whatchanged.Commit, Summary: "change " + id, EffectiveAt: at.Add(time.Duration(hour) * time.Hour), Reverts: reverts}
	}
	events := []whatchanged.Event{landing("a", 0, ""), landing("b", 1, ""), landing("c", 2, ""), landing("r1", 5, "a"), landing("r2", 6, "b"),
		landing("r3", 7, "c"), landing("again", 8, "r1"), landing("late", 24*30, "c"), landing("elsewhere", 9, "unknown")}
	part := landing("r1/part", 5, "a")
	part.Parent = "r1"
	events = append(events, part)
	why := func(text string) Reason { return Reason{"ann", "Revert\n\n" + text} }
	w, unsaid := GitWorld("git", events, map[string]Reason{"r1": why("it broke the login"), "r2": why("the migration is over"), "r3": why(""),
		"again": why("it was not to blame"), "late": why("a month later it broke"), "elsewhere": why("it broke the login")})
	if len(w.Cases) != 1 || w.Cases[0].Name != "r1" || w.Cases[0].Truth[0] != "a" || w.Cases[0].Delay != 5*time.Hour || w.Cases[0].Text != "it broke the login" || unsaid != 1 {
		t.Errorf("%+v, %d without a reason", w.Cases, unsaid)
	}
}
