package resolvers

import (
	"cmp"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// How far a change has got in a place where a dependent is.
const (
	exposedReached   = "reached"   // it took effect there
	exposedNext      = "next"      // its rollout is on its way there
	exposedElsewhere = "elsewhere" // it is known to be in other places only
	exposedUnknown   = "unknown"   // where it is, or where this is, is not known
)

// An ImpactPlace is where an entity is, and whether the change is there too.
type ImpactPlace struct {
	Placement whatchanged.Placement `json:"placement"`
	Version   string                `json:"version"`
	Exposure  *string               `json:"exposure"` // nil when no change is asked of
}

// placesOf returns where an entity is: where something of it holds.
func (d *endeavour) placesOf(ref whatchanged.Ref) []ImpactPlace {
	out := []ImpactPlace{}
	for _, e := range d.states[ref] {
		if e.Placement.IsZero() || e.Deletes() {
			continue
		}
		i := slices.IndexFunc(out, func(p ImpactPlace) bool { return p.Placement == e.Placement })
		switch {
		case i < 0:
			out = append(out, ImpactPlace{Placement: e.Placement, Version: clip(e.Version), Exposure: d.exposure(e.Placement)})
		case e.Kind == whatchanged.Deployment: // it says best what runs there
			out[i].Version = clip(e.Version)
		}
	}
	slices.SortFunc(out, func(p, q ImpactPlace) int { return cmp.Compare(p.Placement.String(), q.Placement.String()) })
	return out
}

// countPlaces counts the places of all dependents: services times placements.
func (d *endeavour) countPlaces() (n int) {
	for _, r := range d.reached {
		n += len(d.placesOf(r.Ref))
	}
	return n
}

// exposure says whether the change, or what is going out, has got to a place.
func (d *endeavour) exposure(at whatchanged.Placement) *string {
	if d.change == nil && d.rollout == nil {
		return nil
	}
	been, next := d.extent()
	said := exposedElsewhere
	best := whatchanged.Outside
	for _, p := range been {
		best = max(best, at.Match(p))
	}
	switch {
	case len(been) == 0, slices.Contains(been, whatchanged.Placement{}):
		said = exposedUnknown
	case best == whatchanged.Inside:
		said = exposedReached
	case slices.ContainsFunc(next, func(p whatchanged.Placement) bool { return at.Match(p) == whatchanged.Inside }):
		said = exposedNext
	case best == whatchanged.Unknown:
		said = exposedUnknown
	}
	return &said
}

// extent returns where the change has been, and where its rollout goes next. Of
// a rollout that was put together of changes told apart, those before it
// brought something else.
func (d *endeavour) extent() (been, next []whatchanged.Placement) {
	if d.rollout == nil {
		return []whatchanged.Placement{d.change.Placement}, nil
	}
	for _, m := range d.rollout.Moments {
		later := d.change == nil || d.change.Rollout != nil || !m.At.Before(d.change.EffectiveAt)
		if later && m.Phase != whatchanged.PhasePending {
			been = append(been, m.Placement)
		}
	}
	return been, d.rollout.Next
}

// placesText lists places in a cell.
func placesText(places []ImpactPlace) string {
	var all []string
	for _, p := range places {
		text := p.Placement.String()
		if p.Version != "" {
			text += " " + shortVersion(p.Version)
		}
		if p.Exposure != nil {
			text += " (" + *p.Exposure + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
