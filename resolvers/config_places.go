package resolvers

import (
	"cmp"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// A held is what is in force of an aspect in a place: the event that set it,
// nil when it was only observed, and what was observed of it.
type held struct {
	key      whatchanged.StateKey // of the event, of the place when there is none
	place    whatchanged.Placement
	event    *whatchanged.Event
	why      string
	observed []*whatchanged.Event
}

// inForce finds, for each entity and kind, what is in force where it was
// asked; the states come in the order of their keys. What the filter hides is
// counted.
func (f filter) inForce(states []*whatchanged.Event, x *excluded) []held {
	all := []held{}
	for len(states) > 0 {
		first, _ := states[0].StateKey()
		n := slices.IndexFunc(states, func(e *whatchanged.Event) bool { return e.Entity != first.Entity || e.Kind != first.Kind })
		if n < 0 {
			n = len(states)
		}
		all = append(all, f.aspect(states[:n], x)...)
		states = states[n:]
	}
	return all
}

// aspect is inForce for one kind of one entity.
func (f filter) aspect(states []*whatchanged.Event, x *excluded) []held {
	var declared, observed []*whatchanged.Event
	for _, e := range f.apply(states, x) {
		if e.Action == whatchanged.ActionObserved {
			observed = append(observed, e)
		} else {
			declared = append(declared, e)
		}
	}
	var all []held
	if f.asksPlacement() {
		all = f.covering(declared, x)
	} else {
		for _, e := range declared {
			all = append(all, heldAt(e.Placement, e, "set "+forPlace(e.Placement)))
		}
	}
	for _, o := range observed {
		all = observe(all, o)
	}
	slices.SortStableFunc(all, func(g, h held) int { return g.key.Compare(h.key) })
	return all
}

func heldAt(place whatchanged.Placement, e *whatchanged.Event, why string) held {
	return held{key: whatchanged.StateKey{Entity: e.Entity, Kind: e.Kind, Placement: place}, place: place, event: e, why: why}
}

func forPlace(p whatchanged.Placement) string {
	if p.IsZero() {
		return "without a placement"
	}
	return "for " + Fence(p.String())
}

// covering finds what is in force at each place asked, and at the places
// within it of which something more specific is known: the most specific value
// that covers the place. Those that cover no place of their own are counted.
func (f filter) covering(declared []*whatchanged.Event, x *excluded) []held {
	var all []held
	used := map[*whatchanged.Event]bool{}
	for _, place := range f.places(declared) {
		var over []*whatchanged.Event // that cover the place, the most specific first
		for _, e := range declared {
			if place.Match(e.Placement) == whatchanged.Inside {
				over = append(over, e)
			}
		}
		if len(over) == 0 {
			continue
		}
		slices.SortFunc(over, moreSpecific)
		e, why := winner(place, over)
		used[e] = true
		all = append(all, heldAt(place, e, why))
	}
	for _, e := range declared {
		if !used[e] {
			x.add(ReasonOverridden, 1)
		}
	}
	return all
}

// places returns the places asked, and the places within them for which
// something is set, each once.
func (f filter) places(declared []*whatchanged.Event) []whatchanged.Placement {
	regions := f.Regions
	if len(regions) == 0 {
		regions = []string{""}
	}
	var all []whatchanged.Placement
	add := func(p whatchanged.Placement) {
		if !slices.ContainsFunc(all, func(q whatchanged.Placement) bool {
			return strings.EqualFold(p.String(), q.String()) && p.Match(q) == whatchanged.Inside
		}) {
			all = append(all, p)
		}
	}
	for _, region := range regions {
		asked := whatchanged.Placement{Environment: f.Environment, Region: region}
		add(asked)
		for _, e := range declared {
			if p := e.Placement; p.Match(asked) != whatchanged.Outside {
				add(whatchanged.Placement{Environment: cmp.Or(asked.Environment, p.Environment), Region: cmp.Or(asked.Region, p.Region), Cluster: p.Cluster, Cell: p.Cell})
			}
		}
	}
	return all
}

// moreSpecific orders events by how much of their placement is known, then by
// how narrow that is, the latest first among equals.
func moreSpecific(e, o *whatchanged.Event) int {
	known := func(p whatchanged.Placement) (n, narrow int) {
		for i, s := range []string{p.Environment, p.Region, p.Cluster, p.Cell} {
			if s != "" {
				n, narrow = n+1, narrow+1<<i
			}
		}
		return n, narrow
	}
	n, narrow := known(e.Placement)
	m, narrowest := known(o.Placement)
	return cmp.Or(cmp.Compare(m, n), cmp.Compare(narrowest, narrow), o.Key().Compare(e.Key()))
}

// winner says which of the values that cover a place is in force there, and
// why. One that was deleted uncovers the next that was not.
func winner(place whatchanged.Placement, over []*whatchanged.Event) (*whatchanged.Event, string) {
	e, why := over[0], ""
	if i := slices.IndexFunc(over, func(e *whatchanged.Event) bool { return !e.Deletes() }); i > 0 {
		gone := over[0]
		e, why = over[i], ": that "+forPlace(gone.Placement)+" was deleted at "+stamp(gone.EffectiveAt)+" ("+gone.ID+")"
	}
	if e.Placement.Match(place) == whatchanged.Inside {
		return e, "set " + forPlace(e.Placement)
	}
	if why == "" {
		why = ": nothing more specific is set there"
	}
	return e, "set " + forPlace(e.Placement) + ", which covers " + Fence(place.String()) + why
}

// observe puts an observation beside what is in force where it was made, the
// most specific first; else beside all that is in force within where it was
// made; else it stands alone.
func observe(all []held, o *whatchanged.Event) []held {
	best := -1
	for i := range all {
		if all[i].event != nil && o.Placement.Match(all[i].place) == whatchanged.Inside && (best < 0 || narrower(all[i].place, all[best].place)) {
			best = i
		}
	}
	if best >= 0 {
		all[best].observed = append(all[best].observed, o)
		return all
	}
	beside := false
	for i := range all {
		if all[i].event != nil && all[i].place.Match(o.Placement) == whatchanged.Inside {
			all[i].observed, beside = append(all[i].observed, o), true
		}
	}
	if !beside {
		h := heldAt(o.Placement, o, "observed; no source declares it there")
		h.event, h.observed = nil, []*whatchanged.Event{o}
		all = append(all, h)
	}
	return all
}

func narrower(p, q whatchanged.Placement) bool {
	return moreSpecific(&whatchanged.Event{Placement: p}, &whatchanged.Event{Placement: q}) < 0
}
