package whatchanged

import (
	"crypto/sha256"
	"encoding/hex"
)

// A PersonsVerdict says that a person holds a change to have caused an
// incident, or not to have. It is what an event of kind verdict leaves behind,
// until the next about the same two.
type PersonsVerdict struct {
	Incident Ref
	Change   string // id of the change event
	Culprit  bool
}

// The words of a verdict.
const (
	VerdictCulprit    = "culprit"
	VerdictNotCulprit = "notCulprit"
)

// VerdictRef is the entity that a verdict about a change in an incident sets:
// one for each such pair, so that the last word holds.
func VerdictRef(incident Ref, change string) Ref {
	sum := sha256.Sum256([]byte(change))
	return RefOf(KindVerdict, incident.Namespace+"."+incident.Name+"/"+hex.EncodeToString(sum[:8]))
}

// VerdictOf reads what an event of kind verdict says: an object with incident,
// change and verdict. ok is false for one that takes a verdict back, and for
// what says none.
func VerdictOf(e *Event) (v PersonsVerdict, ok bool) {
	said, _ := e.After.Decode().(map[string]any)
	incident, _ := said["incident"].(string)
	change, _ := said["change"].(string)
	ref, err := ParseRef(incident)
	if e.Kind != Verdict || e.Deletes() || err != nil || change == "" {
		return v, false
	}
	switch said["verdict"] {
	case VerdictCulprit:
		return PersonsVerdict{ref, change, true}, true
	case VerdictNotCulprit:
		return PersonsVerdict{ref, change, false}, true
	}
	return v, false
}
