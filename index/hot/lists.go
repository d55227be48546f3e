package hot

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"whatchanged.dev/whatchanged"
)

// lists are the entities in the orders in which they are asked for, and by
// what is asked of them. They are not copied for each snapshot: whatever is
// in them carries the position that told of it, so one set of lists serves
// every view, and what a view does not know it passes over. A view of the
// present takes lists and counts as they stand; a view of the past filters.
type lists struct {
	mu      sync.RWMutex
	entries map[whatchanged.Ref]*entry
	byRef   posting
	recent  recency

	kinds, namespaces, environments, regions, owners facet

	newest      whatchanged.Position // the last that told of a new entity or of a new place for one
	owned       whatchanged.Position // the last that may have changed an owner
	ownedLatest time.Time            // when the last change of an owner takes effect
	owning      map[string][]*entry  // by id of the event that told of an owner
	since       whatchanged.Position // recency is known of every view from here on
}

// An entry is what lists know of an entity.
type entry struct {
	ref     whatchanged.Ref
	text    string // of the reference, for search
	first   whatchanged.Position
	places  []place
	tellers []teller               // sources that told of it
	owners  []ownerVersion         // in order of time
	owner   string                 // the one in force once all that is known has taken effect
	told    []whatchanged.Position // of events on it, ascending; the first of them may stand for earlier ones
	next    *entry                 // that of which less lately was told
	prev    *entry
}

// A place is an environment or a region, and the first position that told of
// the entity there.
type place struct {
	in    *facet
	at    *value
	first whatchanged.Position
}

// An ownerVersion is what one event said of the owner.
type ownerVersion struct {
	owner       whatchanged.Ref
	effectiveAt time.Time
	position    whatchanged.Position
	id          string
	revision    int
}

// A posting is entries in the order of references.
type posting []*entry

func (p posting) find(ref whatchanged.Ref) (int, bool) {
	return slices.BinarySearchFunc(p, ref, func(e *entry, ref whatchanged.Ref) int { return e.ref.Compare(ref) })
}

// A facet is the entries by one thing they have.
type facet map[string]*value

type value struct {
	label string // as it was first spelled
	posting
}

// spelled returns the value that is spelled so, but for its case.
func (f *facet) spelled(label string) *value {
	if *f == nil {
		*f = facet{}
	}
	key := strings.ToLower(label)
	v := (*f)[key]
	if v == nil && label != "" {
		v = &value{label: label}
		(*f)[key] = v
	}
	return v
}

func (f *facet) add(label string, e *entry) {
	v := f.spelled(label)
	if i, ok := v.find(e.ref); !ok {
		v.posting = slices.Insert(v.posting, i, e)
	}
}

func (f facet) remove(label string, e *entry) {
	v := f[strings.ToLower(label)]
	if v == nil {
		return
	}
	if i, ok := v.find(e.ref); ok {
		v.posting = slices.Delete(v.posting, i, i+1)
	}
	if len(v.posting) == 0 {
		delete(f, strings.ToLower(label))
	}
}

// counts returns how many entries each value has.
func (f facet) counts() []whatchanged.FacetCount {
	out := make([]whatchanged.FacetCount, 0, len(f))
	for _, v := range f {
		out = append(out, whatchanged.FacetCount{Value: v.label, Count: len(v.posting)})
	}
	return ranked(out)
}

func ranked(counts []whatchanged.FacetCount) []whatchanged.FacetCount {
	slices.SortFunc(counts, func(a, b whatchanged.FacetCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return counts
}

// note returns the entry of an entity that a position told of.
func (l *lists) note(ref whatchanged.Ref, p whatchanged.Position) *entry {
	e := l.entries[ref]
	if e != nil {
		return e
	}
	e = &entry{ref: ref, text: ref.String(), first: p}
	l.entries[ref] = e
	i, _ := l.byRef.find(ref)
	l.byRef = slices.Insert(l.byRef, i, e)
	l.kinds.add(string(ref.Kind), e)
	l.namespaces.add(ref.Namespace, e)
	l.newest = latest(l.newest, p)
	return e
}

func latest(a, b whatchanged.Position) whatchanged.Position {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// placed notes that an event of an entity said where.
func (l *lists) placed(e *entry, in *facet, name string, p whatchanged.Position) {
	at := in.spelled(name)
	if name == "" || slices.ContainsFunc(e.places, func(has place) bool { return has.at == at }) {
		return
	}
	e.places = append(e.places, place{in, at, p})
	in.add(name, e)
	l.newest = latest(l.newest, p)
}

// learn takes in events that follow all that was learned before. corrected
// says whether a later revision of an event is known.
func (l *lists) learn(events []*whatchanged.Event, corrected func(id string, revision int) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range events {
		e := l.note(ev.Entity, ev.Position)
		e.tells(ev.Source, ev.Position)
		if ev.Dependency != nil {
			l.note(ev.Dependency.To, ev.Position).tells(ev.Source, ev.Position)
		}
		l.placed(e, &l.environments, ev.Placement.Environment, ev.Position)
		l.placed(e, &l.regions, ev.Placement.Region, ev.Position)
		e.told = append(e.told, ev.Position)
		l.recent.front(e)
		if ev.Kind == whatchanged.Ownership {
			l.own(e, ownerVersion{whatchanged.OwnerOf(ev.After), ev.EffectiveAt, ev.Position, ev.ID, ev.Revision})
			l.settle(e, corrected)
		}
		if ev.Revision > 0 {
			for _, was := range l.owning[ev.ID] {
				l.owned = latest(l.owned, ev.Position)
				l.settle(was, corrected)
			}
		}
	}
}

// own adds what an event said of an owner.
func (l *lists) own(e *entry, v ownerVersion) {
	i, _ := slices.BinarySearchFunc(e.owners, v, func(a, b ownerVersion) int { return a.key().Compare(b.key()) })
	e.owners = slices.Insert(e.owners, i, v)
	l.owning[v.id] = append(l.owning[v.id], e)
	l.owned = latest(l.owned, v.position)
	if v.effectiveAt.After(l.ownedLatest) {
		l.ownedLatest = v.effectiveAt
	}
}

func (v *ownerVersion) key() whatchanged.Key {
	return whatchanged.Key{EffectiveAt: v.effectiveAt, Position: v.position}
}

// settle files an entry under the owner that is in force once all that is
// known has taken effect.
func (l *lists) settle(e *entry, corrected func(id string, revision int) bool) {
	owner := ""
	if v := e.inForce(func(v *ownerVersion) bool { return !corrected(v.id, v.revision) }); v != nil {
		owner = v.owner.String()
	}
	if owner == e.owner {
		return
	}
	if e.owner != "" {
		l.owners.remove(e.owner, e)
	}
	if e.owner = owner; owner != "" {
		l.owners.add(owner, e)
	}
}

// inForce returns the latest version that counts, nil if there is none or it
// names nobody.
func (e *entry) inForce(counts func(*ownerVersion) bool) *ownerVersion {
	for i := len(e.owners) - 1; i >= 0; i-- {
		if v := &e.owners[i]; counts(v) {
			if v.owner.IsZero() {
				return nil
			}
			return v
		}
	}
	return nil
}

// forget drops what no view from a position on needs to know of when entities
// were told of.
func (l *lists) forget(before whatchanged.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		i, _ := slices.BinarySearchFunc(e.told, before, whatchanged.Position.Compare)
		if i > 1 {
			e.told = slices.Clone(e.told[i-1:])
		}
	}
	l.since = latest(l.since, before)
}

// recency is entries by the last position that told of them, the last first.
type recency struct{ first *entry }

// front moves an entry to the front.
func (r *recency) front(e *entry) {
	if r.first == e {
		return
	}
	if e.prev != nil {
		e.prev.next = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, r.first
	if r.first != nil {
		r.first.prev = e
	}
	r.first = e
}

// listsOf makes the lists of what a tier starts from. Entries are added in the
// order of references, so that none is inserted before others.
func listsOf(base Base, corrected func(id string, revision int) bool) *lists {
	l := &lists{entries: map[whatchanged.Ref]*entry{}, owning: map[string][]*entry{}, since: base.Watermark.Position}
	slices.SortFunc(base.Places, func(a, b Place) int { return a.First.Compare(b.First) })
	for _, p := range base.Places {
		l.environments.spelled(p.Environment)
		l.regions.spelled(p.Region)
	}
	slices.SortStableFunc(base.Places, func(a, b Place) int { return a.Entity.Compare(b.Entity) })
	for _, p := range base.Places {
		e := l.note(p.Entity, p.First)
		l.placed(e, &l.environments, p.Environment, p.First)
		l.placed(e, &l.regions, p.Region, p.First)
		switch {
		case p.Last.IsZero(): // it is only depended on
		case len(e.told) == 0:
			e.told = []whatchanged.Position{p.Last}
		default:
			e.told[0] = latest(e.told[0], p.Last)
		}
	}
	told := slices.DeleteFunc(slices.Clone(l.byRef), func(e *entry) bool { return len(e.told) == 0 })
	slices.SortFunc(told, func(a, b *entry) int { return a.told[0].Compare(b.told[0]) })
	for _, e := range told {
		l.recent.front(e)
	}
	for _, t := range base.Tellers {
		l.note(t.Entity, t.First).tells(t.Source, t.First)
	}
	for _, o := range base.Owners {
		l.own(l.note(o.Entity, o.Position), ownerVersion{o.Owner, o.EffectiveAt, o.Position, o.ID, o.Revision})
	}
	for _, e := range l.byRef {
		l.settle(e, corrected)
	}
	return l
}
