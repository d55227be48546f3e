package changelog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"whatchanged.dev/whatchanged"
)

// A Writer keeps the whole of history.
type Writer interface {
	// Write stores deliveries, given in order and without gaps. After a
	// failure it is given the same batch again, cut the same way, or, if this
	// process died meanwhile, the same deliveries cut in another way: what is
	// already stored must then not be stored again.
	Write(ctx context.Context, batch []whatchanged.Delivery) error

	// Watermark returns the last delivery up to which all are stored. It is
	// asked when another process may have written since.
	Watermark(ctx context.Context) (whatchanged.Watermark, error)
}

// The one priority group of the writer's consumer, and the header in which the
// server says which client it has pinned.
const (
	writerGroup = "writer"
	pinHeader   = "Nats-Pin-Id"
)

// errReplaced ends a writer's term: another process may be writing.
var errReplaced = errors.New("this process is no longer the pinned writer")

// errReplacedLog: positions that history has would be given out again, to other
// events, and those would be taken for known.
var errReplacedLog = errors.New("history goes further than the change log; was its folder replaced?")

// Consume feeds w until ctx ends, and returns ctx's error. It gives up only
// when w's watermark lies beyond the log's end: this is not w's log. Of all processes
// that call it on one log, JetStream pins one; the others wait, and one of
// them takes over when the pinned one has been silent for Config.Pinned.
//
// JetStream is asked who writes, and when there is something to write. It is
// not trusted with what comes next: a batch that failed comes back after its
// successors. The writer keeps count itself. Whatever lies below the next
// sequence is acknowledged and passed over; a gap above is read from the
// stream. One batch is in flight, and it is acknowledged only when it is
// stored.
func (l *Log) Consume(ctx context.Context, w Writer) error {
	t := &term{log: l, writer: w, pin: pin{ttl: l.config.Pinned}}
	defer t.release(ctx)
	for wait := firstWait; ; wait = nextWait(wait) {
		err := t.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errReplacedLog) {
			return err
		}
		if t.next > 0 {
			wait = firstWait
		}
		t.next = 0
		l.config.Logger.Warn("the writer begins anew", "error", err, "in", wait)
		if pause(ctx, wait) != nil {
			return ctx.Err()
		}
	}
}

func (l *Log) consumer(ctx context.Context) (jetstream.Consumer, error) {
	return l.js.CreateOrUpdateConsumer(ctx, streamName, jetstream.ConsumerConfig{
		Durable:        writerName,
		Description:    "the one writer of history",
		AckPolicy:      jetstream.AckAllPolicy,
		AckWait:        l.config.Pinned, // a dead writer's messages come to its successor
		MaxAckPending:  4 * l.config.Batch.Deliveries,
		PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{writerGroup},
		PinnedTTL:      l.config.Pinned,
	})
}

// A term is the time from being pinned until that is in doubt.
type term struct {
	pin
	log    *Log
	writer Writer
	sieve  *sieve
	next   uint64 // the next sequence to write; 0 when it must be asked
}

func (t *term) run(ctx context.Context) error {
	consumer, err := t.log.consumer(ctx)
	if err != nil {
		return err
	}
	if t.consumer == nil {
		if t.log.server != nil { // nobody else can be writing
			if err := t.log.again(ctx); err != nil {
				return err
			}
		}
		t.consumer = consumer // it remembers under which id we are pinned
	}
	for {
		messages, err := t.pull(ctx)
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			continue
		}
		if err := t.serve(ctx, messages); err != nil {
			return err
		}
	}
}

// again makes JetStream hand out once more, and at once, what a writer that
// ended had not acknowledged.
func (l *Log) again(ctx context.Context) error {
	_, err := l.stream.ResetConsumer(ctx, writerName)
	return err
}

// release lets another process write at once, which else would wait for as long
// as this one could be silent. Whoever took over meanwhile is left alone.
func (t *term) release(ctx context.Context) {
	if t.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	pinned, err := t.pinned(ctx)
	if err != nil || !pinned {
		return
	}
	if err := errors.Join(t.log.stream.UnpinConsumer(ctx, writerName, writerGroup), t.log.again(ctx)); err != nil {
		t.log.config.Logger.Debug("another writer may have to wait", "error", err)
	}
}

// pull waits for a message, and then briefly for more.
func (t *term) pull(ctx context.Context) ([]jetstream.Msg, error) {
	b := t.log.config.Batch
	messages, err := t.fetch(ctx, 1, jetstream.FetchMaxWait(t.ttl/3))
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	room := b.Bytes - len(messages[0].Data())
	if b.Deliveries == 1 || room <= 0 {
		return messages, nil
	}
	more, err := t.fetch(ctx, b.Deliveries-1, jetstream.FetchMaxWait(b.Linger), jetstream.FetchMaxBytes(room))
	return append(messages, more...), err
}

// serve writes what the messages bring and acknowledges them.
func (t *term) serve(ctx context.Context, messages []jetstream.Msg) error {
	if t.next == 0 || t.fresh {
		if err := t.begin(ctx); err != nil {
			return err
		}
	}
	var batch []whatchanged.Delivery
	for _, m := range messages {
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		seq := meta.Sequence.Stream
		if at := t.next + uint64(len(batch)); seq > at { // a gap
			if err := t.write(ctx, batch); err != nil {
				return err
			}
			if err := t.fill(ctx, seq); err != nil {
				return err
			}
			batch = nil
		}
		if seq == t.next+uint64(len(batch)) {
			batch = append(batch, t.log.delivery(seq, meta.Timestamp, m.Data()))
		}
	}
	if err := t.write(ctx, batch); err != nil {
		return err
	}
	return t.ack(messages)
}

// ack acknowledges all that was written. A message whose acknowledgement is
// lost comes again and is passed over.
func (t *term) ack(messages []jetstream.Msg) error {
	last, lastSeq := messages[0], uint64(0)
	for _, m := range messages {
		if meta, err := m.Metadata(); err == nil && meta.Sequence.Stream > lastSeq {
			last, lastSeq = m, meta.Sequence.Stream
		}
	}
	return last.Ack()
}

// begin learns where the writer stands, and what its sieve must know there.
func (t *term) begin(ctx context.Context) error {
	var mark whatchanged.Watermark
	err := t.insist(ctx, "watermark", func(ctx context.Context) (err error) {
		mark, err = t.writer.Watermark(ctx)
		return err
	})
	if err != nil {
		return err
	}
	first, err := t.log.First(ctx)
	if err != nil {
		return err
	}
	last, _, err := t.log.Last(ctx)
	if err != nil {
		return err
	}
	if mark.Position.Sequence > last {
		return fmt.Errorf("%w (%d, %d)", errReplacedLog, mark.Position.Sequence, last)
	}
	next := mark.Position.Sequence + 1
	if next < first {
		t.log.config.Logger.Error("deliveries were purged before they were written", "from", next, "to", first)
		next = first
	}
	if err := t.warm(ctx, next); err != nil {
		return err
	}
	t.next, t.fresh = next, false
	return nil
}

// warm passes the window before next through a new sieve.
func (t *term) warm(ctx context.Context, next uint64) error {
	t.sieve = newSieve(t.log.config.DuplicateWindow)
	start, err := t.log.warmup(ctx, next)
	if err != nil || start == next {
		return err
	}
	err = t.log.tail(ctx, start, func(batch []whatchanged.Delivery) error {
		for _, d := range batch {
			if d.Sequence >= next {
				return errWarm
			}
			if t.sieve.pass(&d); d.Sequence == next-1 {
				return errWarm
			}
		}
		return t.renewed(ctx)
	})
	if errors.Is(err, errWarm) {
		return t.renewed(ctx)
	}
	return err
}

var errWarm = errors.New("the sieve is warm")

// fill writes what lies between next and to, read from the stream.
func (t *term) fill(ctx context.Context, to uint64) error {
	for t.next < to {
		end := min(to, t.next+fillBatch)
		gap, err := t.log.Read(ctx, t.next, end)
		if err != nil {
			return err
		}
		if uint64(len(gap)) < end-t.next {
			t.log.config.Logger.Error("deliveries are missing from the log", "from", t.next, "to", end, "missing", end-t.next-uint64(len(gap)))
		}
		if err := t.write(ctx, gap); err != nil {
			return err
		}
		t.next = end
	}
	return nil
}

// fillBatch is small because single reads are slow and bodies may be large.
const fillBatch = 100

// write stores a batch, trying until it is stored or the term ends.
func (t *term) write(ctx context.Context, batch []whatchanged.Delivery) error {
	if len(batch) == 0 {
		return nil
	}
	for i := range batch {
		t.sieve.pass(&batch[i])
	}
	what := fmt.Sprintf("deliveries %d to %d", batch[0].Sequence, batch[len(batch)-1].Sequence)
	err := t.insist(ctx, what, func(ctx context.Context) error { return t.writer.Write(ctx, batch) })
	if err == nil {
		t.next = batch[len(batch)-1].Sequence + 1
	}
	return err
}

// insist tries again until do succeeds or the term ends. An attempt ends
// before the pin can, so that a successor never meets it still running.
func (t *term) insist(ctx context.Context, what string, do func(context.Context) error) error {
	for wait := firstWait; ; wait = min(nextWait(wait), t.ttl/6) {
		if err := t.renewed(ctx); err != nil {
			return err
		}
		attempt, cancel := context.WithDeadline(ctx, t.until())
		err := do(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err() // told to stop: nothing is wrong
		}
		t.log.config.Logger.Warn("cannot write", "what", what, "error", err, "again in", wait)
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}
