package resolvers_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged/fixtures"
	"whatchanged.dev/whatchanged/fixtures/received"
	"whatchanged.dev/whatchanged/resolvers"
)

// twoServices is what senders really send of two services that are built from
// one repository, whose history is as it is read from git.
func twoServices(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, line()...)
	archive, err := os.ReadFile("testdata/two-services.txtar")
	if err != nil {
		t.Fatal(err)
	}
	requests, err := fixtures.Requests(archive, noon)
	if err != nil {
		t.Fatal(err)
	}
	w.take(received.Deliveries(t, uint64(len(w.log)), noon.Add(-1), requests))
	return w
}

// TestFindCommitAsSendersTellIt follows a commit through time, by what GitHub
// and a pipeline that speaks CDEvents send.
func TestFindCommitAsSendersTellIt(t *testing.T) {
	w := twoServices(t)
	var b strings.Builder
	for _, minutes := range []float64{320, 290, 119, 105, 90, 45, 28, 0} {
		a := must[*resolvers.FindCommit](t)(findCommit(t, w, arguments{"commit": "OPS-7", "asOf": when(minutes)}))
		verdict, _, _ := strings.Cut(a.Verdict, " Coverage: ")
		fmt.Fprintf(&b, "%.0f minutes ago: %s\n", minutes, verdict)
		for _, p := range a.Items {
			fmt.Fprintf(&b, "  %s %v: %s, %s %v\n", p.Service.Name, p.Placement, p.State, p.Why, p.Evidence)
		}
		r := must[*resolvers.Rollouts](t)(rollouts(t, w, arguments{"asOf": when(minutes), "state": "ALL"}))
		for i := range r.Items {
			fmt.Fprintf(&b, "  rollout %v\n", strings.Join(r.Table().Rows[i][1:9], " | "))
		}
	}
	golden(t, "testdata/two-services.golden", b.String())
}
