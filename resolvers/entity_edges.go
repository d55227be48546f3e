package resolvers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// A DependencyConnection is a page of what an entity depends on, or of what
// depends on it.
type DependencyConnection struct {
	Edges      []DependencyEdge
	PageInfo   PageInfo
	TotalCount int
}

// A DependencyEdge leads to the other end of a dependency, and says how that
// is known. Of different evidence there are several.
type DependencyEdge struct {
	Cursor     string
	Node       *Entity
	Evidence   whatchanged.Evidence
	Since      time.Time
	DeclaredBy string
}

// edgeCursor is where a dependency stands in the order of references and
// evidence.
type edgeCursor struct {
	Ref      whatchanged.Ref      `json:"r"`
	Evidence whatchanged.Evidence `json:"e"`
}

// A side is one of the connections of an entity that dependencies make.
type side struct {
	name string
	ends func(whatchanged.Edge) (own, other whatchanged.Ref)
	has  func(whatchanged.Edge) bool
}

func forth(e whatchanged.Edge) (own, other whatchanged.Ref) { return e.From, e.To }
func back(e whatchanged.Edge) (own, other whatchanged.Ref)  { return e.To, e.From }

var (
	needed  = side{"dependencies", forth, func(e whatchanged.Edge) bool { return !read[e.To.Kind] }}
	needing = side{"dependents", back, func(whatchanged.Edge) bool { return true }}
	readBy  = side{"configs", forth, func(e whatchanged.Edge) bool { return read[e.To.Kind] }}
)

// Dependencies returns what the entity depends on, but for what it reads.
func (e *Entity) Dependencies(ctx context.Context, first *int, after *string, last *int, before *string) (*DependencyConnection, error) {
	return e.beside(ctx, needed, Paging{first, after, last, before})
}

// Dependents returns what depends on the entity.
func (e *Entity) Dependents(ctx context.Context, first *int, after *string, last *int, before *string) (*DependencyConnection, error) {
	return e.beside(ctx, needing, Paging{first, after, last, before})
}

// Configs returns the flags, configs, experiments and models the entity reads.
func (e *Entity) Configs(ctx context.Context, first *int, after *string, last *int, before *string) (*DependencyConnection, error) {
	return e.beside(ctx, readBy, Paging{first, after, last, before})
}

// edges returns the dependencies of the whole crowd, whichever end it is.
func (c *crowd) edges(ctx context.Context) ([]whatchanged.Edge, error) {
	return load(ctx, c, "edges", nil, func(a *asking) ([]whatchanged.Edge, []string, error) {
		edges, err := a.index.Edges(a.ctx, a.view, c.refs, maxEdges)
		if err == nil && len(edges) == maxEdges {
			err = whatchanged.Errorf(whatchanged.CodeTooLarge, "%d dependencies or more: ask smaller pages of entities", maxEdges)
		}
		ids := make([]string, len(edges))
		for i, e := range edges {
			ids[i] = e.ID
		}
		return edges, ids, err
	})
}

// beside returns one page of one side of the entity, out of the pages of all
// of its crowd, whose nodes make the next crowd.
func (e *Entity) beside(ctx context.Context, s side, p Paging) (*DependencyConnection, error) {
	size, err := p.Check()
	if err != nil {
		return nil, err
	}
	from, err := edgeCursorOf("after", p.After)
	if err != nil {
		return nil, err
	}
	to, err := edgeCursorOf("before", p.Before)
	if err != nil {
		return nil, err
	}
	edges, err := e.crowd.edges(ctx)
	if err != nil {
		return nil, err
	}
	all, err := load(ctx, e.crowd, s.name, p, func(a *asking) (map[whatchanged.Ref]*DependencyConnection, []string, error) {
		by := map[whatchanged.Ref][]whatchanged.Edge{}
		for _, edge := range edges {
			if own, _ := s.ends(edge); s.has(edge) {
				by[own] = append(by[own], edge)
			}
		}
		pages := map[whatchanged.Ref]*DependencyConnection{}
		next := newCrowd(e.crowd.walk, e.crowd.path+"."+s.name, nil)
		for own, edges := range by {
			pages[own] = s.page(edges, p, size, from, to, next)
		}
		next.refs = slices.Compact(slices.SortedFunc(slices.Values(next.refs), whatchanged.Ref.Compare))
		return pages, nil, nil
	})
	if page := all[e.ref]; page != nil || err != nil {
		return page, err
	}
	return &DependencyConnection{Edges: []DependencyEdge{}}, nil
}

// page cuts the page out of the edges of one entity.
func (s side) page(edges []whatchanged.Edge, p Paging, size int, from, to *edgeCursor, next *crowd) *DependencyConnection {
	at := func(edge whatchanged.Edge) edgeCursor {
		_, other := s.ends(edge)
		return edgeCursor{other, edge.Evidence}
	}
	slices.SortFunc(edges, func(x, y whatchanged.Edge) int { return at(x).compare(at(y)) })
	start, end := 0, len(edges)
	for i, edge := range edges {
		if from != nil && at(edge).compare(*from) <= 0 {
			start = i + 1
		}
		if to != nil && at(edge).compare(*to) >= 0 {
			end = min(end, i)
		}
	}
	start, end = p.bounds(start, end, size, len(edges))
	out := &DependencyConnection{Edges: []DependencyEdge{}, TotalCount: len(edges)}
	for _, edge := range edges[start:end] {
		_, other := s.ends(edge)
		next.refs = append(next.refs, other)
		out.Edges = append(out.Edges, DependencyEdge{Cursor: opaque(at(edge)), Node: next.member(other),
			Evidence: edge.Evidence, Since: edge.Since, DeclaredBy: edge.ID})
	}
	out.PageInfo = infoOf(start, end, len(edges), func(i int) string { return opaque(at(edges[i])) })
	return out
}

func (c edgeCursor) compare(d edgeCursor) int {
	return cmp.Or(c.Ref.Compare(d.Ref), cmp.Compare(c.Evidence, d.Evidence))
}

func edgeCursorOf(field string, text *string) (*edgeCursor, error) {
	if text == nil {
		return nil, nil
	}
	c := &edgeCursor{}
	if !clear(*text, c) || !c.Ref.Valid() {
		return nil, errCursor(field)
	}
	return c, nil
}
