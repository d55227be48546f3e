package whatchanged

import (
	"cmp"
	"slices"
)

// SettingKinds are the kinds of events after which something holds in
// production until the next of the kind says otherwise: a value, a version, a
// size.
var SettingKinds = []EventKind{Deployment, Flag, Experiment, Model, Config, Scale, Infrastructure}

// StateKinds are the kinds of events after which anything holds: a setting, or
// what a person said.
var StateKinds = append(slices.Clone(SettingKinds), Verdict)

// ActionObserved marks an event that changes nothing: somebody saw, as in
// telemetry, what holds. What was declared stands beside what was observed.
const ActionObserved = "observed"

// A StateKey names what holds one value at a time: an aspect of an entity in
// one placement, as it was declared or as it was observed.
type StateKey struct {
	Entity    Ref
	Kind      EventKind
	Placement Placement
	Observed  bool
}

// Compare orders keys by entity, kind and placement, the declared first.
func (k StateKey) Compare(l StateKey) int {
	return cmp.Or(k.Entity.Compare(l.Entity), cmp.Compare(k.Kind, l.Kind),
		cmp.Compare(k.Placement.Environment, l.Placement.Environment), cmp.Compare(k.Placement.Region, l.Placement.Region),
		cmp.Compare(k.Placement.Cluster, l.Placement.Cluster), cmp.Compare(k.Placement.Cell, l.Placement.Cell),
		cmp.Compare(boolean(k.Observed), boolean(l.Observed)))
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// StateKey returns what the event sets; ok is false when it sets nothing. A
// deployment sets a version once it was promoted: until then, and when it ends
// otherwise, the version before holds.
func (e *Event) StateKey() (k StateKey, ok bool) {
	if !slices.Contains(StateKinds, e.Kind) || e.Kind == Deployment && e.Rollout != nil && e.Rollout.Phase != PhasePromoted {
		return k, false
	}
	return StateKey{e.Entity, e.Kind, e.Placement, e.Action == ActionObserved}, true
}

// A StateSelection says of what to read what holds. Fields that are empty
// select nothing out.
type StateSelection struct {
	Entities []Ref       // of these entities
	Prefixes []string    // or of those whose reference begins so, as in "config:shop/"
	Kinds    []EventKind // of StateKinds

	// What holds as this source told, or as the events say that have this
	// attribute (name and value): what others said of it is passed over.
	Source    string
	Attribute [2]string

	After *StateKey // only what comes after this
	Limit int       // at most this many; 0 means none
}

// Told reports whether an event comes from where the selection wants it from.
func (s *StateSelection) Told(e *Event) bool {
	value, ok := e.Attributes[s.Attribute[0]]
	return (s.Source == "" || s.Source == e.Source) && (s.Attribute[0] == "" || ok && value == s.Attribute[1])
}

// Of reports whether the selection is of an entity.
func (s *StateSelection) Of(ref Ref) bool {
	if len(s.Entities) == 0 && len(s.Prefixes) == 0 || slices.Contains(s.Entities, ref) {
		return true
	}
	text := ref.String()
	return slices.ContainsFunc(s.Prefixes, func(p string) bool { return len(text) >= len(p) && text[:len(p)] == p })
}

// Deletes reports whether nothing is there any more after the event: its
// action says so, or it tells of a value before and of none after.
func (e *Event) Deletes() bool {
	switch e.Action {
	case "deleted", "removed":
		return true
	}
	return e.Before != nil && e.After == nil && e.Version == ""
}

// Creates reports whether the event says that nothing was there before.
func (e *Event) Creates() bool { return e.Action == "created" || e.Action == "added" }
