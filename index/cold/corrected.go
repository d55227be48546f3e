package cold

import (
	"context"
	"hash/maphash"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

// A corrections remembers which ids may have been corrected, so that a read
// that found none of them need not ask ClickHouse, where a subquery costs as
// much as the rest of a small read. It holds hashes only, of all corrections up
// to a sequence: some 20 bytes each.
type corrections struct {
	turn chan struct{} // of who reads or looks: waiting for it ends with who waits
	seed maphash.Seed
	ids  map[uint64]struct{}
	upTo uint64
}

func newCorrections() corrections {
	return corrections{turn: make(chan struct{}, 1), seed: maphash.MakeSeed(), ids: map[uint64]struct{}{}}
}

// A revised is an event as one of its revisions told of it.
type revised struct {
	id       string
	revision uint32
}

// trust says which events a query leaves out since they were corrected: all of
// them, or, trusting that no other was, only these.
type trust struct {
	Trusting bool
	Stale    []revised
}

// trust gives the parameters of what is left out their values.
func (q *query) trust(t trust) *query {
	if len(t.Stale) == 0 {
		return q
	}
	ids, revisions := make([]string, len(t.Stale)), make([]uint32, len(t.Stale))
	for i, e := range t.Stale {
		ids[i], revisions[i] = e.id, e.revision
	}
	return q.set("stale_ids", ids).set("stale_revisions", revisions)
}

const (
	trusted    = 4    // how often events are read trustingly
	maxDoubted = 1000 // events of which it is asked whether they stand
)

// trusting reads events as if none were ever corrected, and again without those
// that were found and do not stand any more. To leave out all that were
// corrected takes half of the time of a small read, and nearly all of it when
// there are many corrections; that is asked for only in the end.
func (r *Reader) trusting(ctx context.Context, name string, v whatchanged.View, compose func(trust) *query) ([]*whatchanged.Event, error) {
	t := trust{Trusting: true}
	for range trusted {
		found, err := r.events(ctx, name, compose(t))
		if err != nil {
			return nil, err
		}
		doubted, err := r.corrected(ctx, v, found)
		if err != nil || len(doubted) == 0 {
			return found, err
		}
		if len(doubted) > maxDoubted {
			break
		}
		stale, err := r.stale(ctx, v, found, doubted)
		if err != nil || len(stale) == 0 {
			return found, err
		}
		t.Stale = append(t.Stale, stale...)
	}
	return r.events(ctx, name, compose(trust{}))
}

// stale returns those of some events of which a view knows a later revision; ids
// are all that may have one.
func (r *Reader) stale(ctx context.Context, v whatchanged.View, events []*whatchanged.Event, ids []string) ([]revised, error) {
	last := map[string]uint32{}
	err := r.each(ctx, "revisions", compose("revisions", nil).set("ids", ids).position("known", v.KnownAt), func(rows driver.Rows) error {
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
	select {
	case r.corrections.turn <- struct{}{}:
		defer func() { <-r.corrections.turn }()
	case <-ctx.Done():
		return nil, outside("corrections", ctx.Err())
	}
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
	if sequence <= c.upTo {
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
