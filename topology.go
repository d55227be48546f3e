package whatchanged

import "time"

// A Dependency is an edge of the topology: the event's entity depends on To.
// It holds from the event's EffectiveAt until an event that says Removed.
type Dependency struct {
	To       Ref      `json:"to"`
	Evidence Evidence `json:"evidence"`
	Removed  bool     `json:"removed"` // the event says that the edge is gone
}

// Evidence is how we know of a dependency. Edges of different evidence between
// the same two entities stand side by side.
type Evidence string

// The kinds of evidence for a dependency.
const (
	Declared Evidence = "declared" // in a catalog or by a sender
	Observed Evidence = "observed" // in traces
	Shared   Evidence = "shared"   // both read the same config
)

// A Direction is a way along dependency edges.
type Direction string

// DependsOn follows edges to what an entity needs; Dependents follows them
// back to what needs it.
const (
	DependsOn  Direction = "dependsOn"
	Dependents Direction = "dependents"
)

// A Reached entity is one found by following edges.
type Reached struct {
	Ref       Ref       `json:"ref"`
	Hops      int       `json:"hops"` // 0 for where the walk began
	Direction Direction `json:"direction"`
	Path      []Ref     `json:"path"` // from where the walk began to Ref, both included
}

// An Edge is a dependency that holds: From depends on To.
type Edge struct {
	From     Ref       `json:"from"`
	To       Ref       `json:"to"`
	Evidence Evidence  `json:"evidence"`
	Since    time.Time `json:"since"`    // when the declaration in force took effect
	ID       string    `json:"id"`       // of the event that declared it
	Position Position  `json:"position"` // of that event
}
