package resolvers

import (
	"context"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// How many values one question may be about, and of how many keys it may ask
// the history.
const (
	maxStates  = 20_000
	maxHistory = 500
)

// ConfigInput asks what flags, settings, experiments and models were set to.
type ConfigInput struct {
	Key         []string              `json:"key"`
	Path        *string               `json:"path"`
	Environment *string               `json:"environment"`
	Regions     []string              `json:"regions"`
	History     bool                  `json:"history"`
	AsOf        *whatchanged.When     `json:"asOf"`
	KnownAt     *whatchanged.When     `json:"knownAt"`
	After       *whatchanged.Position `json:"after"`
	Limit       int                   `json:"limit"`
	Cursor      *string               `json:"cursor"`
}

// ConfigState answers ConfigInput: what is in force, by key and place, then,
// if asked, how it came to be so, latest first. Pages go through both.
type ConfigState struct {
	Envelope
	Items   []ConfigValue      `json:"items"`
	History []ConfigChange     `json:"history"`
	Unset   []whatchanged.Ref  `json:"unset"`
	Readers []whatchanged.Edge `json:"readers"`

	readers []whatchanged.Edge // of all that is asked
}

// A ConfigValue is what is in force in a place. Of a part of a value, the
// change told is the last that touched the part.
type ConfigValue struct {
	Key         whatchanged.Ref         `json:"key"`
	Kind        whatchanged.EventKind   `json:"kind"`
	Place       whatchanged.Placement   `json:"place"`
	Status      string                  `json:"status"`
	Value       whatchanged.Value       `json:"value"`
	Version     string                  `json:"version"`
	Variant     string                  `json:"variant"`
	Percentage  *float64                `json:"percentage"`
	Targeting   whatchanged.Value       `json:"targeting"`
	Placement   whatchanged.Placement   `json:"placement"`
	Why         string                  `json:"why"`
	Actor       *whatchanged.Actor      `json:"actor"`
	Ticket      string                  `json:"ticket"`
	Approval    *whatchanged.Approval   `json:"approval"`
	Validation  *whatchanged.Validation `json:"validation"`
	EffectiveAt time.Time               `json:"effectiveAt"`
	WrittenAt   *time.Time              `json:"writtenAt"`
	SeenAt      time.Time               `json:"seenAt"`
	ID          string                  `json:"id"`
	Links       []whatchanged.Link      `json:"links"`
	Previous    *ConfigVersion          `json:"previous"`
	Next        *ConfigVersion          `json:"next"`
	Observed    []ConfigObservation     `json:"observed"`
}

// The statuses of a [ConfigValue].
const (
	StatusSet      = "set"      // declared
	StatusDeleted  = "deleted"  // declared to be gone
	StatusObserved = "observed" // seen, and declared nowhere
)

// A ConfigVersion is what a place had before or after. When, by whom and by
// which change is nil where only the change after it tells of it.
type ConfigVersion struct {
	Value       whatchanged.Value  `json:"value"`
	Version     string             `json:"version"`
	Deleted     bool               `json:"deleted"`
	Actor       *whatchanged.Actor `json:"actor"`
	EffectiveAt *time.Time         `json:"effectiveAt"`
	ID          *string            `json:"id"`
}

// A ConfigObservation is what was seen in a place, beside what is declared.
type ConfigObservation struct {
	Placement   whatchanged.Placement `json:"placement"`
	Value       whatchanged.Value     `json:"value"`
	Version     string                `json:"version"`
	EffectiveAt time.Time             `json:"effectiveAt"`
	ID          string                `json:"id"`
	LagSeconds  *float64              `json:"lagSeconds"`
	Differs     *bool                 `json:"differs"`
}

// A ConfigChange is a step in the history of a value.
type ConfigChange struct {
	Key             whatchanged.Ref       `json:"key"`
	Kind            whatchanged.EventKind `json:"kind"`
	Placement       whatchanged.Placement `json:"placement"`
	Action          string                `json:"action"`
	Deleted         bool                  `json:"deleted"`
	Value           whatchanged.Value     `json:"value"`
	Version         string                `json:"version"`
	Diff            []whatchanged.Edit    `json:"diff"`
	PreviousVersion string                `json:"previousVersion"`
	Actor           *whatchanged.Actor    `json:"actor"`
	Ticket          string                `json:"ticket"`
	EffectiveAt     time.Time             `json:"effectiveAt"`
	WrittenAt       *time.Time            `json:"writtenAt"`
	SeenAt          time.Time             `json:"seenAt"`
	ID              string                `json:"id"`
}

// Config tells what was set as of a moment, where, by whom, and what before.
func (r *Resolver) Config(ctx context.Context, in ConfigInput) (*ConfigState, error) {
	return ask(ctx, r, "config", in, (*asking).config)
}

func (a *asking) config(in ConfigInput) (*ConfigState, error) {
	if err := checkLimit(in.Limit, 500); err != nil {
		return nil, err
	}
	where, err := filterOf(in.Environment, in.Regions, nil)
	if err != nil {
		return nil, err
	}
	path, err := whatchanged.ParsePath(deref(in.Path))
	if err != nil {
		return nil, whatchanged.AsError(err).In("path")
	}
	if err := a.begin(in, times{Until: in.AsOf, KnownAt: in.KnownAt, After: in.After, Lookback: 24 * time.Hour, Cursor: in.Cursor}); err != nil {
		return nil, err
	}
	keys, err := a.keys(in.Key)
	if err != nil {
		return nil, err
	}
	states, err := a.states(keys)
	if err != nil {
		return nil, err
	}
	of := slices.Clone(keys.Entities)
	for _, e := range states {
		of = append(of, e.Entity)
	}
	out := &ConfigState{}
	if out.Envelope, err = a.envelope(of...); err != nil {
		return nil, err
	}
	out.asking = a
	var x excluded
	c := configuration{asking: a, path: path, where: where, held: where.inForce(states, &x), x: &x}
	return out, c.answer(in, out, keys.Entities)
}

// states reads what is in force of keys.
func (a *asking) states(keys whatchanged.StateSelection) ([]*whatchanged.Event, error) {
	keys.Limit = maxStates + 1
	states, err := a.index.States(a.ctx, a.view, keys)
	if err == nil && len(states) > maxStates {
		err = whatchanged.Errorf(whatchanged.CodeTooLarge, "more than %d values: want a longer prefix, such as config:shop/cart*", maxStates).In("key")
	}
	return states, err
}

// A configuration is the answer to ConfigInput in the making.
type configuration struct {
	*asking
	path  whatchanged.Path
	where filter
	held  []held
	x     *excluded
}

// answer fills in the page, what stands beside it, and the verdict.
func (c *configuration) answer(in ConfigInput, out *ConfigState, asked []whatchanged.Ref) error {
	past, history := series{}, []ConfigChange{}
	var err error
	if in.History {
		keys := c.entities(c.held)
		if len(keys) > maxHistory {
			return whatchanged.Errorf(whatchanged.CodeTooLarge, "the history of %d keys: want at most %d, with a longer prefix such as config:shop/cart*", len(keys), maxHistory).In("key")
		}
		if past, err = c.past(keys, maxCandidates); err != nil {
			return err
		}
		history = c.history(past)
	}
	n := len(c.held)
	out.Total = n + len(history)
	from, to, more := c.page(out.Total, in.Limit)
	shown := c.held[min(from, n):min(to, n)]
	out.History = history[max(0, from-n):max(0, to-n)]
	if out.Truncated = more; more {
		out.Cursor = c.cursorAt(to)
	}
	if !in.History && slices.ContainsFunc(shown, c.wantsPast) {
		if past, err = c.past(c.entities(shown), c.enough()); err != nil {
			return err
		}
	}
	none := missing(asked, c.held)
	future, err := c.future(append(c.entities(shown), none...))
	if err != nil {
		return err
	}
	out.Items = []ConfigValue{}
	for _, h := range shown {
		out.Items = append(out.Items, c.value(h, past, future))
	}
	if err := c.readers(out, asked); err != nil {
		return err
	}
	out.Unset = none
	out.Excluded = c.x.list()
	out.Quoted = []string{"verdict", "items.value", "items.targeting", "items.variant", "items.actor.name", "items.ticket", "items.links", "items.previous.value",
		"items.next.value", "items.observed.value", "history.value", "history.diff", "history.actor.name", "history.ticket"}
	out.Verdict = c.verdict(out, none, future)
	out.Next = c.afterConfig(in, out)
	return nil
}

// entities returns what values are of, each once.
func (c *configuration) entities(of []held) []whatchanged.Ref {
	refs := []whatchanged.Ref{}
	for _, h := range of {
		if n := len(refs); n == 0 || refs[n-1] != h.key.Entity {
			refs = append(refs, h.key.Entity)
		}
	}
	return refs
}

// missing returns those of the keys asked by name of which nothing is in force
// where it was asked.
func missing(asked []whatchanged.Ref, of []held) []whatchanged.Ref {
	out := []whatchanged.Ref{}
	for _, ref := range asked {
		if !slices.ContainsFunc(of, func(h held) bool { return h.key.Entity == ref }) {
			out = append(out, ref)
		}
	}
	return out
}

// readers tells who depends on the keys.
func (c *configuration) readers(out *ConfigState, asked []whatchanged.Ref) error {
	out.Readers = []whatchanged.Edge{}
	refs := append(c.entities(c.held), asked...)
	slices.SortFunc(refs, whatchanged.Ref.Compare)
	if refs = slices.Compact(refs); len(refs) == 0 {
		return nil
	}
	edges, err := c.index.Edges(c.ctx, c.view, refs, maxEdges)
	out.readers = slices.DeleteFunc(slices.Clone(edges), func(e whatchanged.Edge) bool {
		_, of := slices.BinarySearchFunc(refs, e.To, whatchanged.Ref.Compare)
		return !of
	})
	out.Readers = out.readOnPage()
	return err
}

// readOnPage returns the readers of the keys that the page shows, and of those
// that are not set.
func (s *ConfigState) readOnPage() []whatchanged.Edge {
	on := map[whatchanged.Ref]bool{}
	for _, ref := range s.Unset {
		on[ref] = true
	}
	for i := range s.Items {
		on[s.Items[i].Key] = true
	}
	for i := range s.History {
		on[s.History[i].Key] = true
	}
	return slices.DeleteFunc(slices.Clone(s.readers), func(e whatchanged.Edge) bool { return !on[e.To] })
}
