package resolvers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

func find(t testing.TB, w *world, args arguments) (*resolvers.Find, error) {
	t.Helper()
	return ask[*resolvers.Find](t, w, "find", args)
}

func TestFind(t *testing.T) {
	const sha = "0123456789abcdef0123456789abcdef01234567"
	released := func(e *whatchanged.Event) {
		e.Version, e.Commits, e.Summary = "v1.42", []string{"ffff", sha}, "Raise the Checkout timeout"
	}
	w := newWorld(t, deployed("ci/1", "service:shop/cart", 30, released), deployed("ci/2", "service:shop/cart-api", 20, summary("checkout again")),
		deployed("ci/3", "flag:shop/new-cart", 10, kind(whatchanged.Flag)), deployed("ci/4", "service:cart/web", 5), deployed("ci/5", "repository:shop/cart", 4))
	for _, tt := range []struct {
		claim, query string
		args         arguments
		want         string
	}{
		{"entities by how well they match, then by reference", "cart", nil,
			"repository:shop/cart service:shop/cart service:shop/cart-api flag:shop/new-cart service:cart/web"},
		{"in any case", "  CART-api ", nil, "service:shop/cart-api"},
		{"a whole reference first", "service:shop/cart", nil, "service:shop/cart service:shop/cart-api"},
		{"only of the kinds asked", "cart", arguments{"kinds": []any{"Flag"}}, "flag:shop/new-cart"},
		{"a change by its id", "ci/3", nil, "ci/3"},
		{"by its version", "v1.42", nil, "ci/1"},
		{"by the start of a commit", sha[:7], nil, "ci/1"},
		{"in any case", strings.ToUpper(sha[:12]), nil, "ci/1"},
		{"by a whole commit", sha, nil, "ci/1"},
		{"not by fewer than 7 digits", sha[:6], nil, ""},
		{"by all the words of its summary, in any order", "timeout checkout", nil, "ci/1"},
		{"latest first", "checkout", nil, "ci/2 ci/1"},
		{"changes of entities of the kinds asked", "checkout", arguments{"kinds": []any{"flag"}}, ""},
		{"changes of the window asked", "checkout", arguments{"since": when(25)}, "ci/2"},
		{"half open", "checkout", arguments{"since": when(30), "until": when(20)}, "ci/1"},
		{"as was known", "cart", arguments{"knownAt": "pos:1"}, "service:shop/cart"},
		{"nothing", "nobody", nil, ""},
	} {
		t.Run(tt.claim+" "+tt.query, func(t *testing.T) {
			args := arguments{"query": tt.query}
			for k, v := range tt.args {
				args[k] = v
			}
			a := must[*resolvers.Find](t)(find(t, w, args))
			if got := strings.Join(a.IDs(), " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if tt.want == "" && !strings.Contains(a.Verdict, "Nothing recorded carries") {
				t.Errorf("verdict %q", a.Verdict)
			}
			if a.Total != len(a.Items) {
				t.Errorf("%d items of %d", len(a.Items), a.Total)
			}
		})
	}
	for _, query := range []string{"", "  ", strings.Repeat("ä", 201)} {
		_, err := find(t, w, arguments{"query": query})
		refused(t, err, whatchanged.CodeInvalidArgument, "query")
	}
	if _, err := find(t, w, arguments{"query": strings.Repeat("ä", 200)}); err != nil {
		t.Error(err)
	}
}

func TestFindCountsWhatItDoesNotList(t *testing.T) {
	w := newWorld(t)
	for i := range 210 {
		w.tell(deployed(fmt.Sprint("d", i), "web", float64(i+1), summary("raise")))
	}
	w.tell(deployed("f", "flag:shop/f", 1, summary("raise")))
	a := must[*resolvers.Find](t)(find(t, w, arguments{"query": "raise", "limit": 100}))
	if a.Total != 211 || !a.Truncated || len(a.Excluded) != 1 || a.Excluded[0].Reason != resolvers.ReasonBeyondLimit || a.Excluded[0].Count != 11 {
		t.Errorf("%d in all, excluded %+v", a.Total, a.Excluded)
	}
	b := must[*resolvers.Find](t)(find(t, w, arguments{"query": "raise", "kinds": []any{"service"}}))
	if slices.Contains(b.IDs(), "f") || b.Excluded[1].Reason != resolvers.ReasonOtherKind || b.Total != 210 {
		t.Errorf("%d in all, excluded %+v", b.Total, b.Excluded)
	}
}
