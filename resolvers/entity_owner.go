package resolvers

import (
	"context"
	"maps"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// An EntityOwner is who owns an entity, since when and as which change says.
type EntityOwner struct {
	Entity *Entity
	Since  time.Time
	ID     string
}

// Owner returns who owns the entity as of the view, nil when nobody is said
// to.
func (e *Entity) Owner(ctx context.Context) (*EntityOwner, error) {
	listed, err := e.crowd.listed(ctx)
	if err != nil || listed[e.ref].Owner == nil {
		return nil, err
	}
	next, err := load(ctx, e.crowd, "owner", nil, func(*asking) (*crowd, []string, error) {
		var refs []whatchanged.Ref
		for _, l := range listed {
			if l.Owner != nil {
				refs = append(refs, l.Owner.Ref)
			}
		}
		return newCrowd(e.crowd.walk, e.crowd.path+".owner", refs), nil, nil
	})
	if err != nil {
		return nil, err
	}
	o := listed[e.ref].Owner
	return &EntityOwner{next.member(o.Ref), o.Since, o.ID}, nil
}

// OwnerChain returns the owner, the group above it, and so on.
func (e *Entity) OwnerChain(ctx context.Context) ([]*Entity, error) {
	chains, next, err := e.crowd.chains(ctx)
	out := []*Entity{}
	for _, ref := range chains[e.ref] {
		out = append(out, next.member(ref))
	}
	return out, err
}

// chains returns the chain of owners of each of the crowd, and those owners as
// a crowd.
func (c *crowd) chains(ctx context.Context) (map[whatchanged.Ref][]whatchanged.Ref, *crowd, error) {
	listed, err := c.listed(ctx)
	if err != nil {
		return nil, nil, err
	}
	type climbed struct {
		chains map[whatchanged.Ref][]whatchanged.Ref
		next   *crowd
	}
	got, err := load(ctx, c, "ownerChain", nil, func(a *asking) (climbed, []string, error) {
		owners := map[whatchanged.Ref]whatchanged.Ref{}
		for ref, l := range listed {
			if l.Owner != nil {
				owners[ref] = l.Owner.Ref
			}
		}
		above, err := a.groups(slices.Collect(maps.Values(owners)))
		out := climbed{map[whatchanged.Ref][]whatchanged.Ref{}, nil}
		var all []whatchanged.Ref
		for ref, owner := range owners {
			out.chains[ref] = above.chain(owner)
			all = append(all, out.chains[ref]...)
		}
		out.next = newCrowd(c.walk, c.path+".ownerChain", all)
		return out, texts(out.next.refs), err
	})
	return got.chains, got.next, err
}

// OnCall returns who is on call for the entity as of the view, nil when no
// source says.
func (e *Entity) OnCall(ctx context.Context) (*OnCall, error) {
	chains, owners, err := e.crowd.chains(ctx)
	if err != nil {
		return nil, err
	}
	by, err := load(ctx, e.crowd, "onCall", nil, func(a *asking) (map[whatchanged.Ref]*OnCall, []string, error) {
		by, err := a.onCall(slices.Concat(e.crowd.refs, owners.refs))
		var ids []string
		for _, o := range by {
			ids = append(ids, o.ID)
		}
		slices.Sort(ids)
		return by, ids, err
	})
	return nearest(by, append([]whatchanged.Ref{e.ref}, chains[e.ref]...)...), err
}
