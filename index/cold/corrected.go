package cold

import (
	"context"
	"hash/maphash"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

// A corrections remembers which ids may have been corrected, so that a read
// that found none of them need not ask ClickHouse, where a subquery costs as
// much as the rest of a small read. It holds hashes only, of all corrections up
// to a sequence: some 20 bytes each.
type corrections struct {
	mu   sync.Mutex
	seed maphash.Seed
	ids  map[uint64]struct{}
	upTo uint64
}

// corrected reports whether any of the events may be one of several revisions
// known in a view, itself or another of its id.
func (r *Reader) corrected(ctx context.Context, v whatchanged.View, events []*whatchanged.Event) (bool, error) {
	if len(events) == 0 {
		return false, nil
	}
	r.corrections.mu.Lock()
	defer r.corrections.mu.Unlock()
	if err := r.corrections.read(ctx, r, v.KnownAt.Sequence); err != nil {
		return false, err
	}
	for _, e := range events {
		if _, ok := r.corrections.ids[maphash.String(r.corrections.seed, e.ID)]; ok {
			return true, nil
		}
	}
	return false, nil
}

// read makes sure that all corrections up to a sequence are known, which must
// be stored.
func (c *corrections) read(ctx context.Context, r *Reader, sequence uint64) error {
	if c.ids == nil {
		c.seed, c.ids = maphash.MakeSeed(), map[uint64]struct{}{}
	} else if sequence <= c.upTo {
		return nil
	}
	stored := max(sequence, r.seen.Load())
	err := r.each(ctx, "corrections", compose("corrections", nil).set("after", c.upTo), func(rows driver.Rows) error {
		var id string
		err := rows.Scan(&id)
		c.ids[maphash.String(c.seed, id)] = struct{}{}
		return err
	})
	if err == nil {
		c.upTo = stored
	}
	return err
}
