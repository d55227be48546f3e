package resolvers

import (
	"slices"

	"whatchanged.dev/whatchanged"
)

// A ChangeFilter says which changes a subscriber is told of: of each field that
// is given, one of its values must be the change's.
type ChangeFilter struct {
	Entities     []whatchanged.Ref       `json:"entities"`
	Namespaces   []string                `json:"namespaces"`
	Kinds        []whatchanged.EventKind `json:"kinds"`
	Sources      []string                `json:"sources"`
	Environments []string                `json:"environments"`
	Regions      []string                `json:"regions"`
}

// lets reports whether the filter lets an event through; none lets all.
func (f *ChangeFilter) lets(e *whatchanged.Event) bool {
	return f == nil ||
		f.near(e) && amongst(f.Kinds, e.Kind) && amongst(f.Sources, e.Source) &&
			amongst(f.Environments, e.Placement.Environment) && amongst(f.Regions, e.Placement.Region)
}

// near reports whether the event is on what was asked for; an incident is also
// on what a source says it is about.
func (f *ChangeFilter) near(e *whatchanged.Event) bool {
	on := []whatchanged.Ref{e.Entity}
	if about := aboutOf(e); about != nil {
		on = append(on, *about)
	}
	return slices.ContainsFunc(on, func(ref whatchanged.Ref) bool {
		return amongst(f.Entities, ref) && amongst(f.Namespaces, ref.Namespace)
	})
}

func amongst[T comparable](wanted []T, v T) bool {
	return len(wanted) == 0 || slices.Contains(wanted, v)
}

// aboutOf returns the service that a source says an incident is about, nil when
// it says none.
func aboutOf(e *whatchanged.Event) *whatchanged.Ref {
	if e.Kind != whatchanged.Incident {
		return nil
	}
	ref, err := whatchanged.ParseRef(e.Attributes["service"])
	if err != nil {
		return nil
	}
	return &ref
}
