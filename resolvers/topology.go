package resolvers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"whatchanged.dev/whatchanged"
)

const (
	maxNeighbours = 500
	maxEdges      = 20_000
)

// TopologyInput asks what entities depend on and what depends on them.
type TopologyInput struct {
	Scope     []string              `json:"scope"`
	Direction string                `json:"direction"`
	Hops      int                   `json:"hops"`
	AsOf      *whatchanged.When     `json:"asOf"`
	KnownAt   *whatchanged.When     `json:"knownAt"`
	After     *whatchanged.Position `json:"after"`
	Limit     int                   `json:"limit"`
	Cursor    *string               `json:"cursor"`
}

// Topology answers TopologyInput: entities, nearest first, the edges among
// them, and the circles.
type Topology struct {
	Envelope
	Items   []Neighbour        `json:"items"`
	Edges   []whatchanged.Edge `json:"edges"`
	Circles []Circle           `json:"circles"`

	scope []whatchanged.Ref
	among []whatchanged.Edge // the scope and all that was reached
}

// A Neighbour is an entity that a walk from the scope reached.
type Neighbour struct {
	Entity    whatchanged.Ref       `json:"entity"`
	Direction whatchanged.Direction `json:"direction"`
	Hops      int                   `json:"hops"`
	Path      []whatchanged.Ref     `json:"path"`
}

// A Circle is entities that depend on themselves by way of the others.
type Circle struct {
	Entities []whatchanged.Ref `json:"entities"`
	Since    time.Time         `json:"since"`    // when the last of its edges began to hold
	ClosedBy string            `json:"closedBy"` // the change that told of that edge
}

// Topology tells what is around entities.
func (r *Resolver) Topology(ctx context.Context, in TopologyInput) (*Topology, error) {
	return ask(ctx, r, "topology", in, (*asking).topology)
}

func (a *asking) topology(in TopologyInput) (*Topology, error) {
	if err := checkLimit(in.Limit, maxNeighbours); err != nil {
		return nil, err
	}
	ways, err := waysOf(in.Direction)
	if err != nil {
		return nil, err
	}
	if len(in.Scope) == 0 {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "no entity: want kind:namespace/name, such as service:acme/checkout").In("scope")
	}
	if err := a.begin(in, times{Until: in.AsOf, KnownAt: in.KnownAt, After: in.After, Lookback: 24 * time.Hour, Cursor: in.Cursor}); err != nil {
		return nil, err
	}
	scope, err := a.resolve(in.Scope)
	if err != nil {
		return nil, err
	}
	all, err := a.neighbours(scope, ways, in.Hops)
	if err != nil {
		return nil, err
	}
	out := &Topology{Edges: []whatchanged.Edge{}, Circles: []Circle{}}
	if out.Envelope, err = a.envelope(reached(scope, all)...); err != nil {
		return nil, err
	}
	among, err := a.edgesAmong(scope, all)
	if err != nil {
		return nil, err
	}
	from, to, more := a.page(len(all), in.Limit)
	out.Items, out.Total, out.Truncated = all[from:to:to], len(all), more
	if more {
		out.Cursor = a.cursorAt(to)
	}
	out.asking = a
	out.scope, out.among = scope, among
	out.Edges = out.shown()
	out.Circles = circlesOf(among)
	out.Verdict = surroundings(scope, all, out.Circles)
	out.Next = []Call{a.call("whatChanged", "what changed around it", map[string]any{"scope": texts(scope), "hops": max(1, in.Hops)})}
	return out, nil
}

// waysOf reads the direction asked for.
func waysOf(direction string) ([]whatchanged.Direction, error) {
	if direction == "both" {
		return directions, nil
	}
	if d := whatchanged.Direction(direction); slices.Contains(directions, d) {
		return []whatchanged.Direction{d}, nil
	}
	return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want dependsOn, dependents or both", direction).In("direction")
}

// neighbours walks each way and returns what is reached, nearest first. What
// is reached both ways is there twice: in a circle it is both.
func (a *asking) neighbours(scope []whatchanged.Ref, ways []whatchanged.Direction, hops int) ([]Neighbour, error) {
	if hops < 0 || hops > maxHops {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%d: want 0 to %d, such as 2", hops, maxHops).In("hops")
	}
	all := []Neighbour{}
	for _, way := range ways {
		found, err := a.index.Reach(a.ctx, a.view, whatchanged.Walk{From: scope, Direction: way, Hops: hops, Limit: maxReached})
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			all = append(all, Neighbour{Entity: f.Ref, Direction: f.Direction, Hops: f.Hops, Path: f.Path})
		}
	}
	slices.SortStableFunc(all, func(x, y Neighbour) int {
		return cmp.Or(cmp.Compare(x.Hops, y.Hops), cmp.Compare(slices.Index(ways, x.Direction), slices.Index(ways, y.Direction)), x.Entity.Compare(y.Entity))
	})
	return all, nil
}

// edgesAmong returns the edges of which both ends are in the scope or reached.
func (a *asking) edgesAmong(scope []whatchanged.Ref, all []Neighbour) ([]whatchanged.Edge, error) {
	refs := reached(scope, all)
	edges, err := a.index.Edges(a.ctx, a.view, refs, maxEdges)
	if err != nil {
		return nil, err
	}
	return within(edges, refs), nil
}

// reached returns the scope and what was reached from it.
func reached(scope []whatchanged.Ref, all []Neighbour) []whatchanged.Ref {
	refs := slices.Clone(scope)
	for _, n := range all {
		refs = append(refs, n.Entity)
	}
	return refs
}

func within(edges []whatchanged.Edge, refs []whatchanged.Ref) []whatchanged.Edge {
	in := make(map[whatchanged.Ref]bool, len(refs))
	for _, r := range refs {
		in[r] = true
	}
	return slices.DeleteFunc(slices.Clone(edges), func(e whatchanged.Edge) bool { return !in[e.From] || !in[e.To] })
}

// circlesOf finds the circles and, for each, the edge that closed it: the
// latest of those it is made of. Of edges of several evidence between the same
// two entities the oldest counts.
func circlesOf(edges []whatchanged.Edge) []Circle {
	oldest := map[whatchanged.Arc]whatchanged.Edge{}
	var arcs []whatchanged.Arc
	for _, e := range edges {
		arc := whatchanged.Arc{From: e.From, To: e.To}
		if was, ok := oldest[arc]; !ok || e.Since.Before(was.Since) {
			oldest[arc] = e
		}
		arcs = append(arcs, arc)
	}
	out := []Circle{}
	for _, entities := range whatchanged.Circles(arcs) {
		c := Circle{Entities: entities}
		for i, from := range entities {
			e := oldest[whatchanged.Arc{From: from, To: entities[(i+1)%len(entities)]}]
			if e.Since.After(c.Since) || c.ClosedBy == "" {
				c.Since, c.ClosedBy = e.Since, e.ID
			}
		}
		out = append(out, c)
	}
	return out
}

func surroundings(scope []whatchanged.Ref, all []Neighbour, circles []Circle) string {
	needs, needed := 0, 0
	for _, n := range all {
		if n.Direction == whatchanged.DependsOn {
			needs++
		} else {
			needed++
		}
	}
	s := fmt.Sprintf("%s: depends on %d, %d depend on it", join(scope), needs, needed)
	if len(circles) > 0 {
		s += fmt.Sprintf("; %s, such as %s", countOf(len(circles), "circle", "circles"), circles[0])
	}
	return s + "."
}

// String spells a circle: a → b → a.
func (c Circle) String() string { return whatchanged.CircleText(c.Entities) }

// shown returns the edges among the scope and the items.
func (t *Topology) shown() []whatchanged.Edge {
	return within(t.among, reached(t.scope, t.Items))
}

// Len implements [Paged].
func (t *Topology) Len() int { return len(t.Items) }

// Cut implements [Paged].
func (t *Topology) Cut(n int) { t.Items = t.Items[:n:n]; t.Edges = t.shown(); t.cutAt(n) }

// IDs implements [Answered].
func (t *Topology) IDs() []string {
	ids := []string{}
	for _, n := range t.Items {
		ids = append(ids, n.Entity.String())
	}
	for _, e := range t.Edges {
		ids = append(ids, e.ID)
	}
	return ids
}

// Table implements [Answered]: the neighbours, then the edges, then the
// circles.
func (t *Topology) Table() Table {
	out := Table{Header: []string{"entity", "what", "hops", "path or other end", "since", "evidence", "change"}, Ours: []string{"what", "hops", "path or other end", "since"}}
	for _, n := range t.Items {
		out.Rows = append(out.Rows, []string{n.Entity.String(), string(n.Direction), strconv.Itoa(n.Hops), trail(n.Path), "", "", ""})
	}
	for _, e := range t.Edges {
		out.Rows = append(out.Rows, []string{e.From.String(), "edge", "", "→ " + e.To.String(), e.Since.Format(time.RFC3339), string(e.Evidence), e.ID})
	}
	for _, c := range t.Circles {
		out.Rows = append(out.Rows, []string{c.Entities[0].String(), "circle", strconv.Itoa(len(c.Entities)), c.String(), c.Since.Format(time.RFC3339), "", c.ClosedBy})
	}
	return out
}
