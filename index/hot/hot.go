// Package hot is the tier of the index that lives in memory: the whole present
// view (entities and topology with its history) and the change events of the
// last hours.
//
// Readers load one pointer and work on an immutable snapshot; one writer tails
// the change log and swaps in the next. Events stand in segments: immutable
// runs in order of time, with postings per entity. A batch adds a small
// segment, and segments of like size are merged, so that a read looks at few
// of them and a batch copies little.
//
// The tier answers only what it can prove, and says so itself: see
// [Tier.Covers]. It keeps every event that took effect at or after its horizon
// and every event that was logged after it, whatever its time, so that neither
// late nor future-dated events are missed.
package hot

import (
	"context"
	"maps"
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
	Position  whatchanged.Position // the last position stored before Horizon

	Entities    []whatchanged.EntityRecord
	Edges       []Edge                 // every version there ever was
	Events      []whatchanged.Event    // effective at or after Horizon, or positioned after Position
	Corrections []Correction           // of any of Events
	Deliveries  []whatchanged.Delivery // after Position, in order, without bodies and events
	LastHeard   map[string]time.Time   // by source, up to Position
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
}

// Open returns a tier that starts from base.
func Open(base Base) *Tier {
	s := &snapshot{
		horizon: base.Horizon, position: base.Position, watermark: base.Watermark, repaired: base.Watermark.Position,
		revisions: map[string][]revision{}, edges: map[edgeKey]history{}, sources: map[string]*heardOf{},
	}
	for _, r := range base.Entities {
		s.entities = append(s.entities, entity{r, r.Ref.String()})
	}
	slices.SortFunc(s.entities, func(a, b entity) int { return a.Ref.Compare(b.Ref) })
	for _, e := range base.Edges {
		s.addEdge(e)
	}
	s.topology = newTopology(s.edges)
	events := make([]*whatchanged.Event, len(base.Events))
	for i := range base.Events {
		events[i] = &base.Events[i]
	}
	s.segments = []*segment{newSegment(events)}
	for _, c := range base.Corrections {
		s.revisions[c.ID] = append(s.revisions[c.ID], revision{c.Revision, c.Position})
	}
	for name, at := range base.LastHeard {
		s.sources[name] = &heardOf{before: &at}
	}
	s.hear(base.Deliveries)
	t := &Tier{moved: make(chan struct{})}
	t.current.Store(s)
	return t
}

// addEdge keeps histories in order of time. It must only be called on maps
// that no published snapshot shares.
func (s *snapshot) addEdge(e Edge) {
	k := edgeKey{e.From, e.Dependency.To, e.Dependency.Evidence}
	v := edgeVersion{e.EffectiveAt, e.Position, e.Dependency.Removed, e.ID, e.Revision}
	h := append(slices.Clone(s.edges[k]), v)
	slices.SortFunc(h, func(a, b edgeVersion) int {
		return whatchanged.Key{EffectiveAt: a.effectiveAt, Position: a.position}.Compare(whatchanged.Key{EffectiveAt: b.effectiveAt, Position: b.position})
	})
	s.edges[k] = h
}

// hear notes deliveries, in the order of the log. It must only be called by
// the one writer.
func (s *snapshot) hear(ds []whatchanged.Delivery) {
	for _, d := range ds {
		a := arrival{d.Sequence, d.ReceivedAt}
		h := heardOf{}
		if was := s.sources[d.Source]; was != nil {
			h = *was
		}
		h.all = append(h.all, a)
		if d.Outcome == whatchanged.Rejected {
			h.rejected = append(h.rejected, a)
		}
		s.sources[d.Source] = &h
		s.arrivals = append(s.arrivals, a)
	}
}

// Apply adds deliveries that follow the watermark, in the order of the log.
// Those at or before it are passed over, so that reading a stretch of the log
// again changes nothing.
func (t *Tier) Apply(ds []whatchanged.Delivery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.current.Load()
	ds = slices.DeleteFunc(slices.Clone(ds), func(d whatchanged.Delivery) bool { return d.Sequence <= was.watermark.Position.Sequence })
	if len(ds) == 0 {
		return
	}
	s := *was
	last := ds[len(ds)-1]
	s.watermark = whatchanged.Watermark{Position: whatchanged.At(last.Sequence), At: last.ReceivedAt}
	s.sources = maps.Clone(s.sources)
	s.hear(ds)
	var events []*whatchanged.Event
	for i := range ds {
		for j := range ds[i].Events {
			events = append(events, &ds[i].Events[j])
		}
	}
	s.learn(events)
	s.repaired = s.repairs(events, s.horizon)
	if len(events) > 0 {
		s.segments = compact(append(slices.Clone(s.segments), newSegment(events)))
	}
	t.publish(&s)
}

func (t *Tier) publish(s *snapshot) {
	t.current.Store(s)
	close(t.moved)
	t.moved = make(chan struct{})
}

// repairs returns the last position that touches the past before a horizon.
func (s *snapshot) repairs(events []*whatchanged.Event, horizon time.Time) whatchanged.Position {
	last := s.repaired
	for _, e := range events {
		if (e.Revision > 0 || e.EffectiveAt.Before(horizon)) && e.Position.Compare(last) > 0 {
			last = e.Position
		}
	}
	return last
}

// learn takes into the view what the events tell of entities, edges and
// corrections.
func (s *snapshot) learn(events []*whatchanged.Event) {
	first := map[whatchanged.Ref]whatchanged.Position{}
	note := func(ref whatchanged.Ref, p whatchanged.Position) {
		if _, known := s.entity(ref); known {
			return
		}
		if was, ok := first[ref]; !ok || p.Compare(was) < 0 {
			first[ref] = p
		}
	}
	var edges []Edge
	corrected := false
	for _, e := range events {
		note(e.Entity, e.Position)
		if d := e.Dependency; d != nil {
			note(d.To, e.Position)
			edges = append(edges, Edge{e.Entity, *d, e.EffectiveAt, e.Position, e.ID, e.Revision})
		}
		if e.Revision > 0 {
			if !corrected {
				s.revisions, corrected = maps.Clone(s.revisions), true
			}
			s.revisions[e.ID] = append(slices.Clone(s.revisions[e.ID]), revision{e.Revision, e.Position})
		}
	}
	s.addEntities(first)
	if len(edges) > 0 {
		s.edges = maps.Clone(s.edges)
		for _, e := range edges {
			s.addEdge(e)
		}
		s.topology = newTopology(s.edges)
	}
}

func (s *snapshot) addEntities(first map[whatchanged.Ref]whatchanged.Position) {
	if len(first) == 0 {
		return
	}
	s.entities = slices.Grow(slices.Clone(s.entities), len(first))
	for ref, p := range first {
		s.entities = append(s.entities, entity{whatchanged.EntityRecord{Ref: ref, FirstKnown: p}, ref.String()})
	}
	slices.SortFunc(s.entities, func(a, b entity) int { return a.Ref.Compare(b.Ref) })
}

// compact merges the youngest segments while they are not much smaller than
// the one before, so that sizes fall by half or more and their number stays
// logarithmic.
func compact(segments []*segment) []*segment {
	n := len(segments)
	size := len(segments[n-1].events)
	from := n - 1
	for from > 0 && len(segments[from-1].events) < 2*size {
		from--
		size += len(segments[from].events)
	}
	if from == n-1 {
		return segments
	}
	return append(segments[:from:from], mergeSegments(segments[from:]))
}

// Trim moves the horizon forward and forgets what lies before it. What the
// tier covers shrinks at once; what it forgets, the cold tier has, so the
// position before the new horizon must have been written there.
func (t *Tier) Trim(horizon time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.current.Load()
	if !horizon.After(was.horizon) {
		return
	}
	s := *was
	s.horizon, s.position = horizon, was.positionAt(horizon)
	s.segments = nil
	for _, seg := range was.segments {
		s.repaired = s.repairs(seg.events, s.horizon)
		if kept := seg.keep(s.horizon, s.position); len(kept.events) > 0 {
			s.segments = append(s.segments, kept)
		}
	}
	s.arrivals = slices.Clone(s.arrivals[len(s.arrivals.upTo(s.position.Sequence)):])
	s.sources = make(map[string]*heardOf, len(was.sources))
	for name, h := range was.sources {
		s.sources[name] = h.after(s.position.Sequence)
	}
	t.current.Store(&s)
}

// after forgets all but the last arrival up to a sequence number.
func (h *heardOf) after(sequence uint64) *heardOf {
	out := &heardOf{before: h.before}
	old := h.all.upTo(sequence)
	if len(old) > 0 {
		out.before = &old[len(old)-1].at
	}
	out.all = slices.Clone(h.all[len(old):])
	out.rejected = slices.Clone(h.rejected[len(h.rejected.upTo(sequence)):])
	return out
}

// Covers reports whether the tier can prove its answers in a view, over an
// interval of effect or of arrival: the interval begins, and KnownAt lies, at
// or after the horizon.
func (t *Tier) Covers(v whatchanged.View, i whatchanged.Interval) bool {
	s := t.current.Load()
	return !i.From.Before(s.horizon) && v.KnownAt.Compare(s.position) >= 0
}

// Holds reports whether the tier holds an event of every one of these ids that
// is visible in the view.
func (t *Tier) Holds(v whatchanged.View, ids []string) bool {
	s := t.current.Load()
	return !slices.ContainsFunc(ids, func(id string) bool {
		return s.changes(v, whatchanged.Selection{IDs: []string{id}, Interval: whatchanged.Always}).Total == 0
	})
}

// Horizon returns the horizon and the last position stored before it.
func (t *Tier) Horizon() (time.Time, whatchanged.Position) {
	s := t.current.Load()
	return s.horizon, s.position
}

// Repaired returns the last position that may have changed what was true
// before the horizon: of an event that took effect there, or of a correction.
// Answers from before the horizon that know this position stay as they are
// until it moves.
func (t *Tier) Repaired() whatchanged.Position { return t.current.Load().repaired }

// Len returns how many events the tier holds.
func (t *Tier) Len() int {
	n := 0
	for _, s := range t.current.Load().segments {
		n += len(s.events)
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

// PositionAt returns the last position stored before at, which must not lie
// before the horizon.
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

// Mentions returns the events that carry a text.
func (t *Tier) Mentions(_ context.Context, v whatchanged.View, m whatchanged.Mention) (whatchanged.Page, error) {
	s, err := t.at(v)
	if err != nil {
		return whatchanged.Page{}, err
	}
	return s.mentions(v, m), nil
}

// Entities returns the entities of a selection.
func (t *Tier) Entities(_ context.Context, v whatchanged.View, sel whatchanged.EntitySelection) ([]whatchanged.EntityRecord, error) {
	s, err := t.at(v)
	if err != nil {
		return nil, err
	}
	return s.find(v, sel), nil
}

// Reach follows the dependency edges that hold in the view.
func (t *Tier) Reach(_ context.Context, v whatchanged.View, w whatchanged.Walk) ([]whatchanged.Reached, error) {
	s, err := t.at(v)
	if err != nil {
		return nil, err
	}
	return s.topology.reach(s.in(v), w), nil
}

// Sources says how each source was heard in an interval of arrival.
func (t *Tier) Sources(_ context.Context, v whatchanged.View, i whatchanged.Interval) ([]whatchanged.SourceCoverage, error) {
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
	for _, s := range t.current.Load().segments {
		for _, at := range slices.Concat(s.byID[identity], s.byID[id]) {
			if e := s.events[at]; e.Identity() == identity && (!ok || e.Position.Compare(first) < 0) {
				first, ok = e.Position, true
			}
		}
	}
	return first, ok
}
