package hot_test

import (
	"fmt"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/hot"
)

// BenchmarkApplyAfterAnImport tells a tier of one more event when it holds
// half a million that were just imported and took effect long ago.
func BenchmarkApplyAfterAnImport(b *testing.B) {
	const n = 500_000
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	event := func(i int, effective time.Time) whatchanged.Event {
		return whatchanged.Event{ID: fmt.Sprint("e", i), Kind: whatchanged.Config, EffectiveAt: effective, SeenAt: at,
			Entity:   whatchanged.RefOf(whatchanged.KindConfig, fmt.Sprint("c", i%5000)),
			Position: whatchanged.Position{Sequence: uint64(i + 1)}}
	}
	base := hot.Base{Horizon: at.Add(-48 * time.Hour), Watermark: whatchanged.Watermark{Position: whatchanged.At(n)}}
	for i := range n {
		base.Events = append(base.Events, event(i, at.Add(-time.Duration(n-i)*time.Hour)))
	}
	tier := hot.Open(base)
	b.ResetTimer()
	for i := range b.N {
		e := event(n+i, at)
		tier.Apply([]whatchanged.Delivery{{Sequence: uint64(n + i + 1), Source: "s", ReceivedAt: at, Events: []whatchanged.Event{e}}})
	}
}
