package resolvers

import (
	"context"
	"math"

	"whatchanged.dev/whatchanged"
)

// An EntityFilter says which entities are asked for. Of each field that is
// not empty, one of its values must be the entity's.
type EntityFilter struct {
	Kinds        []string          `json:"kinds"`
	Text         *string           `json:"text"`
	Namespaces   []string          `json:"namespaces"`
	Owners       []whatchanged.Ref `json:"owners"`
	Environments []string          `json:"environments"`
	Regions      []string          `json:"regions"`
}

// An EntityOrder is an order of entities.
type EntityOrder string

// ByReference is the order of kind, namespace and name. ByRecency has that
// first of which a change was learned last.
const (
	ByReference EntityOrder = "REF"
	ByRecency   EntityOrder = "RECENT"
)

// EntitiesInput asks for entities.
type EntitiesInput struct {
	Filter  *EntityFilter     `json:"filter"`
	OrderBy EntityOrder       `json:"orderBy"`
	AsOf    *whatchanged.When `json:"asOf"`
	KnownAt *whatchanged.When `json:"knownAt"`
	Paging  Paging            `json:"-"`
}

// An EntityConnection is a page of entities.
type EntityConnection struct {
	Edges      []EntityEdge
	PageInfo   PageInfo
	TotalCount int

	crowd *crowd
	list  whatchanged.EntityList
}

// An EntityEdge leads to an entity of a page.
type EntityEdge struct {
	Cursor string
	Node   *Entity
}

// A listCursor pins further pages to what was known for the first one.
type listCursor struct {
	Key     string               `json:"q"`
	KnownAt whatchanged.Position `json:"k"`
	Item    int                  `json:"n"`
}

// Entities returns a page of entities to walk from.
func (r *Resolver) Entities(ctx context.Context, filter *EntityFilter, orderBy EntityOrder, first *int, after *string, last *int, before *string, asOf, knownAt *whatchanged.When) (out *EntityConnection, err error) {
	in := EntitiesInput{filter, orderBy, asOf, knownAt, Paging{first, after, last, before}}
	err = r.attend(ctx, "entities", in, func(a *asking) (ids []string, err error) {
		if out, err = a.entities(in); err != nil {
			return nil, err
		}
		return texts(out.crowd.refs), nil
	})
	return out, err
}

func (a *asking) entities(in EntitiesInput) (*EntityConnection, error) {
	size, err := in.Paging.Check()
	if err != nil {
		return nil, err
	}
	key := cursorKey("entities", in)
	from, to, at, err := in.resume(key)
	if err != nil {
		return nil, err
	}
	if err := a.begin(in, times{Until: in.AsOf, KnownAt: in.KnownAt}); err != nil {
		return nil, err
	}
	if at != nil {
		if at.KnownAt.Compare(a.watermark.Position) > 0 {
			return nil, whatchanged.Errorf(whatchanged.CodeCursorExpired, "the cursor is of another log; start again without it").In("after")
		}
		a.view.KnownAt = at.KnownAt
	}
	list := in.list()
	l, from, err := a.listPage(list, in.Paging, from, to, size)
	if err != nil {
		return nil, err
	}
	out := &EntityConnection{Edges: []EntityEdge{}, TotalCount: l.Total, list: list}
	cursor := func(i int) string {
		return opaque(listCursor{key, a.view.KnownAt, i})
	}
	var refs []whatchanged.Ref
	for _, e := range l.Entities {
		refs = append(refs, e.Ref)
	}
	out.crowd = newCrowd(a, "entities", refs)
	out.crowd.know(l.Entities)
	for i, ref := range refs {
		out.Edges = append(out.Edges, EntityEdge{Cursor: cursor(from + i), Node: out.crowd.member(ref)})
	}
	out.PageInfo = infoOf(from, from+len(refs), l.Total, cursor)
	return out, nil
}

// resume reads the cursors: the first item that is wanted, the first that is
// not, and where in time the page before was read.
func (in EntitiesInput) resume(key string) (from, to int, at *listCursor, err error) {
	to = math.MaxInt32
	for field, text := range map[string]*string{"after": in.Paging.After, "before": in.Paging.Before} {
		if text == nil {
			continue
		}
		var c listCursor
		if !clear(*text, &c) || c.Key != key || c.Item < 0 || c.Item >= math.MaxInt32 {
			return 0, 0, nil, errCursor(field)
		}
		if field == "after" {
			from = c.Item + 1
		} else {
			to = c.Item
		}
		at = &c
	}
	return from, to, at, nil
}

// listPage reads the page and says where it begins. Counted from the end, it
// must first be known where that is.
func (a *asking) listPage(list whatchanged.EntityList, p Paging, from, to, size int) (whatchanged.Listing, int, error) {
	if p.Last != nil && p.Before == nil {
		l, err := a.index.List(a.ctx, a.view, list)
		if err != nil {
			return l, 0, err
		}
		to = l.Total
	}
	from, end := p.bounds(from, to, size, to)
	list.Offset, list.Limit = from, end-from
	l, err := a.index.List(a.ctx, a.view, list)
	return l, min(from, l.Total), err
}

func (in EntitiesInput) list() whatchanged.EntityList {
	l := whatchanged.EntityList{Recent: in.OrderBy == ByRecency}
	if f := in.Filter; f != nil {
		for _, k := range f.Kinds {
			l.Kinds = append(l.Kinds, whatchanged.Ref{Kind: whatchanged.Kind(k)}.Canonical().Kind)
		}
		l.Text, l.Namespaces, l.Owners, l.Environments, l.Regions = deref(f.Text), f.Namespaces, f.Owners, f.Environments, f.Regions
	}
	return l
}

// maxFacet bounds how many values of a facet are told of.
const maxFacet = 100

// Facets counts what the entities on all pages have.
func (c *EntityConnection) Facets(ctx context.Context) (*whatchanged.Facets, error) {
	return load(ctx, c.crowd, "facets", nil, func(a *asking) (*whatchanged.Facets, []string, error) {
		list := c.list
		list.Facets = true
		l, err := a.index.List(a.ctx, a.view, list)
		f := l.Facets
		for _, counts := range []*[]whatchanged.FacetCount{&f.Kinds, &f.Namespaces, &f.Owners, &f.Environments, &f.Regions} {
			*counts = filled((*counts)[:min(len(*counts), maxFacet)])
		}
		return &f, nil, err
	})
}
