package whatchanged_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

// sha is a name of a commit that ends with a letter.
func sha(letter string) string { return strings.Repeat("0", 39) + letter }

// commit is an event of a commit, spelled "action version before others".
func commit(spelled string) *whatchanged.Event {
	words := strings.Fields(spelled)
	e := &whatchanged.Event{ID: spelled, Kind: whatchanged.Commit, Action: words[0], Version: sha(words[1]), Commits: []string{sha(words[1])}}
	if len(words) > 2 && words[2] != "-" {
		e.PreviousVersion = sha(words[2])
	}
	for _, w := range words[min(3, len(words)):] {
		if undone, ok := strings.CutPrefix(w, "reverts="); ok {
			e.Reverts = "git/shop/web/" + sha(undone)
			continue
		}
		e.Commits = append(e.Commits, sha(w))
	}
	return e
}

func TestAncestry(t *testing.T) {
	line := "landed a -; landed b a; landed c b; landed d c"
	for _, tt := range []struct {
		claim, events string
		built, commit string
		want          whatchanged.Ancestry
	}{
		{"a commit contains itself", "", "a", "a", whatchanged.Contains},
		{"a later landing contains an earlier one", line, "d", "b", whatchanged.Contains},
		{"an earlier one lacks a later one", line, "b", "d", whatchanged.Lacks},
		{"a gap in the chain is not guessed across", "landed a -; landed b a; landed d c", "d", "b", whatchanged.AncestryUnknown},
		{"nor is it the other way round", "landed a -; landed b a; landed d c", "b", "d", whatchanged.Lacks},
		{"what nobody told of is not known", line, "e", "b", whatchanged.AncestryUnknown},
		{"and the first landing lacks all else", line, "a", "e", whatchanged.Lacks},
		{"a merge contains what it merged", "landed a -; landed c a b", "c", "b", whatchanged.Contains},
		{"a branch for a fix lacks what landed after it was cut", line + "; landed f b", "f", "c", whatchanged.Lacks},
		{"and contains what landed before", line + "; landed f b", "f", "a", whatchanged.Contains},
		{"of what it merged besides, the history is not known", line + "; landed f b e", "f", "c", whatchanged.AncestryUnknown},
		{"a push contains all that it lists", "pushed c a b", "c", "b", whatchanged.Contains},
		{"and nothing more", "landed a -; landed 7 a; pushed c a b", "c", "7", whatchanged.Lacks},
		{"unless it was forced: what was there before is gone", "landed a -; landed b a; forced c b", "c", "b", whatchanged.AncestryUnknown},
		{"pushes are put on each other", "pushed b a; pushed d b c", "d", "a", whatchanged.Contains},
		{"what a pull request merged is in it", "pushed f e; merged 8 a f; pushed 9 8", "9", "e", whatchanged.Contains},
		{"a merge alone does not tell what it was put on", "merged 8 a f; landed b a", "8", "b", whatchanged.AncestryUnknown},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			var events []*whatchanged.Event
			for one := range strings.SplitSeq(tt.events, "; ") {
				if one != "" {
					events = append(events, commit(one))
				}
			}
			rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			if got := whatchanged.LandingsOf(events).Has(sha(tt.built), sha(tt.commit)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestLandingsNames(t *testing.T) {
	tag := commit("pushed b a")
	tag.Attributes = map[string]string{"tag": "v1"}
	long := &whatchanged.Event{Kind: whatchanged.Commit, Action: "landed", Version: "abcdef0123456789", PreviousVersion: sha("a")[:39] + "a"}
	l := whatchanged.LandingsOf([]*whatchanged.Event{commit("landed a -"), commit("landed b a"), commit("landed c b reverts=b"), tag, long})
	if got, ok := l.Tagged("v1"); !ok || got != sha("b") {
		t.Errorf("the tag is at %s", got)
	}
	moved := commit("pushed c b")
	moved.Attributes, moved.EffectiveAt = tag.Attributes, tag.EffectiveAt.Add(1)
	for _, order := range [][]*whatchanged.Event{{tag, moved}, {moved, tag}} {
		if got, _ := whatchanged.LandingsOf(order).Tagged("v1"); got != sha("c") {
			t.Errorf("a tag that moved is at %s", got)
		}
	}
	if got := l.Reverted(sha("b")); len(got) != 1 || got[0] != sha("c") {
		t.Errorf("reverted by %v", got)
	}
	if got := l.Full("abcdef0"); got != long.Version {
		t.Errorf("a short name stands for %s", got)
	}
	if got := l.Beginning("0000000"); len(got) != 3 || l.Full("0000000") != "0000000" {
		t.Errorf("three begin so, got %v", got)
	}
	if !l.Knows("abcdef0") || l.Knows("fffffff") {
		t.Error("what is known")
	}
}
