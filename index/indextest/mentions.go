package indextest

import (
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

func testMentions(t *testing.T, open Opener) {
	carrying := func(id string, at int, version, summary string, commits ...string) whatchanged.Event {
		e := change(id, web, at)
		e.Version, e.Summary, e.Commits = version, summary, commits
		return e
	}
	corrected := carrying("typo", 8, "", "Raise the cart timeout")
	corrected.Revision = 1
	log := each(
		carrying("a/1", 1, "v1.2.0", "Raise the Checkout timeout", "00ff00ff00ff00ff", "abcdef0123456789"),
		carrying("a/2", 2, "v1.2.0", "lower the TIMEOUT of checkout"),
		carrying("a/12", 3, "v1.2.0-rc1", "nothing to see: 100% of it's_fine", "00ff00f"),
		carrying("typo", 7, "", "Raise the crat timeout"),
		corrected,
		carrying("accent", 9, "", "Überprüfung der Straße"),
	)
	index := open(t, log)
	all := everything(log)
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.Mention
		want  string
		total int
	}{
		{"an id is its own mention", all, whatchanged.Mention{Text: "a/1", Limit: 9}, "a/1", 1},
		{"a version is found whole only", all, whatchanged.Mention{Text: "v1.2.0", Limit: 9}, "a/2 a/1", 2},
		{"seven digits name a commit", all, whatchanged.Mention{Text: "abcdef0", Limit: 9}, "a/1", 1},
		{"of any of the commits", all, whatchanged.Mention{Text: "00ff00f", Limit: 9}, "a/12 a/1", 2},
		{"a longer start narrows", all, whatchanged.Mention{Text: "00ff00ff0", Limit: 9}, "a/1", 1},
		{"six digits do not", all, whatchanged.Mention{Text: "abcdef", Limit: 9}, "", 0},
		{"nor what stands inside", all, whatchanged.Mention{Text: "bcdef0123", Limit: 9}, "", 0},
		{"all words must be there, in any order and case", all, whatchanged.Mention{Text: "timeout CHECKOUT", Limit: 9}, "a/2 a/1", 2},
		{"words may be parts of words", all, whatchanged.Mention{Text: "check rais", Limit: 9}, "a/1", 1},
		{"one word missing is too many", all, whatchanged.Mention{Text: "timeout payments", Limit: 9}, "", 0},
		{"no sign in a word has a meaning", all, whatchanged.Mention{Text: "100% it's_", Limit: 9}, "a/12", 1},
		{"and so not that of any other", all, whatchanged.Mention{Text: "l_wer", Limit: 9}, "", 0},
		{"case beyond ASCII is ignored too", all, whatchanged.Mention{Text: "überPRÜFUNG", Limit: 9}, "accent", 1},
		{"no words, no mentions", all, whatchanged.Mention{Text: "  ", Limit: 9}, "", 0},
		{"space around the text is no part of it", all, whatchanged.Mention{Text: " v1.2.0 ", Limit: 9}, "a/2 a/1", 2},
		{"what was corrected is not found by what it said", all, whatchanged.Mention{Text: "crat", Limit: 9}, "", 0},
		{"but was before", known(4), whatchanged.Mention{Text: "crat", Limit: 9}, "typo", 1},
		{"a later position is not known", known(1), whatchanged.Mention{Text: "timeout", Limit: 9}, "a/1", 1},
		{"nor a later moment seen", asOf(log, 1), whatchanged.Mention{Text: "timeout", Limit: 9}, "a/1", 1},
		{"an interval bounds", all, whatchanged.Mention{Text: "timeout", Interval: minutes(2, 8), Limit: 9}, "a/2", 1},
		{"a limit cuts and the total does not", all, whatchanged.Mention{Text: "timeout", Limit: 1}, "typo#1", 3},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			page := must[whatchanged.Page](t)(index.Mentions(t.Context(), test.view, test.ask))
			same(t, "events", identities(page.Events), strings.Fields(test.want))
			same(t, "total", page.Total, test.total)
		})
	}
}
