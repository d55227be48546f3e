package cold

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2"

	"whatchanged.dev/whatchanged"
)

// A Writer stores batches of deliveries. There must be one only for a
// database, and one batch at a time: it learns what is stored from the
// database once, and then again only after a failure.
type Writer struct {
	*session
	mu      sync.Mutex
	present *Present // nil when it must be read
}

// OpenWriter connects to a database that [Migrate] has brought up to date.
func OpenWriter(ctx context.Context, c Config) (*Writer, error) {
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Writer{session: s}, nil
}

// Write stores a batch of deliveries, given in the order of their sequences
// and following all that was stored before: events first, then what derives
// from them, then the deliveries themselves. The positions and times of
// arrival in the deliveries and events are stored as they stand.
//
// After any failure the same deliveries, cut into batches in any way, may be
// written again: what is stored already is passed over, and each event is
// stored once.
func (w *Writer) Write(ctx context.Context, batch []whatchanged.Delivery) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	unsure := w.present == nil
	if unsure {
		p, err := w.Present(ctx, 0)
		if err != nil {
			return err
		}
		w.present = &p
	}
	stored := w.present
	w.present = nil // until all of the batch is stored
	batch = slices.DeleteFunc(slices.Clone(batch), func(d whatchanged.Delivery) bool { return d.Sequence <= stored.Watermark })
	if len(batch) > 0 {
		if err := w.write(ctx, batch, stored.Events, unsure); err != nil {
			return err
		}
		stored.Watermark = batch[len(batch)-1].Sequence
		maps.DeleteFunc(stored.Events, func(p whatchanged.Position, _ bool) bool { return p.Sequence <= stored.Watermark })
	}
	w.present = stored
	return nil
}

func (w *Writer) write(ctx context.Context, batch []whatchanged.Delivery, stored map[whatchanged.Position]bool, unsure bool) error {
	if !slices.IsSortedFunc(batch, func(a, b whatchanged.Delivery) int { return cmp.Compare(a.Sequence, b.Sequence) }) {
		return fmt.Errorf("write: deliveries %d to %d are not in order", batch[0].Sequence, batch[len(batch)-1].Sequence)
	}
	var d derived
	var events []*eventRow
	for i := range batch {
		for j := range batch[i].Events {
			e := &batch[i].Events[j]
			d.add(e)
			if stored[e.Position] {
				continue
			}
			r, err := rowOf(e)
			if err != nil {
				return err
			}
			events = append(events, r)
		}
	}
	return w.insertAll(ctx, batch, events, &d, unsure)
}

// insertAll keeps the order that the watermark relies on. When it is unsure
// what became of the batch before, it looks whether the rows are there: the
// server notes a token before it keeps the rows, and one that is killed between
// the two drops them when they are sent again.
func (w *Writer) insertAll(ctx context.Context, batch []whatchanged.Delivery, events []*eventRow, d *derived, unsure bool) error {
	if n := len(events); n > 0 {
		first, last := events[0], events[n-1]
		token := fmt.Sprintf("events %d.%d-%d.%d", first.sequence, first.ordinal, last.sequence, last.ordinal)
		if err := w.insert(ctx, "insert_events", token, n, func(i int) []any { return events[i].values() }); err != nil {
			return err
		}
		if unsure {
			if err := w.insertMissing(ctx, token, events); err != nil {
				return err
			}
		}
	}
	if err := d.insert(ctx, w); err != nil {
		return err
	}
	first, last := batch[0].Sequence, batch[len(batch)-1].Sequence
	token := fmt.Sprintf("deliveries %d-%d", first, last)
	row := func(i int) []any {
		b := &batch[i]
		return []any{b.Sequence, first, b.ReceivedAt, b.Source, b.Type, b.ID, string(b.Outcome), b.Reason, b.Field, b.Header,
			string(b.Body), uint32(len(b.Events))}
	}
	if err := w.insert(ctx, "insert_deliveries", token, len(batch), row); err != nil || !unsure {
		return err
	}
	mark, err := w.watermark(ctx)
	if err != nil || mark.Position.Sequence >= last {
		return err
	}
	return w.insert(ctx, "insert_deliveries", token+anew, len(batch), row)
}

// anew makes another token of one that was noted for rows that are not there.
const anew = " anew"

// insertMissing sends those rows again that were dropped for their token.
func (w *Writer) insertMissing(ctx context.Context, token string, events []*eventRow) error {
	there, err := w.Present(ctx, 0)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(events), func(r *eventRow) bool {
		return there.Events[whatchanged.Position{Sequence: r.sequence, Index: r.ordinal}]
	})
	return w.insert(ctx, "insert_events", token+anew, len(missing), func(i int) []any { return missing[i].values() })
}

// insert sends n rows as one block, which becomes one part, whole or not at
// all. With a token, the same rows sent again are dropped by the server.
func (w *Writer) insert(ctx context.Context, name, token string, n int, row func(int) []any) error {
	if n == 0 {
		return nil
	}
	// Foreground: on a cluster an insert is confirmed when the shards have it.
	settings := clickhouse.Settings{"async_insert": 0, "distributed_foreground_insert": 1}
	if token != "" {
		settings["insert_deduplication_token"] = token
	}
	return w.observe(ctx, name, settings, func(ctx context.Context, _ *counts) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		ctx = context.WithoutCancel(ctx) // what is begun is finished; see ask
		b, err := w.conn.PrepareBatch(ctx, compose(name, nil).text)
		if err != nil {
			return outside(name, err)
		}
		defer b.Close()
		for i := range n {
			if err := b.Append(row(i)...); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return outside(name, b.Send())
	})
}
