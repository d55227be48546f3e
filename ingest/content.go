package ingest

import (
	"encoding/json"
	"reflect"
	"strings"

	"whatchanged.dev/whatchanged"
)

// content is what a sender can say of a change in our own words: the content
// of the custom CDEvents, and the data of any other CloudEvent. The fields
// are described in schemas/content.json.
type content struct {
	Entity          string                  `json:"entity"`
	Placement       whatchanged.Placement   `json:"placement"`
	WrittenAt       moment                  `json:"writtenAt"`
	EffectiveAt     moment                  `json:"effectiveAt"`
	Before          whatchanged.Value       `json:"before"`
	After           whatchanged.Value       `json:"after"`
	Version         text                    `json:"version"`
	PreviousVersion text                    `json:"previousVersion"`
	Commits         []string                `json:"commits"`
	Actor           *person                 `json:"actor"`
	Summary         text                    `json:"summary"`
	Links           []whatchanged.Link      `json:"links"`
	Approval        *whatchanged.Approval   `json:"approval"`
	Validation      *whatchanged.Validation `json:"validation"`
	Rollout         *step                   `json:"rollout"`
	DependsOn       string                  `json:"dependsOn"`
	Evidence        whatchanged.Evidence    `json:"evidence"`
	Reverts         string                  `json:"reverts"`
	Parent          string                  `json:"parent"`
	Attributes      map[string]text         `json:"attributes"`
}

type step struct {
	ID    text              `json:"id"`
	Phase whatchanged.Phase `json:"phase"`
	Share *float64          `json:"share"`
}

// text is a string that senders also write as a number or a boolean.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(b []byte) error {
	switch kind := jsonKind(b); kind {
	case "string":
		return json.Unmarshal(b, (*string)(t))
	case "object", "array":
		return &json.UnmarshalTypeError{Value: kind, Type: reflect.TypeFor[text]()}
	}
	if string(b) != "null" {
		*t = text(b)
	}
	return nil
}

// person is an actor as an object, or only their name.
type person struct{ whatchanged.Actor }

// UnmarshalJSON implements [json.Unmarshaler].
func (p *person) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &p.Name)
	}
	return json.Unmarshal(b, &p.Actor)
}

// subj is the subject of somebody else's data: a name, or an object with an
// id. Any other shape says nothing.
type subj string

// UnmarshalJSON implements [json.Unmarshaler].
func (s *subj) UnmarshalJSON(b []byte) error {
	var o struct {
		ID text `json:"id"`
	}
	if json.Unmarshal(b, (*string)(s)) != nil && json.Unmarshal(b, &o) == nil {
		*s = subj(o.ID)
	}
	return nil
}

// fill writes what the content says into e. c stands at the content.
func (t *content) fill(c *check, e *whatchanged.Event) {
	if t.Entity != "" {
		e.Entity = refIn(c, "entity", t.Entity)
	}
	e.Placement = t.Placement
	e.WrittenAt = written(c.maybe("writtenAt", t.WrittenAt))
	e.EffectiveAt = c.maybe("effectiveAt", t.EffectiveAt)
	e.Before, e.After = t.Before, t.After
	e.Version, e.PreviousVersion = string(t.Version), string(t.PreviousVersion)
	e.Commits, e.Reverts, e.Parent = t.Commits, t.Reverts, t.Parent
	e.Summary = string(t.Summary)
	e.Links, e.Approval, e.Validation = t.Links, t.Approval, t.Validation
	for i := range e.Links {
		if e.Links[i].Rel == "" {
			e.Links[i].Rel = "evidence"
		}
	}
	if t.Actor != nil && t.Actor.Name != "" {
		e.Actor = actorOf(t.Actor.Name, t.Actor.Automation)
	}
	for k, v := range t.Attributes {
		attribute(e, k, string(v))
	}
	t.fillRollout(c, e)
	t.fillDependency(c, e)
}

func (t *content) fillRollout(c *check, e *whatchanged.Event) {
	r := t.Rollout
	if r == nil {
		return
	}
	c.text("rollout.id", string(r.ID))
	switch r.Phase {
	case whatchanged.PhasePending, whatchanged.PhaseProgressing, whatchanged.PhasePaused, whatchanged.PhasePromoted,
		whatchanged.PhaseAborted, whatchanged.PhaseRolledBack, whatchanged.PhaseFailed, whatchanged.PhaseSuperseded:
	default:
		c.fail("rollout.phase", "%s is not a phase: want pending, progressing, paused, promoted, aborted, rolledBack, failed or superseded", quote(string(r.Phase)))
	}
	if r.Share != nil && (*r.Share < 0 || *r.Share > 1) {
		c.fail("rollout.share", "is %g: want a share from 0 to 1, such as 0.25", *r.Share)
	}
	e.Rollout = &whatchanged.RolloutStep{ID: string(r.ID), Phase: r.Phase, Share: r.Share}
}

func (t *content) fillDependency(c *check, e *whatchanged.Event) {
	if t.DependsOn == "" {
		return
	}
	d := &whatchanged.Dependency{To: refIn(c, "dependsOn", t.DependsOn), Evidence: t.Evidence, Removed: e.Action == "removed"}
	switch d.Evidence {
	case "":
		d.Evidence = whatchanged.Declared
	case whatchanged.Declared, whatchanged.Observed, whatchanged.Shared:
	default:
		c.fail("evidence", "%s is no kind of evidence: want declared, observed or shared", quote(string(t.Evidence)))
	}
	e.Dependency = d
}

// refIn parses the text of a reference.
func refIn(c *check, field, s string) whatchanged.Ref {
	ref, err := whatchanged.ParseRef(strings.TrimSpace(s))
	if err != nil {
		c.fail(field, "%s is not a reference: want kind:namespace/name, such as service:acme/checkout", quote(s))
	}
	return ref
}
