package hot_test

import (
	"fmt"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/hot"
)

// BenchmarkLists reads lists of 100,000 entities, a tenth of them flags, with
// 2,000 owners, and learns of changes to them.
func BenchmarkLists(b *testing.B) {
	const n = 100_000
	var base hot.Base
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	ref := func(i int) whatchanged.Ref {
		kind := whatchanged.KindService
		if i%10 == 0 {
			kind = whatchanged.KindFlag
		}
		return whatchanged.Ref{Kind: kind, Namespace: fmt.Sprint("team-", i%200), Name: fmt.Sprint("entity-", i*7919%n)}
	}
	owner := func(i int) whatchanged.Ref {
		return whatchanged.Ref{Kind: whatchanged.KindGroup, Namespace: "acme", Name: fmt.Sprint("group-", i%2000)}
	}
	for i := range n {
		p := whatchanged.Position{Sequence: uint64(i + 1)}
		base.Places = append(base.Places, hot.Place{Entity: ref(i), Environment: "production", Region: fmt.Sprint("region-", i%4), First: p, Last: p})
		base.Owners = append(base.Owners, hot.Owner{Entity: ref(i), Owner: owner(i), EffectiveAt: at, Position: p, ID: fmt.Sprint("own-", i)})
	}
	base.Watermark.Position = whatchanged.At(n)
	begun := time.Now()
	tier := hot.Open(base)
	b.Logf("opened in %v", time.Since(begun))
	now := whatchanged.View{AsOf: at.Add(time.Hour), KnownAt: whatchanged.At(n)}
	then := whatchanged.View{AsOf: at, KnownAt: whatchanged.At(n / 2)}
	fifty := whatchanged.EntitySelection{Limit: 50}
	for _, bench := range []struct {
		name string
		view whatchanged.View
		list whatchanged.EntityList
	}{
		{"the first fifty of all", now, whatchanged.EntityList{EntitySelection: fifty}},
		{"the fifty told of last", now, whatchanged.EntityList{EntitySelection: fifty, Recent: true}},
		{"fifty of an owner, with facets", now, whatchanged.EntityList{EntitySelection: fifty, Owners: []whatchanged.Ref{owner(7)}, Facets: true}},
		{"facets of all", now, whatchanged.EntityList{Facets: true}},
		{"facets of a region", now, whatchanged.EntityList{Regions: []string{"region-1"}, Facets: true}},
		{"facets of all as of the past", then, whatchanged.EntityList{Facets: true}},
		{"fifty whose name holds a text", now, whatchanged.EntityList{EntitySelection: whatchanged.EntitySelection{Text: "y-999", Limit: 50}}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := tier.List(b.Context(), bench.view, bench.list); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	sequence := uint64(n)
	learn := func(name string, entity func(i int) whatchanged.Ref) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				sequence++
				e := whatchanged.Event{ID: fmt.Sprint(sequence), Entity: entity(int(sequence)), EffectiveAt: at, Position: whatchanged.Position{Sequence: sequence}}
				tier.Apply([]whatchanged.Delivery{{Sequence: sequence, Events: []whatchanged.Event{e}}})
			}
		})
	}
	learn("a change, on an entity that is known", func(i int) whatchanged.Ref { return ref(i % n) })
	learn("a change, on an entity that is new", func(i int) whatchanged.Ref {
		r := ref(i % n)
		r.Name += fmt.Sprint("-", i)
		return r
	})
}
