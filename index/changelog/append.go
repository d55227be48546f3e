package changelog

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"whatchanged.dev/whatchanged"
)

// Append stores a delivery and returns where it stands. It returns only when
// the log has stored it, in the way Config.Sync says. A delivery that the log
// already holds within the duplicate window is not stored again; the receipt
// then names the first one's position.
//
// A log that is full or away is ErrUnavailable and the delivery may be sent
// again; one larger than the log takes is ErrTooLarge.
func (l *Log) Append(ctx context.Context, d whatchanged.Delivery) (whatchanged.Receipt, error) {
	if l.server != nil && diskFree(l.config.Dir) < l.config.Reserve {
		return whatchanged.Receipt{}, whatchanged.Errorf(whatchanged.CodeUnavailable, "the change log's disk is full; send it again")
	}
	stored, err := l.encode(d)
	if err != nil {
		return whatchanged.Receipt{}, err
	}
	m := nats.NewMsg(subject)
	m.Data = stored
	m.Header.Set(jetstream.MsgIDHeader, key(d))
	ack, err := l.js.PublishMsg(ctx, m)
	if err != nil {
		return whatchanged.Receipt{}, l.refusal(err, len(stored))
	}
	return whatchanged.Receipt{Position: whatchanged.At(ack.Sequence), Duplicate: ack.Duplicate}, nil
}

// refusal says why a delivery was not stored. All that is not the delivery's
// own fault may pass, so the sender is asked to try again.
func (l *Log) refusal(err error, size int) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return whatchanged.Errorf(whatchanged.CodeTooLarge,
			"delivery of %d bytes with its events, compressed: the change log takes %d; send it in parts", size, l.MaxPayload()).Hiding(err)
	}
	return whatchanged.Errorf(whatchanged.CodeUnavailable, "the change log is full or away; send it again").Hiding(err)
}
