package graph_test

import (
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph"
)

// FuzzParseOperations: no list makes it panic, and a refusal says so.
func FuzzParseOperations(f *testing.F) {
	for _, list := range []string{"", "{}", "query A {timeline(input:{}){total}}", `{"abc":"query A{...F} fragment F on Query{__typename}"}`, "fragment F on Query{...F} query A{...F}", `{"a":1}`, "{\"", "{timeline}"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		if _, err := graph.ParseOperations([]byte(list)); err != nil && whatchanged.CodeOf(err) != whatchanged.CodeInvalidArgument {
			t.Errorf("%q: %v", list, err)
		}
	})
}
