// Package hot is the tier of the index that lives in memory: the whole present
// view (entities and topology with its history) and the change events of the
// last hours.
//
// Readers load one pointer and work on an immutable snapshot; one writer tails
// the change log and swaps in the next. Events stand in segments: immutable
// runs in order of time, with postings per entity. A batch adds a small
// segment, and segments of like size are merged, the large ones aside, so that
// a read looks at few of them and a batch copies little.
//
// The tier answers only what it can prove, and says so itself: see
// [Tier.Covers]. It keeps every event that took effect at or after its horizon
// and every event that was logged after it, whatever its time, so that neither
// late nor future-dated events are missed.
package hot

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"whatchanged.dev/whatchanged"
)

// A Base is what a tier starts from: a picture of the index at a watermark.
type Base struct {
	Watermark whatchanged.Watermark
	Horizon   time.Time            // see Tier.Covers
	Position  whatchanged.Position // the last position that was logged before Horizon, or an earlier one
	Known     whatchanged.Position // views that know less than this are not covered; Position if that is later

	Edges       []Edge                 // every version there ever was
	Places      []Place                // of every entity there ever was
	Owners      []Owner                // every version there ever was, corrected ones too
	Events      []whatchanged.Event    // effective at or after Horizon, or positioned after Position or after Known
	States      []*whatchanged.Event   // what was in force just before Horizon, as far as was known at Position
	Stateless   bool                   // States is left out: what holds is not answered
	Corrections []Correction           // of any of Events
	Deliveries  []whatchanged.Delivery // after Position, in order, without bodies and events
	Heard       map[string]Heard       // by source, up to Position
	Tellers     []Teller               // of every entity there ever was
}

// An Edge is one version of a dependency.
type Edge struct {
	From        whatchanged.Ref
	Dependency  whatchanged.Dependency
	EffectiveAt time.Time
	Position    whatchanged.Position
	ID          string // of the event that told of it
	Revision    int
}

// A Place says from when to when events told of an entity somewhere. Without
// environment and region they told of no place.
type Place struct {
	Entity              whatchanged.Ref
	Environment, Region string
	First, Last         whatchanged.Position // Last is zero when it is only depended on
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

// A Correction says that an event has a later revision.
type Correction struct {
	ID       string
	Revision int
	Position whatchanged.Position
}

// A Tier is the hot tier. Any number of readers and one writer may use it at
// once.
type Tier struct {
	mu      sync.Mutex // held by whoever makes the next snapshot
	current atomic.Pointer[snapshot]
	moved   chan struct{} // closed and replaced when the watermark moves
	settled int           // see settled
	tidying atomic.Bool   // see tidy
}

// Open returns a tier that starts from base.
func Open(base Base) *Tier {
	s := &snapshot{
		horizon: base.Horizon, position: base.Position, known: further(base.Position, base.Known), watermark: base.Watermark, repaired: base.Watermark.Position,
		names: newNames(), revisions: map[string][]revision{}, topology: emptyTopology(), sources: map[string]*heardOf{},
	}
	s.topology = s.topology.with(base.Edges, s.names)
	events := make([]*whatchanged.Event, len(base.Events))
	for i := range base.Events {
		events[i] = &base.Events[i]
	}
	for _, c := range base.Corrections {
		s.revisions[c.ID] = append(s.revisions[c.ID], revision{c.Revision, c.Position})
	}
	s.stateless, s.forgotten = base.Stateless, forgotten(nil).with(base.States, s.names)
	if len(events) > 0 {
		s.parts = []part{s.partOf(newSegment(events, s.names))}
	}
	for name, h := range base.Heard {
		s.sources[name] = &heardOf{told: series{given: h.Told}, runs: series{given: h.Runs}, link: h.Connection}
	}
	s.hear(base.Deliveries)
	s.lists = listsOf(base, s.everCorrected)
	t := &Tier{moved: make(chan struct{}), settled: settled}
	t.current.Store(s)
	return t
}

// Frozen returns the tier as it stands, for reads that must fit together: what
// it answers stays the same while t reads on and its horizon moves. It must
// neither be written to nor awaited.
func (t *Tier) Frozen() *Tier {
	f := &Tier{}
	f.current.Store(t.current.Load())
	return f
}

// Covers reports whether the tier can prove its answers in a view, over an
// interval of effect or of arrival: the interval begins, and KnownAt lies, at
// or after the horizon.
func (t *Tier) Covers(v whatchanged.View, i whatchanged.Interval) bool {
	s := t.current.Load()
	return !i.From.Before(s.horizon) && v.KnownAt.Compare(s.known) >= 0
}

// Holds reports whether the tier can prove its answers about these ids, when
// they take effect: it holds an event of each that is visible in the view.
func (t *Tier) Holds(v whatchanged.View, ids []string) bool {
	s := t.current.Load()
	return v.KnownAt.Compare(s.known) >= 0 && !slices.ContainsFunc(ids, func(id string) bool {
		return s.changes(v, whatchanged.Selection{IDs: []string{id}, Interval: whatchanged.Always}).Total == 0
	})
}

// Horizon returns the horizon, and the position from which on a view must know
// for the tier to prove its answers: the last that was stored before the
// horizon, or a later one.
func (t *Tier) Horizon() (time.Time, whatchanged.Position) {
	s := t.current.Load()
	return s.horizon, s.known
}

// Repaired returns the last position that may have changed what was true
// before the horizon: of an event that took effect there, or of a correction.
// Answers from before the horizon that know this position stay as they are
// until it moves.
func (t *Tier) Repaired() whatchanged.Position { return t.current.Load().repaired }

// Len returns how many events the tier holds.
func (t *Tier) Len() int {
	n := 0
	for _, p := range t.current.Load().parts {
		n += len(p.events)
	}
	return n
}

// Watermark returns how far the tier has read the log.
func (t *Tier) Watermark(context.Context) (whatchanged.Watermark, error) {
	return t.current.Load().watermark, nil
}

// Await returns once the tier has seen p, or fails with ErrStale when ctx ends
// first.
func (t *Tier) Await(ctx context.Context, p whatchanged.Position) error {
	for {
		t.mu.Lock()
		moved, mark := t.moved, t.current.Load().watermark
		t.mu.Unlock()
		if mark.Position.Sequence >= p.Sequence {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return whatchanged.Errorf(whatchanged.CodeStale, "position %v has not been seen yet; the last is %v", p, mark.Position).Hiding(ctx.Err())
		}
	}
}

// at returns the snapshot, unless the view knows what the tier has not seen: an
// answer from less would be wrong without a sign of it.
func (t *Tier) at(v whatchanged.View) (*snapshot, error) {
	s := t.current.Load()
	if v.KnownAt.Sequence > s.watermark.Position.Sequence {
		return nil, whatchanged.Errorf(whatchanged.CodeStale, "position %v has not been seen yet; the last is %v", v.KnownAt, s.watermark.Position)
	}
	return s, nil
}

// Remembers reports whether the tier can prove what PositionAt says of a
// moment.
func (t *Tier) Remembers(at time.Time) bool {
	s := t.current.Load()
	return !at.Before(s.horizon) || len(s.arrivals) > 0 && at.After(s.arrivals[0].at)
}

// PositionAt returns the last position stored before a moment that the tier
// remembers.
func (t *Tier) PositionAt(_ context.Context, at time.Time) (whatchanged.Position, error) {
	return t.current.Load().positionAt(at), nil
}

// Changes returns the events of a selection.
func (t *Tier) Changes(_ context.Context, v whatchanged.View, sel whatchanged.Selection) (whatchanged.Page, error) {
	s, err := t.at(v)
	if err != nil {
		return whatchanged.Page{}, err
	}
	return s.changes(v, sel), nil
}

// ChangesOfEach returns, for each entity of a selection, the page of it alone.
func (t *Tier) ChangesOfEach(_ context.Context, v whatchanged.View, sel whatchanged.Selection) ([]whatchanged.Page, error) {
	s, err := t.at(v)
	if err != nil {
		return nil, err
	}
	return s.changesOfEach(v, sel), nil
}

// Mentions returns the events that carry a text.
func (t *Tier) Mentions(_ context.Context, v whatchanged.View, m whatchanged.Mention) (whatchanged.Page, error) {
	s, err := t.at(v)
	if err != nil {
		return whatchanged.Page{}, err
	}
	return s.mentions(v, m), nil
}

// Entities returns the entities of a selection.
func (t *Tier) Entities(ctx context.Context, v whatchanged.View, sel whatchanged.EntitySelection) ([]whatchanged.EntityRecord, error) {
	l, err := t.List(ctx, v, whatchanged.EntityList{EntitySelection: sel})
	out := make([]whatchanged.EntityRecord, len(l.Entities))
	for i, e := range l.Entities {
		out[i] = e.EntityRecord
	}
	return out, err
}

// Reach follows the dependency edges that hold in the view.
func (t *Tier) Reach(_ context.Context, v whatchanged.View, w whatchanged.Walk) ([]whatchanged.Reached, error) {
	s, err := t.at(v)
	if err != nil {
		return nil, err
	}
	return s.topology.reach(s.in(v), s.topology.numbers(w.From, s.names), w), nil
}

// Edges returns the dependency edges that hold in the view and touch any of
// refs with either end.
func (t *Tier) Edges(_ context.Context, v whatchanged.View, refs []whatchanged.Ref, limit int) ([]whatchanged.Edge, error) {
	s, err := t.at(v)
	if err != nil {
		return nil, err
	}
	return s.topology.touching(s.in(v), s.topology.numbers(refs, s.names), limit), nil
}

// Sources says what arrived of each source, for an interval of arrival.
func (t *Tier) Sources(_ context.Context, v whatchanged.View, i whatchanged.Interval) ([]whatchanged.SourceArrivals, error) {
	s, err := t.at(v)
	if err != nil {
		return nil, err
	}
	return s.heard(v, i), nil
}

// Known returns the first position that the tier holds of an event, named by
// [whatchanged.Event.Identity].
func (t *Tier) Known(identity string) (first whatchanged.Position, ok bool) {
	id := identity
	if i := strings.LastIndexByte(identity, '#'); i > 0 {
		id = identity[:i] // unless the id itself holds one: both are tried
	}
	for _, p := range t.current.Load().parts {
		for _, at := range slices.Concat(p.withID(identity), p.withID(id)) {
			if e := p.events[at]; e.Identity() == identity && (!ok || e.Position.Compare(first) < 0) {
				first, ok = e.Position, true
			}
		}
	}
	return first, ok
}
