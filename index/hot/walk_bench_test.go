package hot_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/hot"
)

// BenchmarkReach walks two hops back from services of an estate of 100,000 with
// 1,000,000 dependencies: what a change could hurt.
func BenchmarkReach(b *testing.B) {
	const services, edges = 100_000, 1_000_000
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 2))
	refs := make([]whatchanged.Ref, services)
	for i := range refs {
		refs[i] = whatchanged.RefOf(whatchanged.KindService, fmt.Sprint("shop/s", i))
	}
	base := hot.Base{Horizon: at.Add(-48 * time.Hour), Watermark: whatchanged.Watermark{Position: whatchanged.At(edges)}}
	for i := range edges {
		base.Edges = append(base.Edges, hot.Edge{From: refs[i%services], EffectiveAt: at.Add(-time.Hour), Position: whatchanged.Position{Sequence: uint64(i + 1)}, ID: fmt.Sprint("e", i),
			Dependency: whatchanged.Dependency{To: refs[r.IntN(services)], Evidence: whatchanged.Observed}})
	}
	tier := hot.Open(base)
	view := whatchanged.View{AsOf: at, KnownAt: whatchanged.At(edges)}
	b.Run("tier", func(b *testing.B) {
		b.ReportAllocs()
		i, found := 0, 0
		for b.Loop() {
			reached, err := tier.Reach(b.Context(), view, whatchanged.Walk{From: refs[i%services : i%services+1], Direction: whatchanged.Dependents, Hops: 2, Limit: 5000})
			if err != nil {
				b.Fatal(err)
			}
			found += len(reached)
			i += stride
		}
		b.ReportMetric(float64(found)/float64(b.N), "reached/op")
	})
	dependents := map[whatchanged.Ref][]whatchanged.Ref{}
	for _, e := range base.Edges {
		dependents[e.Dependency.To] = append(dependents[e.Dependency.To], e.From)
	}
	b.Run("baseline: lists in a map, without time, paths and order", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			seen := map[whatchanged.Ref]bool{}
			for _, n := range dependents[refs[i%services]] {
				seen[n] = true
				for _, m := range dependents[n] {
					seen[m] = true
				}
			}
			i += stride
		}
	})
}

// stride leads from one service to one far away in memory.
const stride = 7919
