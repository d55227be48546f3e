package resolvers

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A thing is what is compared: an aspect of an entity, or one dependency of
// it. Where the sides are namespaces, the namespace is no part of it.
type thing struct {
	entity   whatchanged.Ref
	kind     whatchanged.EventKind
	to       whatchanged.Ref
	evidence whatchanged.Evidence
}

func (t thing) compare(u thing) int {
	return cmp.Or(t.entity.Compare(u.entity), cmp.Compare(t.kind, u.kind), t.to.Compare(u.to), cmp.Compare(t.evidence, u.evidence))
}

// thing returns what an event tells of.
func (s *half) thing(e *whatchanged.Event) thing {
	t := thing{entity: s.like(e.Entity), kind: e.Kind}
	if d := e.Dependency; d != nil {
		t.to, t.evidence = s.like(d.To), d.Evidence
	}
	return t
}

func (s *half) like(ref whatchanged.Ref) whatchanged.Ref {
	if s.Namespace != "" && strings.EqualFold(ref.Namespace, s.Namespace) {
		ref.Namespace = ""
	}
	return ref
}

// slot is the part of a placement that the side does not ask: what is compared
// place by place.
func (s *half) slot(p whatchanged.Placement) whatchanged.Placement {
	asked := s.place()
	for _, f := range [...]struct {
		asked string
		field *string
	}{{asked.Environment, &p.Environment}, {asked.Region, &p.Region}, {asked.Cluster, &p.Cluster}, {asked.Cell, &p.Cell}} {
		if f.asked != "" {
			*f.field = ""
		}
	}
	return p
}

// A holding is what was said of one thing on one side.
type holding struct {
	side               *half
	declared, observed []*whatchanged.Event
}

// hold sorts the events of a side by what they tell of. Dependencies that were
// observed are told apart by their evidence.
func (s *half) hold() map[thing]*holding {
	all := map[thing]*holding{}
	for _, e := range s.states {
		t := s.thing(e)
		if all[t] == nil {
			all[t] = &holding{side: s}
		}
		if e.Action == whatchanged.ActionObserved && e.Dependency == nil && !s.Live {
			all[t].observed = append(all[t].observed, e)
		} else {
			all[t].declared = append(all[t].declared, e)
		}
	}
	return all
}

// slots returns the places that were told of.
func (h *holding) slots() (all []whatchanged.Placement) {
	for _, e := range slices.Concat(h.declared, h.observed) {
		all = append(all, h.side.slot(e.Placement))
	}
	return all
}

// general reports whether what holds at p holds at slot too: p is the same or
// says less.
func general(p, slot whatchanged.Placement) bool { return slot.Match(p) == whatchanged.Inside }

// precise orders placements by how much they say.
func precise(p, q whatchanged.Placement) int {
	known := func(s string) int { return boolInt(s != "") }
	count := func(p whatchanged.Placement) int {
		return known(p.Environment) + known(p.Region) + known(p.Cluster) + known(p.Cell)
	}
	return cmp.Or(cmp.Compare(count(p), count(q)), cmp.Compare(known(p.Cell), known(q.Cell)), cmp.Compare(known(p.Cluster), known(q.Cluster)),
		cmp.Compare(known(p.Region), known(q.Region)))
}

func boolInt(b bool) int { return 1 - unlikely(b) }

// at returns of some events the one in force at a slot: of those that stand,
// the one that was said of the most precise place. Of what is gone, gone is
// the last that said so.
func (h *holding) at(events []*whatchanged.Event, slot whatchanged.Placement) (stands, gone *whatchanged.Event) {
	for _, e := range events {
		best := &stands
		if ends(e) {
			best = &gone
		}
		if general(h.side.slot(e.Placement), slot) && (*best == nil || cmp.Or(precise(e.Placement, (*best).Placement), e.Key().Compare((*best).Key())) > 0) {
			*best = e
		}
	}
	return stands, gone
}

// ends reports whether nothing holds after an event.
func ends(e *whatchanged.Event) bool {
	if e.Dependency != nil {
		return e.Dependency.Removed
	}
	return e.Deletes()
}

// A value is what holds for a slot on one side.
type value struct {
	slot     whatchanged.Placement
	declared *whatchanged.Event // or what was observed, when nothing was declared
	live     *whatchanged.Event // observed otherwise than declared
	gone     *whatchanged.Event // says that nothing holds, when nothing does
}

func (h *holding) value(slot whatchanged.Placement) value {
	v := value{slot: slot}
	if h == nil {
		return v
	}
	v.declared, v.gone = h.at(h.declared, slot)
	live, _ := h.at(h.observed, slot)
	switch {
	case v.declared == nil && v.gone == nil:
		v.declared = live
	case v.declared != nil && live != nil && differs(v.declared, live):
		v.live = live
	}
	return v
}

func differs(e, f *whatchanged.Event) bool { kinds, _ := differ(e, f); return len(kinds) > 0 }

// actual is what runs: what was observed, else what was declared.
func (v value) actual() *whatchanged.Event {
	if v.live != nil {
		return v.live
	}
	return v.declared
}

// differences compares the sides and counts the values compared.
func (c *comparison) differences() (all []Difference, compared int) {
	left, right := c.left.hold(), c.right.hold()
	things := maps.Clone(left)
	maps.Copy(things, right)
	for _, t := range slices.SortedFunc(maps.Keys(things), thing.compare) {
		pairs := c.observed(pairs(left[t], right[t]))
		compared += len(pairs)
		for _, p := range pairs {
			if d, ok := c.difference(t, p, left[t], right[t]); ok {
				all = append(all, d)
			}
		}
	}
	return all, compared
}

// observed leaves out what nobody observed, where one side is what was.
func (c *comparison) observed(pairs [][2]value) [][2]value {
	if c.left.Live == c.right.Live {
		return pairs
	}
	return slices.DeleteFunc(pairs, func(p [2]value) bool {
		return c.left.Live && p[0].declared == nil || c.right.Live && p[1].declared == nil
	})
}

// pairs returns what is to be compared of one thing: slot by slot. A value of
// a whole is not missing where its parts have their own. Where the parts have
// other names on the other side, as clusters of two regions do, and each side
// is of one value, these two are compared.
func pairs(l, r *holding) (all [][2]value) {
	var slots []whatchanged.Placement
	for _, h := range []*holding{l, r} {
		if h != nil {
			slots = append(slots, h.slots()...)
		}
	}
	slices.SortFunc(slots, func(p, q whatchanged.Placement) int { return cmp.Compare(p.String(), q.String()) })
	slots = slices.Compact(slots)
	var onlyLeft, onlyRight []value
	for _, slot := range slots {
		v, w := l.value(slot), r.value(slot)
		switch {
		case v.declared != nil && w.declared != nil:
			all = append(all, [2]value{v, w})
		case v.declared != nil && !r.parts(slot):
			onlyLeft = append(onlyLeft, v)
		case w.declared != nil && !l.parts(slot):
			onlyRight = append(onlyRight, w)
		}
	}
	if len(onlyLeft) > 0 && len(onlyRight) > 0 && uniform(onlyLeft) && uniform(onlyRight) {
		return append(all, [2]value{last(onlyLeft), last(onlyRight)})
	}
	for _, v := range onlyLeft {
		all = append(all, [2]value{v, r.value(v.slot)})
	}
	for _, w := range onlyRight {
		all = append(all, [2]value{l.value(w.slot), w})
	}
	return all
}

// parts reports whether something stands at a part of a slot.
func (h *holding) parts(slot whatchanged.Placement) bool {
	return h != nil && slices.ContainsFunc(slices.Concat(h.declared, h.observed), func(e *whatchanged.Event) bool {
		part := h.side.slot(e.Placement)
		return part != slot && general(slot, part) && !ends(e)
	})
}

func uniform(values []value) bool {
	return !slices.ContainsFunc(values, func(v value) bool {
		return differs(values[0].declared, v.declared) || differs(values[0].actual(), v.actual())
	})
}

// last returns the value that was written last.
func last(values []value) value {
	return slices.MaxFunc(values, func(v, w value) int { return v.declared.Key().Compare(w.declared.Key()) })
}

// difference says how two values differ; ok is false when they do not.
func (c *comparison) difference(t thing, p [2]value, left, right *holding) (d Difference, ok bool) {
	l, r := p[0], p[1]
	d = Difference{Aspect: aspectOf[t.kind], Kind: t.kind, Differs: []string{}, Diff: []whatchanged.Edit{}}
	if l.slot == r.slot {
		d.Placement = l.slot
	}
	if l.declared == nil || r.declared == nil {
		d.Differs = []string{DiffersMissing}
		d.Drift = !overridden(l, r, left, right)
	} else {
		d.Differs, d.Diff = differ(l.declared, r.declared)
		d.Drift = len(d.Differs) > 0 && !overridden(l, r, left, right)
		if l.live != nil || r.live != nil {
			if kinds, edits := differ(l.actual(), r.actual()); len(kinds) > 0 {
				d.Drift = true
				if len(d.Differs) == 0 {
					d.Differs, d.Diff = kinds, edits
				}
			}
		}
	}
	if len(d.Differs) == 0 {
		return d, false
	}
	if !t.to.IsZero() {
		d.Differs = []string{DiffersDependency}
	}
	d.Diff = filled(d.Diff)
	base := baseOf(l, r, left, right)
	d.Left, d.Right = l.shown(base), r.shown(base)
	c.name(&d, l, r)
	d.date(c.now, l, r)
	return d, true
}

// name names the entity, of the left side where it is there.
func (c *comparison) name(d *Difference, l, r value) {
	e := cmp.Or(l.declared, r.declared)
	d.Entity = e.Entity
	if e.Dependency != nil {
		to := e.Dependency.To
		d.To = &to
	}
	if l.declared != nil && r.declared != nil && l.declared.Entity != r.declared.Entity {
		d.Left.Entity, d.Right.Entity = &l.declared.Entity, &r.declared.Entity
	}
}

// date says since when the values differ: since the later one of them holds.
func (d *Difference) date(now time.Time, l, r value) {
	since := [2]time.Time{}
	for i, v := range []value{l, r} {
		for _, e := range []*whatchanged.Event{v.declared, v.live, v.gone} {
			if e != nil {
				since[i] = latest(since[i], e.EffectiveAt)
			}
		}
	}
	d.Since = latest(since[0], since[1])
	d.AgeSeconds = round(now.Sub(d.Since).Seconds())
	switch since[0].Compare(since[1]) {
	case 1:
		d.LastWritten = "left"
	case -1:
		d.LastWritten = "right"
	}
}

// baseOf returns what was said of a wider place and stands for both sides, nil
// if nothing does.
func baseOf(l, r value, left, right *holding) (base *whatchanged.Event) {
	if left == nil || right == nil {
		return nil
	}
	for _, e := range left.declared {
		if !general(left.side.slot(e.Placement), l.slot) || ends(e) {
			continue
		}
		both := slices.ContainsFunc(right.declared, func(f *whatchanged.Event) bool {
			return f.Placement == e.Placement && !ends(f) && general(right.side.slot(f.Placement), r.slot)
		})
		if both && (base == nil || precise(e.Placement, base.Placement) > 0) {
			base = e
		}
	}
	return base
}

// overridden reports whether a source declared that the sides shall differ:
// one has a value of its own over one that stands for both, or says so.
func overridden(l, r value, left, right *holding) bool {
	base := baseOf(l, r, left, right)
	return l.overrides(base) || r.overrides(base)
}

func (v value) overrides(base *whatchanged.Event) bool {
	e := v.declared
	return e != nil && (e.Attributes["override"] == "true" || base != nil && e.Action != whatchanged.ActionObserved && precise(e.Placement, base.Placement) > 0)
}

// shown is a value as answers show it.
func (v value) shown(base *whatchanged.Event) SideState {
	e := v.declared
	if e == nil {
		e = v.gone
	}
	if e == nil {
		return SideState{}
	}
	s := SideState{Present: v.declared != nil, Placement: e.Placement, Override: v.overrides(base), Since: &e.EffectiveAt, Actor: e.Actor,
		Source: e.Source, ID: &e.ID, Evidence: e.Evidence()}
	if s.Present {
		s.Value, s.Version = e.After, e.Version
	}
	if l := v.live; l != nil {
		s.Live = &LiveState{Value: l.After, Version: l.Version, Since: l.EffectiveAt, ID: l.ID}
	}
	return s
}
