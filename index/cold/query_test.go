package cold

import (
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

// The text of a query is reviewed as SQL. All its values are parameters, so
// these few files are all the texts there are, but for the number of words.
func TestQueries(t *testing.T) {
	v := whatchanged.View{AsOf: time.Now(), KnownAt: whatchanged.At(1)}
	web := []whatchanged.Ref{{Kind: "service", Namespace: "shop", Name: "web"}}
	day := whatchanged.Interval{From: time.Now(), To: time.Now()}
	tests := []struct {
		name  string
		query *query
	}{
		{"changes.estate", composeChanges(v, whatchanged.Selection{Interval: day, Descending: true, Limit: 9}, false)},
		{"changes.entities", composeChanges(v, whatchanged.Selection{Entities: web, Interval: day, After: &whatchanged.Key{}, Limit: 9}, false)},
		{"changes.ids", composeChanges(v, whatchanged.Selection{IDs: []string{"a"}, Limit: 9}, false)},
		{"changes.total", composeChanges(v, whatchanged.Selection{Entities: web, After: &whatchanged.Key{}, Limit: 9}, true)},
		{"changes.kinds", composeChanges(v, whatchanged.Selection{Kinds: []whatchanged.EventKind{"flag"}, Steps: true, Seen: day, Limit: 9}, false)},
		{"each", composeSelection("each", v, whatchanged.Selection{Entities: web, After: &whatchanged.Key{}, Descending: true, Limit: 9}, false, trust{})},
		{"changes.stale", composeSelection("changes", v, whatchanged.Selection{Entities: web, Limit: 9}, false, trust{true, []revised{{"a", 0}}})},
		{"each.total", composeSelection("each", v, whatchanged.Selection{Entities: web, Limit: 9}, true, trust{})},
		{"states", composeStates(v, whatchanged.StateSelection{Limit: 9})},
		{"states.entities", composeStates(v, whatchanged.StateSelection{Entities: web, Kinds: []whatchanged.EventKind{"flag"}, Limit: 9})},
		{"states.trusting", composeTrustingStates(v, whatchanged.StateSelection{Entities: web, Limit: 9}, trust{Trusting: true})},
		{"states.stale", composeTrustingStates(v, whatchanged.StateSelection{Entities: web, Limit: 9}, trust{true, []revised{{"a", 0}}})},
		{"states.within", composeTrustingStates(whatchanged.View{KnownAt: whatchanged.Position{Sequence: 1}}, whatchanged.StateSelection{Entities: web, Limit: 9}, trust{Trusting: true})},
		{"states.prefixes", composeStates(v, whatchanged.StateSelection{Prefixes: []string{"config:shop/", "flag:shop/"}, Limit: 9})},
		{"states.both", composeStates(v, whatchanged.StateSelection{Entities: web, Prefixes: []string{"config:shop/"}, Limit: 9})},
		{"states.after", composeStates(v, whatchanged.StateSelection{Entities: web, After: &whatchanged.StateKey{}, Limit: 9})},
		{"mentions.words", composeMentions(v, whatchanged.Mention{Text: "cart timeout", Interval: day, Limit: 9}, false)},
		{"mentions.commit", composeMentions(v, whatchanged.Mention{Text: "abcdef0", Limit: 9}, true)},
		{"entities", composeEntities(v, whatchanged.EntitySelection{Refs: web, Kinds: []whatchanged.Kind{"service"}, Text: "web", Limit: 9})},
		{"following", composeFollowing(whatchanged.At(1), whatchanged.At(9), 9)},
		{"corrections", compose("corrections", nil)},
		{"revisions", compose("revisions", nil)},
		{"reach", compose("reach", nil)},
		{"edges", composeEdges(v, web, 9)},
		{"sources", composeSources(1, day)},
		{"gaps", compose("gaps", nil)},
		{"watermark", compose("watermark", lastDelivery{})},
		{"positionAt", compose("watermark", lastDelivery{Before: true})},
		{"snapshot.count", compose("snapshot_count", nil)},
		{"snapshot.events", compose("snapshot_events", snapshotEvents{})},
		{"snapshot.late", compose("snapshot_events", snapshotEvents{Late: true})},
		{"snapshot.places", compose("snapshot_places", nil)},
		{"snapshot.tellers", compose("snapshot_tellers", nil)},
		{"snapshot.owners", compose("snapshot_owners", nil)},
		{"snapshot.edges", compose("snapshot_edges", nil)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { golden(t, test.name+".sql", test.query.text) })
	}
}
