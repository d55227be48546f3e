package resolvers

import (
	"strconv"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A ChangeBrief is a change event in brief, as lists show it.
type ChangeBrief struct {
	ID              string                `json:"id"`
	Kind            whatchanged.EventKind `json:"kind"`
	Action          string                `json:"action"`
	Entity          whatchanged.Ref       `json:"entity"`
	Placement       whatchanged.Placement `json:"placement"`
	Actor           *whatchanged.Actor    `json:"actor"`
	EffectiveAt     time.Time             `json:"effectiveAt"`
	SeenAt          time.Time             `json:"seenAt"`
	Position        whatchanged.Position  `json:"position"`
	Source          string                `json:"source"`
	Version         string                `json:"version"`
	PreviousVersion string                `json:"previousVersion"`
	Reverts         string                `json:"reverts"`
	Summary         string                `json:"summary"`
	Evidence        string                `json:"evidence"`
}

// who names the actor for a table.
func (c *ChangeBrief) who() string { return actor(c.Actor) }

func actor(a *whatchanged.Actor) string {
	switch {
	case a == nil:
		return ""
	case a.Automation:
		return a.Name + " (automation)"
	}
	return a.Name
}

// versions writes "from → to", or what of it is known.
func (c *ChangeBrief) versions() string {
	if c.PreviousVersion == "" {
		return c.Version
	}
	return c.PreviousVersion + " → " + c.Version
}

// trail writes a path through the topology.
func trail(path []whatchanged.Ref) string { return strings.Join(texts(path), " → ") }

// terms writes the terms of a score.
func terms(rs []Reason) string {
	var parts []string
	for _, r := range rs {
		parts = append(parts, r.Code+" "+strconv.FormatFloat(r.Value, 'f', 2, 64)+": "+r.Text)
	}
	return strings.Join(parts, "; ")
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
