package resolvers_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/fixtures/received"
	"whatchanged.dev/whatchanged/resolvers"
)

// estate is the small shop of the demo, through the sources.
func estate(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.take(received.Estate(t, noon))
	return w
}

// take appends deliveries as the sources read them.
func (w *world) take(deliveries []whatchanged.Delivery) {
	w.log = append(w.log, deliveries...)
	w.Apply(deliveries)
}

// cases are questions about the estate with a culprit that is known. The
// culprit is an entity in a region; its best rank counts.
var cases = []struct {
	name            string
	ask             arguments
	culprit, region string
}{
	{"checkout, all that is known", arguments{"scope": []any{"checkout"}, "environment": "production", "regions": []any{"eu-west-1"}, "onset": when(42)}, "flag:payments/deep-fraud-check", "eu-west-1"},
	{"checkout, by its incident", arguments{"scope": []any{"checkout"}, "regions": []any{"eu-west-1"}, "onset": "inc:INC-2041"}, "flag:payments/deep-fraud-check", "eu-west-1"},
	{"checkout, no region", arguments{"scope": []any{"checkout"}, "onset": when(42)}, "flag:payments/deep-fraud-check", "eu-west-1"},
	{"checkout, no onset", arguments{"scope": []any{"checkout"}, "environment": "production", "regions": []any{"eu-west-1"}}, "flag:payments/deep-fraud-check", "eu-west-1"},
	{"payments itself", arguments{"scope": []any{"payments"}, "regions": []any{"eu-west-1"}, "onset": when(42)}, "flag:payments/deep-fraud-check", "eu-west-1"},
	{"web, where it was seen", arguments{"scope": []any{"web"}, "regions": []any{"eu-west-1"}, "onset": when(42), "hops": 3}, "flag:payments/deep-fraud-check", "eu-west-1"},
	{"anywhere in the region", arguments{"environment": "production", "regions": []any{"eu-west-1"}, "onset": when(42)}, "flag:payments/deep-fraud-check", "eu-west-1"},
}

// TestRanks asks the estate who is to blame and compares the ranks of the true
// culprits with those committed: a worse ranking must show in review.
func TestRanks(t *testing.T) {
	w := estate(t)
	var b strings.Builder
	top, sum := map[int]int{1: 0, 3: 0, 5: 0}, 0.0
	for _, c := range cases {
		c.ask["limit"] = 100
		a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, c.ask))
		adds(t, a)
		rank := 1 + slices.IndexFunc(a.Items, func(s resolvers.Suspect) bool {
			return s.Change.Entity == ref(c.culprit) && s.Change.Placement.Region == c.region
		})
		fmt.Fprintf(&b, "%-30s %2d of %2d\n", c.name, rank, a.Total)
		for n := range top {
			if rank >= 1 && rank <= n {
				top[n]++
			}
		}
		if rank > 0 {
			sum += 1 / float64(rank)
		}
	}
	n := float64(len(cases))
	for _, k := range slices.Sorted(maps.Keys(top)) {
		fmt.Fprintf(&b, "top-%d %.2f\n", k, float64(top[k])/n)
	}
	fmt.Fprintf(&b, "mrr   %.3f\nof    %d\n", sum/n, len(cases))
	golden(t, "../fixtures/incidents/ranks.golden", b.String())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(file[:strings.LastIndexByte(file, '/')], 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not up to date; -update writes it (-want +got):\n%s", file, diff)
	}
}
