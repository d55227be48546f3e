package resolvers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// An Envelope is what every answer has. Answers embed it. Slices are never
// nil, so that all surfaces write them alike.
type Envelope struct {
	Verdict   string                `json:"verdict"`
	AsOf      time.Time             `json:"asOf"`
	Interval  *whatchanged.Interval `json:"interval"`
	KnownAt   whatchanged.Position  `json:"knownAt"`
	Watermark Watermark             `json:"watermark"`
	Coverage  whatchanged.Coverage  `json:"coverage"`
	Excluded  []Exclusion           `json:"excluded"`
	Total     int                   `json:"total"`
	Truncated bool                  `json:"truncated"`
	Cursor    *string               `json:"cursor"`
	Next      []Call                `json:"next"`
	Quoted    []string              `json:"quoted"`

	asking *asking // how it was asked, to make cursors from
}

// Watermark is [whatchanged.Watermark] as answers show it: At is nil while the
// log is empty.
type Watermark struct {
	Position whatchanged.Position `json:"position"`
	At       *time.Time           `json:"at"`
}

// An Exclusion counts what was left out for one reason.
type Exclusion struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	Text   string `json:"text"`
}

// A Call is a question worth asking next, with its complete arguments.
type Call struct {
	Question  string            `json:"question"`
	Arguments whatchanged.Value `json:"arguments"`
	Why       string            `json:"why"`
}

// Answered is what all answers have in common.
type Answered interface {
	// Head returns what every answer has.
	Head() *Envelope
	// Table returns the items as rows of text, complete: every id in the
	// items stands in a row.
	Table() Table
	// IDs returns every id in the items: of changes, and of entities found.
	IDs() []string
}

// Paged answers can be cut shorter, at the border of an item, after they were
// made: the rest moves to the next page.
type Paged interface {
	Answered
	Len() int
	Cut(n int)
}

// A Table is an answer's items for surfaces that show text.
type Table struct {
	Header []string
	Rows   [][]string
	Ours   []string // the columns whose text is our own; any other may hold text from outside
	Lists  []string // the columns that hold several ids, each on a line of its own
}

// Briefed answers have a table of fewer words, for where there is little room.
// It holds the same items.
type Briefed interface{ Brief() Table }

// Head implements [Answered].
func (e *Envelope) Head() *Envelope { return e }

// cutAt notes that the items from n on are left to the next page.
func (e *Envelope) cutAt(n int) {
	e.Truncated, e.Cursor = true, e.asking.cursorAt(e.asking.offset+n)
}

// The reasons for which something is left out.
const (
	ReasonOtherPlacement = "OTHER_PLACEMENT"
	ReasonOtherKind      = "OTHER_KIND"
	ReasonNotConnected   = "NOT_CONNECTED"
	ReasonSameRollout    = "SAME_ROLLOUT"
	ReasonSameChange     = "SAME_CHANGE"
	ReasonBeyondLimit    = "BEYOND_LIMIT"
	ReasonSymptom        = "SYMPTOM"
	ReasonBeyondReach    = "BEYOND_REACH"
	ReasonOverridden     = "OVERRIDDEN"
	ReasonOtherState     = "OTHER_STATE"
	ReasonOverride       = "DECLARED_OVERRIDE"
	ReasonTooManyEdges   = "TOO_MANY_DEPENDENCIES"
	ReasonKnownBefore    = "KNOWN_BEFORE"
	ReasonSameStorm      = "SAME_STORM"
)

var exclusionText = map[string]string{
	ReasonOtherPlacement: "known to be in another environment or region than the one asked",
	ReasonOtherKind:      "of a kind that was not asked for",
	ReasonNotConnected:   "on entities that no path of the asked length leads to",
	ReasonSameRollout:    "further steps of a rollout that is listed once",
	ReasonSameChange:     "further parts of a change that is listed once",
	ReasonBeyondLimit:    "older than the most recent ones that were considered; ask a shorter window",
	ReasonSymptom:        "incidents and verdicts: symptoms and judgements, not changes",
	ReasonOverridden:     "values of wider places, in the place of which a more specific one is in force",
	ReasonOtherState:     "rollouts in another state than the one asked; state ALL has them",
	ReasonTooManyEdges:   "changes of dependencies, too many to be compared; ask a narrower scope",
	ReasonSameStorm:      "further changes of a storm that is listed once, with all their ids",
	ReasonKnownBefore:    "known at the position that since names",
	ReasonOverride:       "declared for that place over a value that holds for both; ask without driftOnly",
	ReasonBeyondReach:    "on entities that no path leads to, or that are not among the nearest ones; ask fewer hops",
}

// excluded counts what is left out, in the order of first mention.
type excluded struct {
	order []string
	count map[string]int
}

func (x *excluded) add(reason string, n int) {
	if n <= 0 {
		return
	}
	if x.count == nil {
		x.count = make(map[string]int)
	}
	if x.count[reason] == 0 {
		x.order = append(x.order, reason)
	}
	x.count[reason] += n
}

// take counts n fewer: they were considered after all.
func (x *excluded) take(reason string, n int) {
	if x.count[reason] > n {
		x.count[reason] -= n
		return
	}
	delete(x.count, reason)
	x.order = slices.DeleteFunc(x.order, func(r string) bool { return r == reason })
}

func (x *excluded) list() []Exclusion {
	out := []Exclusion{}
	for _, r := range x.order {
		out = append(out, Exclusion{Reason: r, Count: x.count[r], Text: exclusionText[r]})
	}
	return out
}

// besides says for a verdict of nothing what the filters hid.
func besides(left []Exclusion) string {
	var parts []string
	for _, x := range left {
		if x.Reason == ReasonOtherPlacement || x.Reason == ReasonOtherKind || x.Reason == ReasonSymptom || x.Reason == ReasonOtherState {
			parts = append(parts, fmt.Sprintf("%d %s", x.Count, x.Reason))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " besides what was left out: " + strings.Join(parts, ", ")
}
