package whatchanged

import (
	"cmp"
	"slices"
	"time"
)

// StuckFloor is the shortest silence of a rollout in flight that is called
// stuck.
const StuckFloor = time.Hour

// Rollouts derives from change events, given in any order, what goes out in
// stages, the last to move first:
//
//   - the steps that a source reports of one rollout;
//   - successive percentages of one flag, experiment, model or config;
//   - one version or value that reaches one placement of an environment after
//     the other, each within [WaveGap] of the one before. Deployments that a
//     source reports apart, of the same version, are one rollout so.
//
// held are the events in force, from which follows where else the entities
// are; asOf is the moment from which it is seen. Events after it must not be
// among the events.
func Rollouts(events, held []*Event, asOf time.Time) []*Rollout {
	all := chronological(events)
	units, named, rest := explicitly(all)
	found, rest := ramps(rest)
	found = append(found, named...)
	for _, e := range rest {
		if u := plainly(e); u != nil {
			units = append(units, u)
		}
	}
	slices.SortStableFunc(units, func(a, b *unit) int { return inTime(a.first().Event, b.first().Event) })
	where := placesOf(held)
	for _, r := range found {
		if !ends(r.Phase) {
			r.Next = append(r.Next, where.beside(r)...)
		}
	}
	for _, w := range waves(units) {
		if r := w.rollout(where.next(w), asOf); r != nil {
			found = append(found, r)
		}
	}
	supersede(found)
	stall(found, asOf)
	slices.SortFunc(found, func(a, b *Rollout) int {
		return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), cmp.Compare(a.ID, b.ID), a.Entity.Compare(b.Entity))
	})
	return found
}

// ends reports whether a rollout goes nowhere any more.
func ends(p Phase) bool { return p.Ended() && p != PhasePromoted }

// explicitly groups the events that say what rollout they are a step of.
// Deployments of a version to a precise placement are units, since the next
// placement may be reported apart.
func explicitly(events []*Event) (units []*unit, found []*Rollout, rest []*Event) {
	type name struct{ source, id string }
	by := map[name][]taken{}
	var order []name
	for _, e := range events {
		if e.Rollout == nil {
			rest = append(rest, e)
			continue
		}
		n := name{e.Source, e.Rollout.ID}
		if by[n] == nil {
			order = append(order, n)
		}
		by[n] = append(by[n], taken{e, *e.Rollout})
	}
	for _, n := range order {
		steps := by[n]
		first := steps[0]
		oneSpot := !slices.ContainsFunc(steps, func(s taken) bool { return s.Placement != first.Placement || s.Version != first.Version })
		if first.Kind == Deployment && first.Version != "" && first.Placement.precise() && oneSpot {
			units = append(units, &unit{id: n.id, steps: steps, explicit: true, brings: first.Version, before: first.PreviousVersion})
			continue
		}
		r := follow(steps)
		r.group = groupOf(first.Kind)
		found = append(found, r)
	}
	return units, found, rest
}

// groupOf names what takes the place of each other: a service is deployed, by
// whatever name.
func groupOf(k EventKind) string {
	if k == Deployment {
		k = RolloutKind
	}
	return string(k)
}

// plainly reads an event that brings a version or a value at once.
func plainly(e *Event) *unit {
	if _, sets := e.StateKey(); !sets || e.Action == ActionObserved || !slices.Contains(waveKinds, e.Kind) {
		return nil
	}
	u := &unit{steps: []taken{{e, RolloutStep{Phase: PhasePromoted}}}, brings: brings(e), before: cmp.Or(e.PreviousVersion, e.Before.String())}
	if e.Kind != Deployment && e.After != nil {
		u.before = e.Before.String()
	}
	if u.brings == "" {
		return nil
	}
	return u
}

// brings is what an event leaves behind: of a deployment the version, of all
// else the value, by which a change of two places in one commit is told apart.
func brings(e *Event) string {
	if e.Kind == Deployment {
		return e.Version
	}
	return cmp.Or(e.After.String(), e.Version)
}

// places are the events in force, by entity and kind.
type places map[Ref][]*Event

func placesOf(held []*Event) places {
	by := places{}
	for _, e := range unique(held) {
		if e.Placement.precise() && e.Action != ActionObserved {
			by[e.Entity] = append(by[e.Entity], e)
		}
	}
	return by
}

// next returns the placements that a wave is yet to reach: of its environment,
// with something else that was there before the wave began.
func (p places) next(w *wave) []Placement {
	first := w.units[0].first()
	return p.other(first.Event, func(e *Event) bool {
		_, been := w.had(e.Placement)
		return !been && brings(e) != w.brings() && e.EffectiveAt.Before(first.EffectiveAt)
	})
}

// beside returns the placements of its environments that a rollout has not
// been in, and that have had nothing new since it began.
func (p places) beside(r *Rollout) []Placement {
	var next []Placement
	for _, at := range r.places {
		if !at.precise() {
			return nil
		}
		like := &Event{Entity: r.Entity, Kind: r.Kind, Placement: at}
		for _, other := range p.other(like, func(e *Event) bool {
			return e.EffectiveAt.Before(r.StartedAt) && (r.Version == "" || brings(e) != r.Version)
		}) {
			if !slices.Contains(next, other) && !slices.Contains(r.places, other) {
				next = append(next, other)
			}
		}
	}
	return next
}

// other returns where else the entity of an event has something of its kind,
// in the same environment, in the order of their names.
func (p places) other(of *Event, fits func(*Event) bool) []Placement {
	var out []Placement
	if !of.Placement.precise() {
		return nil
	}
	for _, e := range p[of.Entity] {
		if groupOf(e.Kind) == groupOf(of.Kind) && e.Placement != of.Placement && e.Placement.stage() == of.Placement.stage() &&
			fits(e) && !slices.Contains(out, e.Placement) {
			out = append(out, e.Placement)
		}
	}
	slices.SortFunc(out, func(a, b Placement) int { return cmp.Compare(a.String(), b.String()) })
	return out
}

// supersede ends the rollouts in flight that have not moved since a later one
// of the same entity began in a placement of theirs.
func supersede(all []*Rollout) {
	by := map[Ref][]*Rollout{}
	for _, r := range all {
		by[r.Entity] = append(by[r.Entity], r)
	}
	for _, of := range by {
		slices.SortFunc(of, func(a, b *Rollout) int { return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID)) })
		for i, r := range of {
			if r.Phase.Ended() {
				continue
			}
			for _, later := range of[i+1:] {
				if later.StartedAt.After(r.UpdatedAt) && later.group == r.group && later.touches(r) {
					r.Phase, r.SupersededBy, r.Next = PhaseSuperseded, later.ID, nil
					break
				}
			}
		}
	}
}

// Placements returns where the rollout has been seen and where it is yet to go.
func (r *Rollout) Placements() []Placement { return slices.Concat(r.places, r.Next) }

// touches reports whether two rollouts were seen in one placement, or in one
// that lies in the other's.
func (r *Rollout) touches(s *Rollout) bool {
	return slices.ContainsFunc(r.places, func(p Placement) bool {
		return slices.ContainsFunc(s.places, func(q Placement) bool { return p.Match(q) == Inside || q.Match(p) == Inside })
	})
}

// stall finds what is stuck: in flight, and silent for longer than nine in ten
// gaps between the steps of its entity's rollouts, or, when there are fewer than
// three, of its kind's; never for less than [StuckFloor].
func stall(all []*Rollout, asOf time.Time) {
	of, kinds := map[Ref]gaps{}, map[string]gaps{}
	for _, r := range all {
		of[r.Entity], kinds[r.group] = append(of[r.Entity], r.gaps()...), append(kinds[r.group], r.gaps()...)
	}
	for _, usual := range of {
		slices.Sort(usual)
	}
	for _, usual := range kinds {
		slices.Sort(usual)
	}
	for _, r := range all {
		usual := of[r.Entity]
		if len(usual) < 3 {
			usual = kinds[r.group]
		}
		r.StuckAfter = max(StuckFloor, usual.most())
		r.Stuck = !r.Phase.Ended() && asOf.Sub(r.UpdatedAt) > r.StuckAfter
	}
}

// gaps are the times between steps.
type gaps []time.Duration

func (r *Rollout) gaps() (out gaps) {
	for i := 1; i < len(r.Moments); i++ {
		out = append(out, r.Moments[i].At.Sub(r.Moments[i-1].At))
	}
	return out
}

// most is what nine in ten do not exceed; 0 when there are fewer than three.
func (g gaps) most() time.Duration {
	if len(g) < 3 {
		return 0
	}
	return g[(len(g)-1)*9/10]
}
