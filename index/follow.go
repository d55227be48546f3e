package index

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/hot"
)

// follow loads the hot tier and tails the log into it. When the log no longer
// holds what follows, the tier is loaded anew.
//
// Where the hot tier will hold many events, one that reaches back less far is
// loaded first, so that questions are answered at once: what lies before its
// horizon the cold tier answers meanwhile.
func (x *Index) follow(ctx context.Context) error {
	for {
		var near *hot.Tier
		far := false
		err := x.insist(ctx, "load the hot tier", func(ctx context.Context) error {
			reach, err := x.firstReach(ctx)
			if err == nil {
				near, err = x.load(ctx, reach)
			}
			far = reach == x.config.Keep
			return err
		})
		if err != nil {
			return err
		}
		x.show(ctx, near)
		if far {
			err = x.feed(ctx, near, nil)
		} else {
			err = x.extend(ctx, near)
		}
		if err != nil {
			return err
		}
	}
}

// firstReach returns how far the tier that is loaded first is to reach back.
func (x *Index) firstReach(ctx context.Context) (time.Duration, error) {
	n, err := x.reader.Load().Recent(ctx, x.horizon(x.config.Keep))
	if err != nil || n <= x.config.FirstLoad {
		return x.config.Keep, err
	}
	return time.Duration(float64(x.config.Keep) * float64(x.config.FirstLoad) / float64(n)), nil
}

func (x *Index) horizon(reach time.Duration) time.Time {
	return whatchanged.Canonical(x.config.Now().Add(-reach))
}

// show lets tier answer.
func (x *Index) show(ctx context.Context, tier *hot.Tier) {
	x.hot.Store(tier)
	x.caughtUp(ctx)
}

// extend feeds near until a tier that reaches as far as it should has seen as
// much, and then feeds that. Near is fed a little longer: somebody may wait
// for it.
func (x *Index) extend(ctx context.Context, near *hot.Tier) error {
	g, ctx := errgroup.WithContext(ctx)
	meanwhile, stop := context.WithCancel(ctx)
	defer stop()
	g.Go(func() error {
		if err := x.feed(meanwhile, near, nil); meanwhile.Err() == nil {
			return err
		}
		return ctx.Err()
	})
	g.Go(func() error {
		defer stop()
		var far *hot.Tier
		err := x.insist(ctx, "load the hot tier", func(ctx context.Context) (err error) {
			far, err = x.load(ctx, x.config.Keep)
			return err
		})
		if err != nil {
			return err
		}
		shown := false
		overtake := func() {
			mine, _ := far.Watermark(ctx) // both are in memory
			other, _ := near.Watermark(ctx)
			if shown || mine.Position.Compare(other.Position) < 0 {
				return
			}
			shown = true
			x.show(ctx, far)
			time.AfterFunc(x.config.Patience, stop)
		}
		overtake()
		return x.feed(ctx, far, overtake)
	})
	return g.Wait()
}

// feed tails the log into a tier until ctx ends, or until the log no longer
// holds what follows. It calls seen, which may be nil, after each batch.
func (x *Index) feed(ctx context.Context, tier *hot.Tier, seen func()) error {
	return x.insist(ctx, "read the change log", func(ctx context.Context) error {
		mark, _ := tier.Watermark(ctx) // it is in memory
		err := x.config.Log.Tail(ctx, mark.Position.Sequence+1, func(ds []whatchanged.Delivery) error {
			tier.Apply(ds)
			x.caughtUp(ctx)
			if seen != nil {
				seen()
			}
			return nil
		})
		if errors.Is(err, whatchanged.ErrCursorExpired) {
			return nil
		}
		return err
	})
}
