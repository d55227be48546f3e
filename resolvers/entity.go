package resolvers

import (
	"context"
	"time"

	"whatchanged.dev/whatchanged"
)

// An Entity is a node of the graph, as of the view in which the walk to it
// began. Its fields are read for all that the walk reached by the same step.
type Entity struct {
	crowd *crowd
	ref   whatchanged.Ref
}

// A Node is what a global id leads to.
type Node interface{ IsNode() }

// IsNode implements [Node].
func (*Entity) IsNode() {}

// nodeID is what the global id of an entity stands for.
type nodeID struct {
	Entity string `json:"e"`
}

// ID returns the global id.
func (e *Entity) ID() string { return opaque(nodeID{e.ref.String()}) }

// Ref returns the reference.
func (e *Entity) Ref() whatchanged.Ref { return e.ref }

// Kind returns the first part of the reference.
func (e *Entity) Kind() string { return string(e.ref.Kind) }

// Namespace returns the second part of the reference.
func (e *Entity) Namespace() string { return e.ref.Namespace }

// Name returns the third part of the reference.
func (e *Entity) Name() string { return e.ref.Name }

// AsOf returns the moment of the view.
func (e *Entity) AsOf() time.Time { return e.crowd.walk.view.AsOf }

// KnownAt returns the position of the view.
func (e *Entity) KnownAt() whatchanged.Position { return e.crowd.walk.view.KnownAt }

// FirstKnown returns the first position that told of the entity.
func (e *Entity) FirstKnown(ctx context.Context) (whatchanged.Position, error) {
	listed, err := e.crowd.listed(ctx)
	return listed[e.ref].FirstKnown, err
}

// EntityInput asks for one entity.
type EntityInput struct {
	Ref     whatchanged.Ref       `json:"ref"`
	AsOf    *whatchanged.When     `json:"asOf"`
	KnownAt *whatchanged.When     `json:"knownAt"`
	After   *whatchanged.Position `json:"after"`
}

// Entity returns an entity to walk from, nil when it is not known.
func (r *Resolver) Entity(ctx context.Context, ref whatchanged.Ref, asOf, knownAt *whatchanged.When, after *whatchanged.Position) (out *Entity, err error) {
	in := EntityInput{ref, asOf, knownAt, after}
	err = r.attend(ctx, "entity", in, func(a *asking) (ids []string, err error) {
		if out, err = a.entityAt(in); out != nil {
			ids = []string{ref.String()}
		}
		return ids, err
	})
	return out, err
}

func (a *asking) entityAt(in EntityInput) (*Entity, error) {
	if err := a.begin(in, times{Until: in.AsOf, KnownAt: in.KnownAt, After: in.After}); err != nil {
		return nil, err
	}
	q := whatchanged.EntityList{EntitySelection: whatchanged.EntitySelection{Refs: []whatchanged.Ref{in.Ref}, Limit: 1}}
	l, err := a.index.List(a.ctx, a.view, q)
	if err != nil || len(l.Entities) == 0 {
		return nil, err
	}
	c := newCrowd(a, "entity", []whatchanged.Ref{in.Ref})
	c.know(l.Entities)
	return c.member(in.Ref), nil
}

// Node returns what a global id leads to, nil when that is nothing.
func (r *Resolver) Node(ctx context.Context, id string) (Node, error) {
	var of nodeID
	var ref whatchanged.Ref
	if clear(id, &of) {
		ref, _ = whatchanged.ParseRef(of.Entity)
	}
	e, err := r.Entity(ctx, ref, nil, nil, nil)
	if e == nil {
		return nil, err
	}
	return e, err
}
