package cold

import (
	"context"

	"whatchanged.dev/whatchanged"
)

func composeFollowing(after, upTo whatchanged.Position, limit int) *query {
	return compose("following", nil).position("after", after).set("last", upTo.Sequence).set("limit", uint64(limit))
}

// Following returns the events that stand after a position, in the order of
// the log, each revision by itself, and the position up to which those are all;
// at most limit of them, and none of more than so many deliveries on.
func (r *Reader) Following(ctx context.Context, after whatchanged.Position, limit int) ([]*whatchanged.Event, whatchanged.Position, error) {
	mark, err := r.Watermark(ctx)
	if err != nil || mark.Position.Compare(after) <= 0 {
		return nil, after, err
	}
	upTo := whatchanged.At(min(after.Sequence+uint64(limit), mark.Position.Sequence))
	found, err := r.events(ctx, "following", composeFollowing(after, upTo, limit))
	if err != nil {
		return nil, after, err
	}
	if len(found) == limit {
		upTo = found[limit-1].Position
	}
	return found, upTo, nil
}
