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

// A revised is an event as one of its revisions told of it.
type revised struct {
	id       string
	revision uint32
}

// stale returns those of some events, as far as they were found, of which a
// view knows a later revision.
func (r *Reader) stale(ctx context.Context, v whatchanged.View, events []*whatchanged.Event) ([]revised, error) {
	ids, err := r.corrected(ctx, v, events)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	last := map[string]uint32{}
	err = r.each(ctx, "revisions", compose("revisions", nil).set("ids", ids).position("known", v.KnownAt), func(rows driver.Rows) error {
		var e revised
		err := rows.Scan(&e.id, &e.revision)
		last[e.id] = e.revision
		return err
	})
	var all []revised
	for _, e := range events {
		if e.Revision < int(last[e.ID]) {
			all = append(all, revised{e.ID, uint32(e.Revision)})
		}
	}
	return all, err
}

// corrected returns the ids of those events that may be one of several
// revisions known in a view.
func (r *Reader) corrected(ctx context.Context, v whatchanged.View, events []*whatchanged.Event) (ids []string, err error) {
	if len(events) == 0 {
		return nil, nil
	}
	r.corrections.mu.Lock()
	defer r.corrections.mu.Unlock()
	if err := r.corrections.read(ctx, r, v.KnownAt.Sequence); err != nil {
		return nil, err
	}
	for _, e := range events {
		if _, ok := r.corrections.ids[maphash.String(r.corrections.seed, e.ID)]; ok {
			ids = append(ids, e.ID)
		}
	}
	return ids, nil
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
