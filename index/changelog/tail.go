package changelog

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"whatchanged.dev/whatchanged"
)

// Bounds of what Tail hands over at once, and of what waits unread.
const (
	tailBatch   = 512
	tailWaiting = 64
	tailBytes   = 64 << 20 // more than the largest message there can be
)

// Tail hands over every delivery from a sequence on, in order, in batches of
// whatever is there, and goes on until ctx ends or deliver fails; it returns
// that error. Deliveries and events carry their positions and times, and have
// passed the sieve. From 0 means from the first that is kept. A sequence that
// was purged is ErrCursorExpired: the caller would miss some. One beyond the
// next is ErrUnavailable: what the caller has is not from this log.
func (l *Log) Tail(ctx context.Context, from uint64, deliver func([]whatchanged.Delivery) error) error {
	first, err := l.First(ctx)
	if err != nil {
		return err
	}
	if from == 0 {
		from = first
	}
	if from < first {
		return whatchanged.Errorf(whatchanged.CodeCursorExpired, "the change log begins at %d, after %d", first, from)
	}
	last, _, err := l.Last(ctx)
	if err != nil {
		return err
	}
	if from > last+1 {
		return whatchanged.Errorf(whatchanged.CodeUnavailable, "the change log ends at %d, before %d: was its folder replaced?", last, from)
	}
	s := newSieve(l.config.DuplicateWindow)
	start, err := l.warmup(ctx, from)
	if err != nil {
		return err
	}
	return l.tail(ctx, start, func(batch []whatchanged.Delivery) error {
		kept := batch[:0]
		for _, d := range batch {
			if s.pass(&d); d.Sequence >= from {
				kept = append(kept, d)
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return deliver(kept)
	})
}

// warmup returns where to begin reading so that a sieve knows, at from, what
// it must know there.
func (l *Log) warmup(ctx context.Context, from uint64) (uint64, error) {
	m, err := l.stream.GetMsg(ctx, from)
	at := l.config.Now()
	switch {
	case err == nil:
		at = m.Time
	case !errors.Is(err, jetstream.ErrMsgNotFound): // not found: not yet stored
		return 0, away(err)
	}
	start, err := l.since(ctx, at.Add(-l.config.DuplicateWindow))
	return min(start, from), err
}

// tail reads in order without the sieve. Decoding runs beside deliver.
func (l *Log) tail(ctx context.Context, from uint64, deliver func([]whatchanged.Delivery) error) error {
	consumer, err := l.js.OrderedConsumer(ctx, streamName, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   from,
	})
	if err != nil {
		return away(err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	read := make(chan whatchanged.Delivery, tailWaiting)
	running, err := consumer.Consume(func(m jetstream.Msg) {
		meta, err := m.Metadata()
		if err != nil {
			stop(fmt.Errorf("a message that is none of the log's: %w", err))
			return
		}
		select {
		case read <- l.delivery(meta.Sequence.Stream, meta.Timestamp, m.Data()):
		case <-ctx.Done():
		}
	}, jetstream.PullMaxMessagesWithBytesLimit(tailBatch, tailBytes))
	if err != nil {
		return away(err)
	}
	defer running.Stop()
	closed := running.Closed() // each call starts a goroutine that stays
	for {
		select {
		case d := <-read:
			if err := deliver(gather(d, read)); err != nil {
				return err
			}
		case <-closed:
			return away(errors.New("reading ended"))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// gather returns d and what else can be read without waiting.
func gather(d whatchanged.Delivery, read <-chan whatchanged.Delivery) []whatchanged.Delivery {
	batch := []whatchanged.Delivery{d}
	for len(batch) < tailBatch {
		select {
		case d := <-read:
			batch = append(batch, d)
		default:
			return batch
		}
	}
	return batch
}
