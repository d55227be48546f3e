package changelog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"whatchanged.dev/whatchanged"
)

// First returns the sequence of the first delivery still kept; one beyond the
// last when none is.
func (l *Log) First(ctx context.Context) (uint64, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return 0, away(err)
	}
	return max(info.State.FirstSeq, 1), nil
}

// Last returns the sequence of the last delivery, 0 if there never was one,
// and when it was stored.
func (l *Log) Last(ctx context.Context) (uint64, time.Time, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return 0, time.Time{}, away(err)
	}
	if info.State.LastSeq == 0 {
		return 0, time.Time{}, nil
	}
	return info.State.LastSeq, whatchanged.Canonical(info.State.LastTime), nil
}

// Read returns the deliveries from <= sequence < to, as they were stored:
// events that the sieve would drop are among them. What was purged is left
// out.
func (l *Log) Read(ctx context.Context, from, to uint64) ([]whatchanged.Delivery, error) {
	var all []whatchanged.Delivery
	for seq := from; seq < to; seq++ {
		m, err := l.stream.GetMsg(ctx, seq)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return nil, fmt.Errorf("delivery %d: %w", seq, away(err))
		default:
			all = append(all, l.delivery(seq, m.Time, m.Data))
		}
	}
	return all, nil
}

// Purge forgets the deliveries before a sequence, except those that the sieve
// still needs: the last duplicate window, and one window more for readers that
// start a little behind. The caller makes sure that all that read the log are
// past it.
func (l *Log) Purge(ctx context.Context, before uint64) error {
	kept, err := l.since(ctx, l.config.Now().Add(-2*l.config.DuplicateWindow))
	if err != nil {
		return err
	}
	if before = min(before, kept); before <= 1 {
		return nil
	}
	return away(l.stream.Purge(ctx, jetstream.WithPurgeSequence(before)))
}

// since returns the sequence of the first delivery stored at or after t, one
// beyond the last if there is none. Sequences and times grow together, so it
// is found by halving.
func (l *Log) since(ctx context.Context, t time.Time) (uint64, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return 0, away(err)
	}
	low, high := max(info.State.FirstSeq, 1), info.State.LastSeq+1
	for low < high {
		mid := low + (high-low)/2
		m, err := l.stream.GetMsg(ctx, mid)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound): // purged meanwhile
			low = mid + 1
		case err != nil:
			return 0, away(err)
		case m.Time.Before(t):
			low = mid + 1
		default:
			high = mid
		}
	}
	return low, nil
}

// away marks a failure to reach the log, which passes.
func away(err error) error {
	if err == nil {
		return nil
	}
	return whatchanged.Errorf(whatchanged.CodeUnavailable, "the change log is away; ask again").Hiding(err)
}
