package index

import (
	"context"
	"errors"

	"whatchanged.dev/whatchanged"
)

// Following returns the events that stand after a position, in the order of
// the log, and the position up to which those are all; what memory no longer
// holds comes from history. It waits until something stands after the position,
// or ctx ends.
func (x *Index) Following(ctx context.Context, after whatchanged.Position, limit int) ([]*whatchanged.Event, whatchanged.Position, error) {
	for {
		events, upTo, err := x.following(ctx, after, limit)
		if !errors.Is(err, whatchanged.ErrStale) || ctx.Err() != nil {
			return events, upTo, err
		}
	}
}

// following waits for as long as one tier is sure to be fed: another may have
// taken its place by then.
func (x *Index) following(ctx context.Context, after whatchanged.Position, limit int) ([]*whatchanged.Event, whatchanged.Position, error) {
	if _, err := x.tier(ctx, whatchanged.Position{}); err != nil {
		return nil, after, err
	}
	patient, cancel := context.WithTimeout(ctx, x.config.Patience)
	defer cancel()
	events, upTo, err := x.hot.Load().Following(patient, after, limit)
	if !errors.Is(err, whatchanged.ErrCursorExpired) {
		return events, upTo, err
	}
	r, err := x.history()
	if err != nil {
		return nil, after, err
	}
	return r.Following(ctx, after, limit)
}
