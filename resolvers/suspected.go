package resolvers

import (
	"cmp"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// A suspected change is one or more events that are ranked as one: the steps of
// a rollout, what a landing changed, or a single event.
type suspected struct {
	event    *whatchanged.Event   // the one that stands for it: the nearest, the latest
	events   []*whatchanged.Event // all of it, latest first
	single   [1]*whatchanged.Event
	later    int    // how many others came later, before onset
	undone   string // id of what took it back before onset
	sharedBy int    // how many of several hurting entities depend on what it changed
	said     *said  // what a person held of it
	late     bool   // it had taken effect when an earlier answer could not tell of it yet
	last     bool   // its author made no later one before onset
	hits     hits
	terms    [maxTerms]term
	words    []string // of the symptom
	score    float64
}

// whole names what an event is ranked with.
type whole struct {
	rollout rolloutKey
	change  string
}

// wholes returns a function from an event to what it is ranked with; ok is
// false for one that stands alone, as most do.
func wholes(events []*whatchanged.Event) func(*whatchanged.Event) (w whole, ok bool) {
	parents := map[string]bool{}
	for _, e := range events {
		if e.Parent != "" {
			parents[e.Parent] = true
		}
	}
	return func(e *whatchanged.Event) (whole, bool) {
		k, step := rolloutOf(e)
		switch {
		case step:
			return whole{rollout: k}, true
		case e.Parent != "":
			return whole{change: e.Parent}, true
		case len(parents) > 0 && parents[e.ID]:
			return whole{change: e.ID}, true
		}
		return whole{}, false
	}
}

// suspects folds events, latest first, into what is ranked, and counts what was
// folded away. Incidents are symptoms.
func (a *asking) suspects(events []*whatchanged.Event, near neighbourhood, x *excluded) []*suspected {
	by, wholeOf := map[whole]*suspected{}, wholes(events)
	isCarried := carried(events)
	room := make([]suspected, len(events))
	all := make([]*suspected, 0, len(events))
	var commits []*whatchanged.Event
	for _, e := range events {
		w, folded := wholeOf(e)
		switch {
		case e.Kind == whatchanged.Incident || e.Kind == whatchanged.Verdict:
			x.add(ReasonSymptom, 1)
			continue
		case e.Kind == whatchanged.Commit && !folded && isCarried[e.Version]:
			commits = append(commits, e)
			continue
		}
		if l := by[w]; folded && l != nil {
			l.events = append(l.events, e)
			x.add(reasonFolded(w), 1)
			continue
		}
		l := room[len(all)].begin(e)
		all = append(all, l)
		if folded {
			by[w] = l
		}
	}
	carry(all, commits)
	x.add(ReasonSameChange, len(commits))
	moved := false
	for _, l := range by {
		first := l.event
		l.event = slices.MaxFunc(l.events, func(e, f *whatchanged.Event) int { return a.standing(e, f, near) })
		moved = moved || l.event != first
	}
	if moved {
		slices.SortFunc(all, func(l, m *suspected) int { return m.event.Key().Compare(l.event.Key()) })
	}
	a.relate(all)
	return all
}

// begin makes l a change of one event.
func (l *suspected) begin(e *whatchanged.Event) *suspected {
	l.event, l.single[0] = e, e
	l.events = l.single[:]
	return l
}

// carried returns which commits, of those that events tell of, something else
// brought to production.
func carried(events []*whatchanged.Event) map[string]bool {
	told, out := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		if e.Kind == whatchanged.Commit {
			told[e.Version] = true
		}
	}
	if len(told) == 0 {
		return out
	}
	for _, e := range events {
		if e.Kind == whatchanged.Commit || e.Kind == whatchanged.Incident {
			continue
		}
		for _, c := range e.Commits {
			if told[c] {
				out[c] = true
			}
		}
	}
	return out
}

// carry makes commits parts of the changes that brought them to production, of
// each that did.
func carry(all []*suspected, commits []*whatchanged.Event) {
	if len(commits) == 0 {
		return
	}
	by := map[string][]*suspected{}
	for _, e := range commits {
		by[e.Version] = nil
	}
	for _, l := range all {
		for _, e := range l.events {
			for _, c := range e.Commits {
				if on, ok := by[c]; ok && (len(on) == 0 || on[len(on)-1] != l) { // each of its steps names it
					by[c] = append(on, l)
				}
			}
		}
	}
	for _, e := range commits {
		for _, l := range by[e.Version] {
			l.events = append(slices.Clip(l.events), e)
		}
	}
}

func reasonFolded(w whole) string {
	if w.change == "" {
		return ReasonSameRollout
	}
	return ReasonSameChange
}

// standing orders the events of one change by how well they stand for it: what
// weighs by itself, and then the latest.
func (a *asking) standing(e, f *whatchanged.Event, near neighbourhood) int {
	weight := func(e *whatchanged.Event) float64 {
		w := kindPrior[e.Kind] + a.recency(e, len(near) > 0)
		if at, ok := near[e.Entity]; ok {
			w += distance(at)
		}
		return w
	}
	return cmp.Or(cmp.Compare(weight(e), weight(f)), e.Key().Compare(f.Key()))
}

// relate says of each change what the others, latest first, say about it.
func (a *asking) relate(all []*suspected) {
	actors := map[string]bool{}
	before, later := 0, 0
	var at time.Time
	taken := map[string]string{} // what was taken back, by what
	for _, l := range all {
		if l.event.EffectiveAt.After(a.onset) {
			continue
		}
		if !l.event.EffectiveAt.Equal(at) { // those of one moment are not later than each other
			at, later = l.event.EffectiveAt, before
		}
		l.later = later
		before++
		if who := l.event.Actor; who != nil && !who.Automation {
			l.last = !actors[who.Name]
			actors[who.Name] = true
		}
		if len(taken) > 0 {
			for _, name := range l.names() {
				if by, ok := taken[name]; ok {
					l.undone = by
				}
			}
		}
		if l.undone != "" {
			continue // what it took back stands again
		}
		for _, e := range l.events {
			if e.Reverts != "" && !e.EffectiveAt.After(a.onset) {
				taken[e.Reverts] = e.ID
			}
		}
	}
}

// names returns what something that takes it back may call a change.
func (l *suspected) names() (all []string) {
	for _, e := range l.events {
		all = append(all, e.ID)
		all = append(all, e.Commits...)
		if e.Parent != "" {
			all = append(all, e.Parent)
		}
	}
	return all
}

func (l *suspected) reverts() bool {
	return slices.ContainsFunc(l.events, func(e *whatchanged.Event) bool { return e.Reverts != "" || e.Action == "reverted" })
}

// ids returns the ids of all of it, that of the event which stands for it first.
func (l *suspected) ids() []string {
	all := []string{l.event.ID}
	for _, e := range l.events {
		if e != l.event {
			all = append(all, e.ID)
		}
	}
	return all
}
