package resolvers

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// An incident is what sources told of one, put together.
type incident struct {
	ref     whatchanged.Ref
	events  []*whatchanged.Event // in order of time
	about   []whatchanged.Ref    // what it is said to be of
	started time.Time
	ended   *time.Time // nil while it is open
	summary string     // the first that was given

	culprits, cleared []string // ids of changes that a person held to have caused it, or not to have
}

// judge notes what people held to have caused it.
func (in *incident) judge(verdicts map[string][]said) {
	for _, change := range slices.Sorted(maps.Keys(verdicts)) {
		for _, s := range verdicts[change] {
			switch {
			case s.Incident != in.ref:
			case s.Culprit:
				in.culprits = append(in.culprits, change)
			default:
				in.cleared = append(in.cleared, change)
			}
		}
	}
}

// ending are the actions after which an incident is over, until a further one.
var ending = []string{"resolved", "closed", "ended", "completed"}

// incidentsOf puts events of incidents, in any order, together: the last to
// begin first.
func incidentsOf(events []*whatchanged.Event) []*incident {
	by := map[whatchanged.Ref]*incident{}
	var all []*incident
	for _, e := range slices.SortedFunc(slices.Values(events), func(e, f *whatchanged.Event) int { return e.Key().Compare(f.Key()) }) {
		in := by[e.Entity]
		if in == nil {
			in = &incident{ref: e.Entity, started: e.EffectiveAt}
			by[e.Entity] = in
			all = append(all, in)
		}
		in.take(e)
	}
	slices.SortStableFunc(all, func(x, y *incident) int {
		return cmp.Or(y.started.Compare(x.started), x.ref.Compare(y.ref))
	})
	return all
}

func (in *incident) take(e *whatchanged.Event) {
	in.events = append(in.events, e)
	in.summary = cmp.Or(in.summary, e.Summary)
	if ref := aboutOf(e); ref != nil && !slices.Contains(in.about, *ref) {
		in.about = append(in.about, *ref)
	}
	in.ended = nil
	if slices.Contains(ending, strings.ToLower(e.Action)) {
		in.ended = &e.EffectiveAt
	}
}

// listed reads an attribute that names one or several.
func listed(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' || c == ';' })
}

// placement is where the incident is, as the first event that says so.
func (in *incident) placement() whatchanged.Placement {
	for _, e := range in.events {
		if !e.Placement.IsZero() {
			return e.Placement
		}
	}
	return whatchanged.Placement{}
}

// text is all that was written of it, each text once.
func (in *incident) text() string {
	var all []string
	for _, e := range in.events {
		if e.Summary != "" && !slices.Contains(all, e.Summary) {
			all = append(all, e.Summary)
		}
	}
	return strings.Join(all, ". ")
}

func (in *incident) ids() []string {
	ids := []string{}
	for _, e := range in.events {
		ids = append(ids, e.ID)
	}
	return ids
}

// The attributes by which an incident names what caused it and what ended it.
var (
	causeAttributes = []string{"culprit", "causedBy", "cause"}
	fixAttributes   = []string{"fixedBy", "fix", "resolvedBy"}
)

// names returns the ids that the events of an incident give under attributes.
func (in *incident) names(attributes []string) (ids []string) {
	for _, e := range in.events {
		for _, a := range attributes {
			for _, id := range listed(e.Attributes[a]) {
				if !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}

// causes returns the ids of what is recorded to have caused it: as its source
// or a person said, or as the event that it came of.
func (in *incident) causes() []string {
	ids := slices.Clone(in.culprits)
	for _, id := range in.names(causeAttributes) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, e := range in.events {
		if e.Parent != "" && !slices.Contains(ids, e.Parent) {
			ids = append(ids, e.Parent)
		}
	}
	return slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(in.cleared, id) })
}
