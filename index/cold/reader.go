package cold

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

// A Reader answers from all of history. It is safe for many goroutines.
type Reader struct {
	*session
	seen        atomic.Uint64 // a watermark read before; it only grows
	corrections corrections
}

// OpenReader connects to a database that [Migrate] has brought up to date. A
// user that may only SELECT suffices, with readonly = 2, because every query
// carries settings.
func OpenReader(ctx context.Context, c Config) (*Reader, error) {
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Reader{session: s, corrections: newCorrections()}, nil
}

// Watermark returns how far the change log is stored here.
func (r *Reader) Watermark(ctx context.Context) (whatchanged.Watermark, error) {
	w, err := r.watermark(ctx)
	if err == nil {
		r.saw(w.Position.Sequence)
	}
	return w, err
}

func (r *Reader) saw(sequence uint64) {
	for old := r.seen.Load(); sequence > old && !r.seen.CompareAndSwap(old, sequence); old = r.seen.Load() {
	}
}

func (s *session) watermark(ctx context.Context) (whatchanged.Watermark, error) {
	return s.last(ctx, "watermark", compose("watermark", lastDelivery{}))
}

// PositionAt returns the position of the last delivery that the change log
// received before t, the zero Position if there is none.
func (r *Reader) PositionAt(ctx context.Context, t time.Time) (whatchanged.Position, error) {
	w, err := r.last(ctx, "positionAt", compose("watermark", lastDelivery{Before: true}).at("before", t))
	return w.Position, err
}

// lastDelivery is what sql/watermark.sql may be asked.
type lastDelivery struct{ Before bool }

func (s *session) last(ctx context.Context, name string, q *query) (w whatchanged.Watermark, err error) {
	err = s.each(ctx, name, q, func(rows driver.Rows) error {
		var sequence uint64
		err := rows.Scan(&sequence, &w.At)
		w = whatchanged.Watermark{Position: whatchanged.At(sequence), At: w.At.UTC()}
		return err
	})
	return w, err
}

// reached fails with ErrStale unless all that a view may see is stored here:
// an answer from less would be wrong without a sign of it.
func (r *Reader) reached(ctx context.Context, v whatchanged.View) error {
	if v.KnownAt.Sequence <= r.seen.Load() {
		return nil
	}
	w, err := r.Watermark(ctx)
	if err != nil {
		return err
	}
	if w.Position.Sequence < v.KnownAt.Sequence {
		return whatchanged.Errorf(whatchanged.CodeStale, "history is stored up to %s, and %s was asked for; ask again", w.Position, v.KnownAt)
	}
	return nil
}

// view gives a query what a view may see.
func (q *query) view(v whatchanged.View) *query {
	return q.at("as_of", v.AsOf).position("known", v.KnownAt)
}

// events reads a query's events.
func (r *Reader) events(ctx context.Context, name string, q *query) ([]*whatchanged.Event, error) {
	var all []*whatchanged.Event
	err := r.each(ctx, name, q, func(rows driver.Rows) error {
		e, err := scanEvent(rows)
		all = append(all, &e)
		return err
	})
	return all, err
}

// count reads a query's only number.
func (r *Reader) count(ctx context.Context, name string, q *query) (int, error) {
	var n uint64
	err := r.each(ctx, name, q, func(rows driver.Rows) error { return rows.Scan(&n) })
	return int(n), err
}
