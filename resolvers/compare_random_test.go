package resolvers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/indextest"
	"whatchanged.dev/whatchanged/resolvers"
)

// randomWorld is a small estate with a history at random.
func randomWorld(t *testing.T, seed int64) (*world, indextest.Oracle) {
	w := newWorld(t)
	w.log = indextest.World(seed, 200)
	w.Apply(w.log)
	return w, indextest.Oracle(w.log)
}

// randomSides are sides of which each is compared with each.
func randomSides(seed int64) []map[string]any {
	at := noon.Add(-whatchanged.Resolution).Format("2006-01-02T15:04:05Z07:00")
	return []map[string]any{{}, {"region": "eu-west-1"}, {"region": "us-east-1"}, {"asOf": fmt.Sprintf("-%dm", 300+seed*20)}, {"environment": "prod", "asOf": at},
		{"region": "eu-west-1", "asOf": "-6h"}, {"source": "github"}, {"source": "argocd"}, {"namespace": "shop"}, {"namespace": "shop-eu"}, {"live": true}}
}

func TestCompareWithItselfIsEmptyAndSwappedMirrors(t *testing.T) {
	for seed := range int64(5) {
		w, _ := randomWorld(t, seed)
		for _, left := range randomSides(seed) {
			for _, right := range randomSides(seed) {
				a := must[*resolvers.Compare](t)(compare(t, w, arguments{"left": left, "right": right, "limit": 500}))
				if fmt.Sprint(left) == fmt.Sprint(right) && len(a.Items) > 0 {
					t.Fatalf("seed %d: %v differs from itself: %s", seed, left, differences(a))
				}
				b := must[*resolvers.Compare](t)(compare(t, w, arguments{"left": right, "right": left, "limit": 500}))
				if diff := cmp.Diff(sketches(a, false), sketches(b, true)); diff != "" || a.Compared != b.Compared {
					t.Fatalf("seed %d: %v and %v, swapped, do not mirror (%d, %d compared):\n%s", seed, left, right, a.Compared, b.Compared, diff)
				}
			}
		}
	}
}

// sketches are the differences in an order of their own, the sides swapped if
// asked.
func sketches(a *resolvers.Compare, swapped bool) (all []string) {
	for _, d := range a.Items {
		l, r := d.Left, d.Right
		l.Entity, r.Entity = nil, nil
		if swapped {
			l, r = r, l
			d.LastWritten = map[string]string{"left": "right", "right": "left"}[d.LastWritten]
		}
		to := whatchanged.Ref{}
		if d.To != nil {
			to = whatchanged.Ref{Kind: d.To.Kind, Name: d.To.Name}
		}
		sides, _ := json.Marshal([]any{l, r, d.Differs, to.Kind, to.Name, d.Placement, d.Drift, d.Since, d.LastWritten})
		all = append(all, fmt.Sprint(d.Entity.Kind, d.Entity.Name, d.Kind, string(sides)))
	}
	slices.Sort(all)
	return all
}

// TestCompareIsTheNaiveDiff: of two regions, against plain loops over what
// the oracle says holds.
func TestCompareIsTheNaiveDiff(t *testing.T) {
	for seed := range int64(20) {
		w, oracle := randomWorld(t, seed)
		a := must[*resolvers.Compare](t)(compare(t, w, arguments{"left": map[string]any{"region": "eu-west-1"}, "right": map[string]any{"region": "us-east-1"}, "limit": 500}))
		var got []string
		for _, d := range a.Items {
			to := ""
			if d.To != nil {
				to = d.To.String()
			}
			got = append(got, fmt.Sprint(d.Entity, " ", d.Kind, " ", to, " ", strings.Join(d.Differs, "+"), " ", d.Drift))
		}
		slices.Sort(got)
		want := naiveDiff(t, oracle)
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 10 {
			t.Fatalf("seed %d (-naive +compare):\n%s", seed, diff)
		}
	}
}

// naiveDiff compares eu-west-1 and us-east-1 of the one environment there is.
func naiveDiff(t *testing.T, oracle indextest.Oracle) (all []string) {
	v := whatchanged.View{AsOf: noon, KnownAt: whatchanged.At(uint64(len(oracle)))}
	states := must[[]*whatchanged.Event](t)(oracle.States(t.Context(), v, whatchanged.StateSelection{Limit: 1e6}))
	edges := must[whatchanged.Page](t)(oracle.Changes(t.Context(), v, whatchanged.Selection{Kinds: []whatchanged.EventKind{whatchanged.Topology}, Limit: 1e6}))
	type id struct{ what, region string }
	declared, live, things := map[id]*whatchanged.Event{}, map[id]*whatchanged.Event{}, map[string]*whatchanged.Event{}
	for _, e := range append(states, edges.Events...) {
		what, into := fmt.Sprint(e.Entity, " ", e.Kind, " "), declared
		if e.Dependency != nil {
			what += fmt.Sprint(e.Dependency.To, " ", e.Dependency.Evidence)
		} else if e.Kind == whatchanged.Topology {
			continue
		} else if e.Action == whatchanged.ActionObserved {
			into = live
		}
		into[id{what, e.Placement.Region}], things[what] = e, e
	}
	for what, e := range things {
		of := func(from map[id]*whatchanged.Event, region string) *whatchanged.Event {
			own, base := from[id{what, region}], from[id{what, ""}]
			for _, e := range []*whatchanged.Event{own, base} {
				if e != nil && (e.Dependency == nil || !e.Dependency.Removed) {
					return e
				}
			}
			return nil
		}
		if line := naiveLine(of(declared, "eu-west-1"), of(declared, "us-east-1"), of(live, "eu-west-1"), of(live, "us-east-1"), of(declared, "")); line != "" {
			to := ""
			if e.Dependency != nil {
				to, line = e.Dependency.To.String(), strings.Replace(line, "MISSING", "DEPENDENCY", 1)
			}
			all = append(all, fmt.Sprint(e.Entity, " ", e.Kind, " ", to, " ", line))
		}
	}
	slices.Sort(all)
	return all
}

// naiveLine says how two values differ and whether that is drift.
func naiveLine(l, r, liveL, liveR, base *whatchanged.Event) string {
	if l == nil {
		l, liveL = liveL, nil
	}
	if r == nil {
		r, liveR = liveR, nil
	}
	switch {
	case l == nil && r == nil:
		return ""
	case l == nil || r == nil:
		return "MISSING true"
	}
	actual := func(declared, live *whatchanged.Event) *whatchanged.Event {
		if live != nil && naiveDiffers(declared, live) != "" {
			return live
		}
		return declared
	}
	differs, actually := naiveDiffers(l, r), naiveDiffers(actual(l, liveL), actual(r, liveR))
	if actual(l, liveL) == l && actual(r, liveR) == r {
		actually = ""
	}
	switch {
	case differs != "":
		return fmt.Sprint(differs, " ", base == nil || actually != "")
	case actually != "":
		return actually + " true"
	}
	return ""
}

func naiveDiffers(e, f *whatchanged.Event) string {
	if e.Dependency != nil {
		return ""
	}
	var all []string
	if deployed := e.Kind == whatchanged.Deployment; !deployed && (e.After != nil) != (f.After != nil) || e.After != nil && f.After != nil && string(e.After) != string(f.After) {
		if deployed || e.After != nil && f.After != nil {
			all = append(all, "VALUE")
		}
	}
	if (e.Kind == whatchanged.Deployment || e.After == nil || f.After == nil) && e.Version != f.Version {
		all = append(all, "VERSION")
	}
	return strings.Join(all, "+")
}
