package resolvers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	var x excluded
	among, err := a.edgesAmong(scope, all, &x)
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
	if out.Circles, err = a.circles(reached(scope, all), among); err != nil {
		return nil, err
	}
	out.Excluded = x.list()
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
func (a *asking) edgesAmong(scope []whatchanged.Ref, all []Neighbour, x *excluded) ([]whatchanged.Edge, error) {
	refs := reached(scope, all)
	edges, err := a.index.Edges(a.ctx, a.view, refs, maxEdges)
	if err != nil {
		return nil, err
	}
	if len(edges) == maxEdges {
		x.add(ReasonTooManyEdges, 1)
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
		s += fmt.Sprintf("; %s, such as %s, closed %s by %s", countOf(len(circles), "circle", "circles"), circles[0], stamp(circles[0].Since), Fence(circles[0].ClosedBy))
	}
	if i := slices.IndexFunc(circles, func(c Circle) bool { return c.Bootstrap }); i >= 0 {
		s += "; what controls one of these depends on it, so that it does not come up by itself: " + circles[i].String()
	}
	return s + "."
}

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
	for _, c := range t.Circles {
		ids = append(ids, c.ids()...)
	}
	return ids
}

// Table implements [Answered]: the neighbours, then the edges, then the
// circles.
func (t *Topology) Table() Table {
	out := Table{Header: []string{"entity", "what", "hops", "path or other end", "since", "evidence", "change"}, Ours: []string{"what", "hops", "path or other end", "since"}, Lists: []string{"change"}}
	for _, n := range t.Items {
		out.Rows = append(out.Rows, []string{n.Entity.String(), string(n.Direction), strconv.Itoa(n.Hops), trail(n.Path), "", "", ""})
	}
	for _, e := range t.Edges {
		out.Rows = append(out.Rows, []string{e.From.String(), "edge", "", "→ " + e.To.String(), e.Since.Format(time.RFC3339), string(e.Evidence), e.ID})
	}
	for _, c := range t.Circles {
		out.Rows = append(out.Rows, []string{c.Entities[0].String(), c.what(), strconv.Itoa(len(c.Entities)), c.String(), stamp(c.Since), "", strings.Join(c.ids(), "\n")})
	}
	return out
}
