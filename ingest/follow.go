package ingest

import (
	"context"
	"errors"
	"time"

	"whatchanged.dev/whatchanged"
)

// A Follower reads a source again and again, and says of itself that it does:
// while the last read went well, at least three times in each
// [whatchanged.Lease]. So answers can tell when what a source holds is missed,
// also when the follower died and can no longer say so. A read that takes
// longer than the lease is missed for as long as that.
//
// One source name has one lease: of two followers under one name, the one that
// lives hides that the other died.
type Follower struct {
	Source string
	Read   func(context.Context) error                          // reads what is new, all of it
	Report func(ctx context.Context, source, what string) error // as [Pipeline.Report]
	Failed func(error)                                          // is told what went wrong; the follower goes on

	Reads    <-chan time.Time // when to read again
	Renewals <-chan time.Time // when to say again that it follows: at least every third of the lease
}

// last is how long a follower that ends tries to say so.
const last = 5 * time.Second

// Follow reads until ctx ends, and then says that it was ended on purpose. It
// fails if the first read does.
func (f *Follower) Follow(ctx context.Context) error {
	if err := f.Read(ctx); err != nil {
		return err
	}
	defer f.stop(ctx)
	f.say(ctx, whatchanged.DeliveryFollows)
	for hears := true; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-f.Reads:
			hears = f.again(ctx, hears)
		case <-f.Renewals:
			if hears {
				f.say(ctx, whatchanged.DeliveryFollows)
			}
		}
	}
}

// again reads once more, says what came of it, and returns whether it was read.
func (f *Follower) again(ctx context.Context, heard bool) bool {
	err := f.Read(ctx)
	switch {
	case err == nil && !heard:
		f.say(ctx, whatchanged.DeliveryFollows)
	case err != nil && ctx.Err() == nil:
		f.Failed(err)
		if heard {
			f.say(ctx, whatchanged.DeliveryLost)
		}
	}
	return err == nil
}

// say reports. Where that fails the lease runs out, which says the same.
func (f *Follower) say(ctx context.Context, what string) {
	if err := f.Report(ctx, f.Source, what); err != nil && !errors.Is(err, context.Canceled) {
		f.Failed(err)
	}
}

func (f *Follower) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), last)
	defer cancel()
	f.say(ctx, whatchanged.DeliveryStopped)
}
