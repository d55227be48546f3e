package hot_test

import (
	"context"
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
