package eval

import (
	"time"

	"whatchanged.dev/whatchanged"
)

// A World is the changes and the topology of one organisation, and what went
// wrong there. Worlds are asked apart from each other.
type World struct {
	Name   string
	Events []whatchanged.Event // in order of time; of topology, from the beginning
	Cases  []Case
}

// A Case is one incident.
type Case struct {
	Name   string
	At     time.Time
	Window time.Duration     // how far back changes are considered
	Text   string            // what people wrote of the trouble, "" if nothing
	Scope  []whatchanged.Ref // entities in trouble, nil if not known
	Truth  []string          // ids of the changes that did it, any of which counts; nil if none did
	Delay  time.Duration     // from the change to the incident
}

// changeID is the id of an event that tells of a change of a set, or of one of
// its parts.
func changeID(world, change string) string { return "incidents/" + world + "/" + change }
