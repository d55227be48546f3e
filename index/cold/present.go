package cold

import (
	"context"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

// Present says what is stored beyond a sequence.
type Present struct {
	// Watermark is the last sequence of a stored delivery, 0 if there is none:
	// all tables are complete up to there.
	Watermark uint64

	// Events holds the positions beyond the watermark whose events are stored
	// although their deliveries are not: the writer stopped between the two.
	Events map[whatchanged.Position]bool
}

// Present returns what is stored, the events only beyond after.
func (w *Writer) Present(ctx context.Context, after uint64) (Present, error) {
	mark, err := w.watermark(ctx)
	if err != nil {
		return Present{}, err
	}
	p := Present{Watermark: mark.Position.Sequence, Events: map[whatchanged.Position]bool{}}
	q := compose("present", nil).set("after", max(after, p.Watermark))
	return p, w.each(ctx, "present", q, func(rows driver.Rows) error {
		var at whatchanged.Position
		err := rows.Scan(&at.Sequence, &at.Index)
		p.Events[at] = true
		return err
	})
}

// Watermark returns the last stored delivery. It is asked when another process
// may have written since, so what this writer remembers of the database is
// forgotten.
func (w *Writer) Watermark(ctx context.Context) (whatchanged.Watermark, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.present = nil
	return w.watermark(ctx)
}

// Recent returns the identities (see [whatchanged.Event.Identity]) of the
// events that were seen at or after a moment.
func (w *Writer) Recent(ctx context.Context, since time.Time) ([]string, error) {
	var all []string
	q := compose("recent", nil).at("since", since)
	err := w.each(ctx, "recent", q, func(rows driver.Rows) error {
		e, err := scanIdentity(rows)
		all = append(all, e.Identity())
		return err
	})
	return all, err
}

// Known returns, of the events of these identities (see
// [whatchanged.Event.Identity]) that are stored, the first position of each.
// It is one query, however many there are.
func (w *Writer) Known(ctx context.Context, identities []string) (map[string]whatchanged.Position, error) {
	known := map[string]whatchanged.Position{}
	if len(identities) == 0 {
		return known, nil
	}
	asked := make(map[string]bool, len(identities))
	var ids []string
	for _, identity := range identities {
		asked[identity] = true
		ids = append(ids, identity)
		if i := strings.LastIndexByte(identity, '#'); i > 0 {
			ids = append(ids, identity[:i]) // it may be a revision of this
		}
	}
	q := compose("lookup", nil).set("ids", ids)
	err := w.each(ctx, "lookup", q, func(rows driver.Rows) error {
		var p whatchanged.Position
		e, err := scanIdentity(rows, &p.Sequence, &p.Index)
		if identity := e.Identity(); asked[identity] {
			known[identity] = p
		}
		return err
	})
	return known, err
}

func scanIdentity(rows driver.Rows, more ...any) (whatchanged.Event, error) {
	var e whatchanged.Event
	var revision uint32
	err := rows.Scan(append([]any{&e.ID, &revision}, more...)...)
	e.Revision = int(revision)
	return e, err
}
