package hot

import (
	"context"
	"slices"

	"whatchanged.dev/whatchanged"
)

// Following returns the events that stand after a position, in the order of
// the log, each revision by itself, and the position up to which those are all;
// at most limit of them, and none of more than so many deliveries on. It waits
// until the tier has seen more than after, and fails with ErrStale when ctx
// ends first. What the tier may have forgotten is ErrCursorExpired.
func (t *Tier) Following(ctx context.Context, after whatchanged.Position, limit int) ([]*whatchanged.Event, whatchanged.Position, error) {
	for {
		t.mu.Lock()
		moved, s := t.moved, t.current.Load()
		t.mu.Unlock()
		if after.Compare(s.known) < 0 {
			return nil, after, whatchanged.Errorf(whatchanged.CodeCursorExpired, "what follows %v is no longer in memory", after)
		}
		if s.watermark.Position.Compare(after) > 0 {
			events, upTo := s.following(after, limit)
			return events, upTo, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, after, whatchanged.Errorf(whatchanged.CodeStale, "nothing after %v has been seen yet", after).Hiding(ctx.Err())
		}
	}
}

// following looks through the parts that hold something later: few do, unless
// after is long ago.
func (s *snapshot) following(after whatchanged.Position, limit int) ([]*whatchanged.Event, whatchanged.Position) {
	upTo := whatchanged.At(min(after.Sequence+uint64(limit), s.watermark.Position.Sequence))
	var found []*whatchanged.Event
	for _, p := range s.parts {
		if p.last.Compare(after) <= 0 {
			continue
		}
		for i, sequence := range p.sequence {
			if sequence >= after.Sequence && sequence <= upTo.Sequence && p.events[i].Position.Compare(after) > 0 {
				found = append(found, p.events[i])
			}
		}
	}
	slices.SortFunc(found, func(a, b *whatchanged.Event) int { return a.Position.Compare(b.Position) })
	if len(found) > limit {
		found = found[:limit]
		upTo = found[limit-1].Position
	}
	return found, upTo
}
