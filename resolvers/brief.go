package resolvers

import (
	"cmp"
	"fmt"
	"math"
	"slices"
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

// termCodes writes the terms of a score by their codes and values, those that
// count most first, at most two; not those that other columns tell.
func termCodes(terms ...[]Reason) string {
	all := slices.DeleteFunc(slices.Concat(terms...), func(r Reason) bool { return r.Code == "KIND" || r.Code == "BOT" })
	slices.SortStableFunc(all, func(r, s Reason) int { return cmp.Compare(math.Abs(s.Value), math.Abs(r.Value)) })
	var parts []string
	for _, r := range all[:min(2, len(all))] {
		if r.Value != 0 {
			parts = append(parts, fmt.Sprintf("%s%+.1f", r.Code, r.Value))
		} else {
			parts = append(parts, r.Code)
		}
	}
	return strings.Join(parts, " ")
}

// offset writes how long before onset something was: -2m, or +29m after it.
func offset(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < 0 {
		return "+" + Human(-d)
	}
	return "-" + Human(d)
}

// actorName is the name of a person; one bot is like another.
func actorName(a *whatchanged.Actor) string {
	switch {
	case a == nil:
		return ""
	case a.Automation:
		return "bot"
	}
	return a.Name
}

// shortVersion cuts a version that is a SHA or a digest to what people say of it.
func shortVersion(version string) string {
	if at := strings.LastIndex(version, "@sha256"); at >= 0 {
		version = version[strings.LastIndexByte(version[:at], '/')+1:]
		version, _, _ = strings.Cut(version, "?")
	}
	if len(version) == 40 && strings.Trim(version, "0123456789abcdef") == "" {
		return version[:7]
	}
	return cut(version, 40)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
