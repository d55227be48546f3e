package resolvers

import (
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A Circle is entities that depend on themselves by way of the others. One in
// which something controls what it depends on is a bootstrap circle: when all
// is down, it does not come up by itself.
type Circle struct {
	Entities  []whatchanged.Ref `json:"entities"`
	Bootstrap bool              `json:"bootstrap"`
	Edges     []CircleEdge      `json:"edges"`
	Since     time.Time         `json:"since"`    // when the last of its edges began to hold
	ClosedBy  string            `json:"closedBy"` // the change that told of that edge
}

// A CircleEdge leads from an entity of a circle to the next.
type CircleEdge struct {
	How   string    `json:"how"`
	Since time.Time `json:"since"` // since when it holds, however often it was told of since
	ID    string    `json:"id"`    // of the change that told of it first
}

// How an entity of a circle depends on the next.
const (
	byCall    = "calls"
	byRead    = "reads"
	byControl = "control" // the next deploys, stores or configures it
)

// Bounds of looking for circles.
const (
	maxBootstrap  = 100  // circles through control
	maxTold       = 1000 // changes of an entity that are looked through for when an edge began
	controlSuffix = "[bot]"
)

// controlAttributes name what deploys, stores or configures that which an event
// changed: a reference, or a name.
var controlAttributes = []string{"controller", "deployer", "store"}

// controlled says what of an event's entity is controlled by what, among known
// entities: as its attributes say, or, when an automation made the change that
// has the name of one of them, by that.
type controlled map[string]whatchanged.Ref // by reference and, where only one has it, by name

func newControlled(refs []whatchanged.Ref) controlled {
	c := controlled{}
	for _, ref := range refs {
		if read[ref.Kind] || ref.Kind == whatchanged.KindRepository || ref.Kind == whatchanged.KindGroup || ref.Kind == whatchanged.KindIncident {
			continue
		}
		c[ref.String()] = ref
		if was, ok := c[ref.Name]; ok && was != ref {
			c[ref.Name] = whatchanged.Ref{} // no name of one
		} else {
			c[ref.Name] = ref
		}
	}
	return c
}

// by returns what controls an event's entity.
func (c controlled) by(e *whatchanged.Event) (all []whatchanged.Ref) {
	add := func(name string) {
		name = strings.ToLower(strings.TrimSpace(name))
		if ref := c[name]; name != "" && !ref.IsZero() && !slices.Contains(all, ref) {
			all = append(all, ref)
		}
	}
	for _, a := range controlAttributes {
		add(e.Attributes[a])
	}
	if e.Actor != nil && e.Actor.Automation {
		add(strings.TrimSuffix(e.Actor.Name, controlSuffix))
	}
	return all
}

// circles finds the circles among entities and the edges among these, and
// when each was closed.
func (a *asking) circles(refs []whatchanged.Ref, edges []whatchanged.Edge) ([]Circle, error) {
	refs = slices.Compact(slices.SortedFunc(slices.Values(refs), whatchanged.Ref.Compare))
	states, err := a.index.States(a.ctx, a.view, whatchanged.StateSelection{Entities: refs, Limit: maxHeld})
	if err != nil {
		return nil, err
	}
	return a.circlesAmong(refs, edges, states)
}

// circlesAmong is circles when what holds of the entities has been read.
func (a *asking) circlesAmong(refs []whatchanged.Ref, edges []whatchanged.Edge, states []*whatchanged.Event) ([]Circle, error) {
	c := newControlled(refs)
	arcs := make([]whatchanged.Arc, len(edges))
	for i := range edges {
		arcs[i] = whatchanged.Arc{From: edges[i].From, To: edges[i].To}
	}
	found := whatchanged.Circles(arcs)
	var through []whatchanged.Arc
	control := []whatchanged.Edge{}
	for _, e := range states {
		if e.Action == whatchanged.ActionObserved {
			continue
		}
		for _, by := range c.by(e) {
			control = append(control, whatchanged.Edge{From: e.Entity, To: by, Since: e.EffectiveAt, ID: e.ID})
			through = append(through, whatchanged.Arc{From: e.Entity, To: by})
		}
	}
	found = append(found, whatchanged.CirclesThrough(append(arcs, through...), through, maxBootstrap)...)
	slices.SortFunc(found, func(x, y []whatchanged.Ref) int { return slices.CompareFunc(x, y, whatchanged.Ref.Compare) })
	found = slices.CompactFunc(found, slices.Equal)
	how := howOf(found, edges, control)
	if err := a.began(found, how, c); err != nil {
		return nil, err
	}
	out := []Circle{}
	for _, entities := range found {
		out = append(out, circleOf(entities, how))
	}
	return out, nil
}

// howOf says of the arcs of circles, and of no others, how they lead on: by
// control, where they do so also by that, and by what was told first.
func howOf(circles [][]whatchanged.Ref, edges, control []whatchanged.Edge) map[whatchanged.Arc]CircleEdge {
	how := map[whatchanged.Arc]CircleEdge{}
	for _, entities := range circles {
		for i, from := range entities {
			how[whatchanged.Arc{From: from, To: entities[(i+1)%len(entities)]}] = CircleEdge{}
		}
	}
	if len(how) == 0 {
		return how
	}
	note := func(e *whatchanged.Edge, by string) {
		arc := whatchanged.Arc{From: e.From, To: e.To}
		if was, ok := how[arc]; ok && (was.How == "" || was.How != by && by == byControl || was.How == by && e.Since.Before(was.Since)) {
			how[arc] = CircleEdge{by, e.Since, e.ID}
		}
	}
	for i := range edges {
		note(&edges[i], map[bool]string{true: byRead, false: byCall}[read[edges[i].To.Kind]])
	}
	for i := range control {
		note(&control[i], byControl)
	}
	return how
}

func circleOf(entities []whatchanged.Ref, how map[whatchanged.Arc]CircleEdge) Circle {
	c := Circle{Entities: entities}
	for i, from := range entities {
		e := how[whatchanged.Arc{From: from, To: entities[(i+1)%len(entities)]}]
		c.Edges = append(c.Edges, e)
		c.Bootstrap = c.Bootstrap || e.How == byControl
		if e.Since.After(c.Since) || c.ClosedBy == "" {
			c.Since, c.ClosedBy = e.Since, e.ID
		}
	}
	return c
}

// began puts right since when the edges of circles hold: an edge that is told
// of again holds since it was told of first without being taken back. It is
// one read of the history of their entities.
func (a *asking) began(circles [][]whatchanged.Ref, how map[whatchanged.Arc]CircleEdge, c controlled) error {
	var arcs []whatchanged.Arc
	var refs []whatchanged.Ref
	for _, entities := range circles {
		for i, from := range entities {
			arcs = append(arcs, whatchanged.Arc{From: from, To: entities[(i+1)%len(entities)]})
			refs = append(refs, from)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	slices.SortFunc(refs, whatchanged.Ref.Compare)
	refs = slices.Compact(refs)
	pages, err := a.index.ChangesOfEach(a.ctx, a.view, whatchanged.Selection{Entities: refs, Interval: whatchanged.Always, Descending: true, Limit: maxTold,
		Kinds: append(slices.Clone(whatchanged.SettingKinds), whatchanged.Topology)})
	if err != nil {
		return err
	}
	for _, arc := range arcs {
		i, _ := slices.BinarySearchFunc(refs, arc.From, whatchanged.Ref.Compare)
		e := how[arc]
		if first := beginOf(pages[i].Events, arc.To, e.How == byControl, c); first != nil && !first.EffectiveAt.After(e.Since) {
			e.Since, e.ID = first.EffectiveAt, first.ID
			how[arc] = e
		}
	}
	return nil
}

// beginOf returns the event, of an entity's given latest first, since which it
// has depended on another without a break: in some evidence, or in some place
// that the other controls.
func beginOf(events []*whatchanged.Event, to whatchanged.Ref, control bool, c controlled) (first *whatchanged.Event) {
	holds := map[any]bool{}
	for _, e := range slices.Backward(events) {
		var slot any
		var held bool
		if control {
			k, sets := e.StateKey()
			if !sets || k.Observed {
				continue
			}
			slot, held = k, slices.Contains(c.by(e), to)
		} else {
			if e.Dependency == nil || e.Dependency.To != to {
				continue
			}
			slot, held = e.Dependency.Evidence, !e.Dependency.Removed
		}
		if held && len(holds) == 0 {
			first = e
		}
		if held {
			holds[slot] = true
		} else {
			delete(holds, slot)
		}
	}
	if len(holds) == 0 {
		return nil
	}
	return first
}

// ids returns the changes that told of its edges, that which closed it first.
func (c Circle) ids() []string {
	ids := []string{c.ClosedBy}
	for _, e := range c.Edges {
		if !slices.Contains(ids, e.ID) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

func (c Circle) what() string {
	return map[bool]string{true: "bootstrap circle", false: "circle"}[c.Bootstrap]
}

// String spells a circle, with what is no call: a → b →(control) a.
func (c Circle) String() string {
	var b strings.Builder
	b.WriteString(c.Entities[0].String())
	for i, e := range c.Edges {
		b.WriteString(" → ")
		if e.How != byCall {
			b.WriteString("(" + e.How + ") ")
		}
		b.WriteString(c.Entities[(i+1)%len(c.Entities)].String())
	}
	return b.String()
}
