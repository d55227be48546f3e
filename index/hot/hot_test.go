package hot_test

import (
	"context"
	"runtime"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/index/indextest"
)

// bodiless is a tier with what the suite asks and memory does not keep.
type bodiless struct{ *hot.Tier }

// Deliveries is not asked of this tier.
func (bodiless) Deliveries(context.Context, whatchanged.View, []uint64) ([]whatchanged.Delivery, error) {
	return nil, whatchanged.ErrUnavailable
}

// TestTierTailing runs the suite on a tier that began empty and was told of
// everything, one delivery at a time.
func TestTierTailing(t *testing.T) {
	indextest.Run(t, func(t *testing.T, ds []whatchanged.Delivery) indextest.Index {
		tier := hot.Open(hot.Base{})
		for _, d := range ds {
			tier.Apply([]whatchanged.Delivery{d})
		}
		return bodiless{tier}
	}, indextest.Options{NoDeliveries: true})
}

// TestTierInOneBatch runs it on a tier that was told of everything at once,
// twice.
func TestTierInOneBatch(t *testing.T) {
	indextest.Run(t, func(t *testing.T, ds []whatchanged.Delivery) indextest.Index {
		tier := hot.Open(hot.Base{})
		tier.Apply(ds)
		tier.Apply(ds)
		return bodiless{tier}
	}, indextest.Options{NoDeliveries: true, Seed: 2})
}

// TestTierTidiedAside runs it on a tier that merges nearly everything aside,
// while it is told more and asked.
func TestTierTidiedAside(t *testing.T) {
	indextest.Run(t, func(t *testing.T, ds []whatchanged.Delivery) indextest.Index {
		tier := hot.Open(hot.Base{})
		tier.SetSettled(1)
		for _, d := range ds {
			tier.Apply([]whatchanged.Delivery{d})
		}
		return bodiless{tier}
	}, indextest.Options{NoDeliveries: true, Seed: 3})
}

// TestTrimForgets: what lies before the horizon is given back, and nothing
// else.
func TestTrimForgets(t *testing.T) {
	log := indextest.World(5, 300)
	tier := hot.Open(hot.Base{})
	tier.Apply(log)
	horizon := log[len(log)/2].ReceivedAt
	tier.Trim(horizon)
	_, position := tier.Horizon()
	want := 0
	for _, d := range log {
		for _, e := range d.Events {
			if !e.EffectiveAt.Before(horizon) || e.Position.Compare(position) > 0 {
				want++
			}
		}
	}
	for tier.Tidying() {
		runtime.Gosched()
	}
	if got := tier.Len(); got != want {
		t.Errorf("%d events kept, want %d", got, want)
	}
}

// TestFrozen: reads of one answer see one state, whatever the writer does.
func TestFrozen(t *testing.T) {
	log := indextest.World(4, 100)
	last := log[len(log)-1]
	tier := hot.Open(hot.Base{})
	tier.Apply(log[:50])
	frozen := tier.Frozen()
	v := whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(50)}
	count := func() int {
		page, err := frozen.Changes(t.Context(), v, whatchanged.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		return page.Total
	}
	want := count()
	tier.Apply(log[50:])
	tier.Trim(last.ReceivedAt)
	horizon, _ := tier.Horizon()
	was, _ := frozen.Horizon()
	if !horizon.Equal(last.ReceivedAt) || !was.IsZero() || want == 0 || count() != want {
		t.Errorf("horizon %v, frozen %v; %d events, then %d", horizon, was, want, count())
	}
}
