package resolvers

import (
	"context"
	"slices"
	"sync"

	"whatchanged.dev/whatchanged"
)

// maxCrowd bounds how many entities one step of a walk may reach.
const maxCrowd = 5000

// A crowd is the entities that a walk through the graph reached by one step,
// whosever neighbours they are. What is asked of one of them is read for all
// of them at once, so a query costs as many reads as it has steps, however
// many entities there are. All crowds of a walk share its view.
//
// The batches that gqlgen can make of the elements of a list do not reach
// through the edges of a connection, and are one for each list.
type crowd struct {
	walk *asking // of which only the view and the clock are used
	path string  // the steps to here, as in entities.dependencies
	refs []whatchanged.Ref

	mu    sync.Mutex
	loads map[string]func() (any, error)
}

func newCrowd(a *asking, path string, refs []whatchanged.Ref) *crowd {
	refs = slices.Clone(refs)
	slices.SortFunc(refs, whatchanged.Ref.Compare)
	return &crowd{walk: a, path: path, refs: slices.Compact(refs), loads: map[string]func() (any, error){}}
}

// member returns one of the crowd.
func (c *crowd) member(ref whatchanged.Ref) *Entity { return &Entity{crowd: c, ref: ref} }

// load reads a field for the whole crowd, once for the same arguments.
func load[T any](ctx context.Context, c *crowd, field string, args any, read func(*asking) (T, []string, error)) (T, error) {
	key := field + whatchanged.ValueOf(args).String()
	c.mu.Lock()
	once, ok := c.loads[key]
	if !ok {
		once = sync.OnceValues(func() (any, error) { return step(ctx, c, field, args, read) })
		c.loads[key] = once
	}
	c.mu.Unlock()
	v, err := once()
	out, _ := v.(T)
	return out, err
}

// step reads a field for the crowd, from where in time the walk began.
func step[T any](ctx context.Context, c *crowd, field string, args any, read func(*asking) (T, []string, error)) (out T, err error) {
	err = c.walk.attend(ctx, c.path+"."+field, args, func(a *asking) (ids []string, err error) {
		if len(c.refs) > maxCrowd {
			return nil, whatchanged.Errorf(whatchanged.CodeTooLarge, "%d entities: want at most %d; ask smaller pages", len(c.refs), maxCrowd)
		}
		a.view, a.watermark, a.interval, a.onset, a.now = c.walk.view, c.walk.watermark, c.walk.interval, c.walk.onset, c.walk.now
		out, ids, err = read(a)
		return ids, err
	})
	return out, err
}

// listed returns what lists know of each of the crowd.
func (c *crowd) listed(ctx context.Context) (map[whatchanged.Ref]whatchanged.ListedEntity, error) {
	return load(ctx, c, "entity", nil, func(a *asking) (map[whatchanged.Ref]whatchanged.ListedEntity, []string, error) {
		l, err := a.index.List(a.ctx, a.view, whatchanged.EntityList{EntitySelection: whatchanged.EntitySelection{Refs: c.refs, Limit: len(c.refs)}})
		return listedBy(l.Entities), texts(c.refs), err
	})
}

// know gives the crowd what was listed already.
func (c *crowd) know(all []whatchanged.ListedEntity) {
	by := listedBy(all)
	c.loads["entity"] = func() (any, error) { return by, nil }
}

func listedBy(all []whatchanged.ListedEntity) map[whatchanged.Ref]whatchanged.ListedEntity {
	by := make(map[whatchanged.Ref]whatchanged.ListedEntity, len(all))
	for _, e := range all {
		by[e.Ref] = e
	}
	return by
}
