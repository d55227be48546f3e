package whatchanged

import (
	"cmp"
	"strconv"
	"time"
)

// An EventKind says what sort of thing changed. The set is open; these have a
// meaning of their own here.
type EventKind string

// The kinds of change events that the product itself speaks of. A commit is
// what others call a change to source code: it is evidence, and becomes a
// change to production when it is deployed.
const (
	Deployment     EventKind = "deployment"
	RolloutKind    EventKind = "rollout"
	Flag           EventKind = "flag"
	Experiment     EventKind = "experiment"
	Model          EventKind = "model"
	Config         EventKind = "config"
	Infrastructure EventKind = "infrastructure"
	Scale          EventKind = "scale"
	Topology       EventKind = "topology"
	Ownership      EventKind = "ownership"
	OnCallKind     EventKind = "oncall"
	Incident       EventKind = "incident"
	Verdict        EventKind = "verdict" // of a person on what caused an incident
	Artifact       EventKind = "artifact"
	Release        EventKind = "release"
	Pipeline       EventKind = "pipeline"
	Commit         EventKind = "commit"
	Other          EventKind = "other"
)

// An Event says that one entity changed at one moment. Events are immutable:
// a correction by the source is a further revision of the same id, with its
// own position.
type Event struct {
	// ID is stable and comes from the source's own id, as in
	// "github/deployment/145988746". ID and Revision together name the event:
	// a second receipt of both is a redelivery and changes nothing.
	ID       string `json:"id"`
	Revision int    `json:"revision"` // 0, or the how-manieth correction

	// Position and SeenAt are given by the change log: where the event
	// stands, and when we learned of it.
	Position Position `json:"position"`

	Source    string    `json:"source"` // name of the source, as in "github"
	Kind      EventKind `json:"kind"`
	Action    string    `json:"action"` // what was done, as in "deployed"
	Entity    Ref       `json:"entity"`
	Placement Placement `json:"placement"`
	Actor     *Actor    `json:"actor"`

	// WrittenAt is when the change was declared or committed, EffectiveAt when
	// it became live in the placement, SeenAt when we learned of it. They
	// differ and are never mixed. EffectiveAt is never zero in a stored event.
	WrittenAt   *time.Time `json:"writtenAt"`
	EffectiveAt time.Time  `json:"effectiveAt"`
	SeenAt      time.Time  `json:"seenAt"`
	// Clock says whose clock EffectiveAt was read from: the source's, or, when
	// the source told no time, that of our arrival log.
	Clock Clock `json:"clock"`

	Before          Value    `json:"before"` // nil when the source does not say
	After           Value    `json:"after"`
	Diff            []Edit   `json:"diff"` // RFC 6902, from Before to After
	Version         string   `json:"version"`
	PreviousVersion string   `json:"previousVersion"`
	Commits         []string `json:"commits"`
	Reverts         string   `json:"reverts"` // what this undoes: a commit or an event id

	Summary    string            `json:"summary"` // one line for a person; text from outside
	Approval   *Approval         `json:"approval"`
	Validation *Validation       `json:"validation"`
	Links      []Link            `json:"links"`
	Rollout    *RolloutStep      `json:"rollout"`    // the rollout this is a step of
	Dependency *Dependency       `json:"dependency"` // the edge that a topology event tells of
	Parent     string            `json:"parent"`     // id of the event that caused this one
	Attributes map[string]string `json:"attributes"` // what the source said besides
}

// A Clock names whose clock a time was read from.
type Clock string

// The two clocks.
const (
	SourceClock  Clock = "source"
	ArrivalClock Clock = "arrival"
)

// An Actor is who or what made a change.
type Actor struct {
	Name       string `json:"name"`
	Automation bool   `json:"automation"` // a bot, a pipeline or a controller
}

// An Approval says who let a change through, and under which policy.
type Approval struct {
	By         string `json:"by"`
	Policy     string `json:"policy"`
	BreakGlass bool   `json:"breakGlass"` // the policy was overridden
}

// A Validation says which checks a change went through and how they ended.
type Validation struct {
	Checks []string `json:"checks"`
	Result string   `json:"result"` // "passed", "failed", "skipped"
}

// A Link leads to the source's own record.
type Link struct {
	Rel string `json:"rel"` // what it leads to: "evidence", "diff", "dashboard", …
	URL string `json:"url"`
}

// Identity names the event and its revision: a second receipt of the same
// identity is a redelivery.
func (e *Event) Identity() string {
	if e.Revision > 0 {
		return e.ID + "#" + strconv.Itoa(e.Revision)
	}
	return e.ID
}

// A Key orders change events in time: by when they took effect, and among
// equals by position, so that the order is total.
type Key struct {
	EffectiveAt time.Time
	Position    Position
}

// Key returns e's place in the order of time.
func (e *Event) Key() Key { return Key{e.EffectiveAt, e.Position} }

// Compare orders keys in time.
func (k Key) Compare(l Key) int {
	return cmp.Or(k.EffectiveAt.Compare(l.EffectiveAt), k.Position.Compare(l.Position))
}

// Evidence returns the link to the source's own record, "" if it gave none.
func (e *Event) Evidence() string {
	for _, l := range e.Links {
		if l.Rel == "evidence" {
			return l.URL
		}
	}
	if len(e.Links) > 0 {
		return e.Links[0].URL
	}
	return ""
}
