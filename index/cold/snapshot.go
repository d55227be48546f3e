package cold

import (
	"context"
	"iter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

// A Snapshot is what a hot tier starts from: all that it needs in order to
// answer questions whose interval starts at or after a horizon and whose
// KnownAt is at or after the horizon's position, as of the watermark at which
// it was taken. Each method streams one part of it, by a query of its own;
// since nothing up to the watermark ever changes, the parts fit together.
type Snapshot struct {
	Watermark whatchanged.Watermark

	r        *Reader
	horizon  time.Time
	position whatchanged.Position
}

// Snapshot takes a snapshot for a horizon in time and in the change log.
func (r *Reader) Snapshot(ctx context.Context, horizon time.Time, position whatchanged.Position) (*Snapshot, error) {
	w, err := r.Watermark(ctx)
	return &Snapshot{w, r, horizon, position}, err
}

// Recent returns how many events are stored that took effect at or after a
// time: what a snapshot for that horizon is about to hand over.
func (r *Reader) Recent(ctx context.Context, since time.Time) (int, error) {
	return r.count(ctx, "snapshotCount", compose("snapshot_count", nil).at("since", since))
}

// Events returns, in no order, the events that take effect at or after the
// horizon and, if late ones are asked for, those that stand at or after its
// position. Left out are those that stand before the position and were
// corrected by it.
func (s *Snapshot) Events(ctx context.Context, late bool) iter.Seq2[whatchanged.Event, error] {
	part := func(late bool) iter.Seq2[whatchanged.Event, error] {
		q := s.compose("snapshot_events", snapshotEvents{late}).at("horizon", s.horizon).position("known", s.position)
		if late {
			q.position("horizon", s.position)
		}
		return stream(ctx, s.r, "snapshotEvents", q, scanEvent)
	}
	return func(yield func(whatchanged.Event, error) bool) {
		for _, of := range []bool{false, true} {
			if of && !late {
				return
			}
			for e, err := range part(of) {
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// snapshotEvents is what sql/snapshot_events.sql may be asked.
type snapshotEvents struct{ Late bool }

// An Edge is one version of a dependency edge.
type Edge struct {
	From        whatchanged.Ref
	Dependency  whatchanged.Dependency
	EffectiveAt time.Time
	Position    whatchanged.Position
	ID          string // of the event that told of it
	Revision    int
}

// Edges returns every version of every edge, in no order, without those that
// stand before the horizon's position and were corrected by it.
func (s *Snapshot) Edges(ctx context.Context) iter.Seq2[Edge, error] {
	q := s.compose("snapshot_edges", nil).position("known", s.position)
	return stream(ctx, s.r, "snapshotEdges", q, func(rows driver.Rows) (e Edge, err error) {
		var evidence string
		var revision uint32
		e.From, e.Dependency.To, err = scanEnds(rows, &evidence, &e.Dependency.Removed, &e.EffectiveAt,
			&e.Position.Sequence, &e.Position.Index, &e.ID, &revision)
		e.Dependency.Evidence, e.EffectiveAt, e.Revision = whatchanged.Evidence(evidence), e.EffectiveAt.UTC(), int(revision)
		return e, err
	})
}

// A Place says from when to when events told of an entity somewhere.
type Place struct {
	Entity              whatchanged.Ref
	Environment, Region string
	First, Last         whatchanged.Position // Last is zero when it is only depended on
}

// Places returns where every entity was placed, in no order. First and Last
// are never beyond the watermark.
func (s *Snapshot) Places(ctx context.Context) iter.Seq2[Place, error] {
	return stream(ctx, s.r, "snapshotPlaces", s.compose("snapshot_places", nil), func(rows driver.Rows) (p Place, err error) {
		var kind string
		err = rows.Scan(&kind, &p.Entity.Namespace, &p.Entity.Name, &p.Environment, &p.Region,
			&p.First.Sequence, &p.First.Index, &p.Last.Sequence, &p.Last.Index)
		p.Entity.Kind = whatchanged.Kind(kind)
		if p.Last.Compare(s.Watermark.Position) > 0 {
			p.Last = s.Watermark.Position
		}
		return p, err
	})
}

// An Owner is what one event said of an entity's owner.
type Owner struct {
	Entity      whatchanged.Ref
	Owner       whatchanged.Ref // zero: nobody
	EffectiveAt time.Time
	Position    whatchanged.Position
	ID          string
	Revision    int
}

// Owners returns every version of every owner, in no order.
func (s *Snapshot) Owners(ctx context.Context) iter.Seq2[Owner, error] {
	return stream(ctx, s.r, "snapshotOwners", s.compose("snapshot_owners", nil), func(rows driver.Rows) (o Owner, err error) {
		var entity, after string
		var revision uint32
		if err = rows.Scan(&entity, &after, &o.EffectiveAt, &o.Position.Sequence, &o.Position.Index, &o.ID, &revision); err != nil {
			return o, err
		}
		o.Owner, o.EffectiveAt, o.Revision = whatchanged.OwnerOf(value(after)), o.EffectiveAt.UTC(), int(revision)
		o.Entity, err = whatchanged.ParseRef(entity)
		return o, err
	})
}

// A Correction says that a revision above 0 of an event stands at a position.
type Correction struct {
	ID       string
	Revision int
	Position whatchanged.Position
}

// Corrections returns every correction, in no order: an event of a lower
// revision that comes late is then known to be superseded.
func (s *Snapshot) Corrections(ctx context.Context) iter.Seq2[Correction, error] {
	q := s.compose("snapshot_corrections", nil)
	return stream(ctx, s.r, "snapshotCorrections", q, func(rows driver.Rows) (c Correction, err error) {
		e, err := scanIdentity(rows, &c.Position.Sequence, &c.Position.Index)
		c.ID, c.Revision = e.ID, e.Revision
		return c, err
	})
}

// Deliveries returns the deliveries at or after the horizon's position, in
// order, with only their sequence, time of arrival, source, outcome, and the
// type of a report.
func (s *Snapshot) Deliveries(ctx context.Context) iter.Seq2[whatchanged.Delivery, error] {
	q := s.compose("snapshot_deliveries", nil).set("horizon_sequence", s.position.Sequence)
	return stream(ctx, s.r, "snapshotDeliveries", q, func(rows driver.Rows) (d whatchanged.Delivery, err error) {
		var outcome string
		err = rows.Scan(&d.Sequence, &d.ReceivedAt, &d.Source, &outcome, &d.Type)
		d.ReceivedAt, d.Outcome = d.ReceivedAt.UTC(), whatchanged.Outcome(outcome)
		return d, err
	})
}

// A Heard is what arrived of one source before the horizon's position.
type Heard struct {
	Told, Runs Series
	Connection *whatchanged.Connection
}

// A Series is arrivals of one sort: the last, and the gaps between them that
// count for an interval that ends at the horizon, by the day (since 1970) on
// which they began.
type Series struct {
	Last *time.Time
	Gaps map[int64]whatchanged.Gaps
}

// Heard returns what arrived of each source before the horizon's position.
func (s *Snapshot) Heard(ctx context.Context) (map[string]Heard, error) {
	heard := map[string]Heard{}
	if s.position.Sequence == 0 {
		return heard, nil
	}
	before := min(s.position.Sequence-1, s.Watermark.Position.Sequence)
	gaps, err := s.r.gaps(ctx, before, whatchanged.Interval{From: whatchanged.GapsSince(s.horizon), To: whatchanged.MaxTime})
	if err != nil {
		return nil, err
	}
	q := composeSources(before, whatchanged.Always)
	err = s.r.each(ctx, "snapshotHeard", q, func(rows driver.Rows) error {
		a, err := scanSource(rows)
		heard[a.Source] = Heard{Series{a.Told.Last, gaps[sortOf{a.Source, false}]}, Series{a.Runs.Last, gaps[sortOf{a.Source, true}]}, a.Connection}
		return err
	})
	return heard, err
}

// A Teller is a source that told of an entity, and the first position at which
// it did.
type Teller struct {
	Entity whatchanged.Ref
	Source string
	First  whatchanged.Position
}

// Tellers returns who told of which entity, in no order.
func (s *Snapshot) Tellers(ctx context.Context) iter.Seq2[Teller, error] {
	return stream(ctx, s.r, "snapshotTellers", s.compose("snapshot_tellers", nil), func(rows driver.Rows) (t Teller, err error) {
		var entity string
		if err = rows.Scan(&entity, &t.Source, &t.First.Sequence, &t.First.Index); err == nil {
			t.Entity, err = whatchanged.ParseRef(entity)
		}
		return t, err
	})
}

func (s *Snapshot) compose(name string, with any) *query {
	return compose(name, with).set("watermark", s.Watermark.Position.Sequence)
}

// stream hands over the rows of a query as they come. Once the caller has
// enough, the query is cancelled; a failure is the last thing handed over.
func stream[T any](ctx context.Context, r *Reader, name string, q *query, scan func(driver.Rows) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		enough := false
		err := r.each(ctx, name, q, func(rows driver.Rows) error {
			v, err := scan(rows)
			if err == nil && !yield(v, nil) {
				enough, err = true, context.Canceled
			}
			return err
		})
		if err != nil && !enough {
			var none T
			yield(none, err)
		}
	}
}
