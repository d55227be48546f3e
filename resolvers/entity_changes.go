package resolvers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// Bounds on what is read of the changes of a crowd.
const (
	maxSteps     = 200                 // steps of rollouts, for each entity
	incidentsAgo = 30 * 24 * time.Hour // how far back incidents are looked for by default
)

// A ChangeConnection is a page of the changes on an entity, latest first.
type ChangeConnection struct {
	Edges      []ChangeEdge
	PageInfo   PageInfo
	TotalCount int
}

// A ChangeEdge leads to a change of a page.
type ChangeEdge struct {
	Cursor string
	Node   ChangeBrief
}

// An EntityIncident is an incident that a source says is about an entity.
type EntityIncident struct {
	Entity    *Entity
	Action    string
	Summary   string
	StartedAt time.Time
	UpdatedAt time.Time
	IDs       []string
}

// A window is the stretch of time that a nested list is asked for.
type window struct {
	Since *whatchanged.When `json:"since"`
	Until *whatchanged.When `json:"until"`
}

// interval makes the window absolute. It ends, at the latest, with the moment
// of the view.
func (a *asking) window(w window, lookback time.Duration) (whatchanged.Interval, error) {
	i := whatchanged.Interval{From: whatchanged.MinTime, To: a.view.AsOf.Add(whatchanged.Resolution)}
	if lookback > 0 && a.view.AsOf.Add(-lookback).After(i.From) {
		i.From = a.view.AsOf.Add(-lookback)
	}
	var err error
	if i.To, err = a.at("until", w.Until, i.To); err != nil {
		return i, err
	}
	i.From, err = a.at("since", w.Since, i.From)
	return i, err
}

// changesInput are the arguments of changes.
type changesInput struct {
	First *int     `json:"first"`
	After *string  `json:"after"`
	Kinds []string `json:"kinds"`
	window
}

// Changes returns the changes on the entity, latest first.
func (e *Entity) Changes(ctx context.Context, first *int, after *string, since, until *whatchanged.When, kinds []string) (*ChangeConnection, error) {
	in := changesInput{first, after, kinds, window{since, until}}
	size, err := Paging{First: first}.Check()
	if err != nil {
		return nil, err
	}
	var key *whatchanged.Key
	if after != nil {
		if key = (&whatchanged.Key{}); !clear(*after, key) || !whatchanged.Always.Contains(key.EffectiveAt) {
			return nil, errCursor("after")
		}
	}
	all, err := load(ctx, e.crowd, "changes", in, func(a *asking) (map[whatchanged.Ref]*ChangeConnection, []string, error) {
		return a.changesOf(e.crowd.refs, in, size, key)
	})
	return all[e.ref], err
}

func (a *asking) changesOf(refs []whatchanged.Ref, in changesInput, size int, key *whatchanged.Key) (map[whatchanged.Ref]*ChangeConnection, []string, error) {
	if len(refs)*size > maxCandidates {
		return nil, nil, whatchanged.Errorf(whatchanged.CodeTooLarge, "%d entities with %d changes each: want at most %d changes; ask smaller pages", len(refs), size, maxCandidates).In("first")
	}
	interval, err := a.window(in.window, 0)
	if err != nil {
		return nil, nil, err
	}
	if interval.Empty() {
		return nil, nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "the window %v is empty: want since before until", interval).In("since")
	}
	s := whatchanged.Selection{Entities: refs, Interval: interval, After: key, Descending: true, Limit: size + 1} // one more tells whether there is a next page
	for _, k := range in.Kinds {
		s.Kinds = append(s.Kinds, whatchanged.EventKind(k))
	}
	pages, err := a.index.ChangesOfEach(a.ctx, a.view, s)
	if err != nil {
		return nil, nil, err
	}
	all, ids := map[whatchanged.Ref]*ChangeConnection{}, []string{}
	for i, ref := range refs {
		c := connectionOf(pages[i], size, key != nil)
		all[ref] = c
		for j := range c.Edges {
			ids = append(ids, c.Edges[j].Node.ID)
		}
	}
	return all, ids, nil
}

func connectionOf(p whatchanged.Page, size int, more bool) *ChangeConnection {
	out := &ChangeConnection{Edges: []ChangeEdge{}, TotalCount: p.Total, PageInfo: PageInfo{HasPreviousPage: more, HasNextPage: len(p.Events) > size}}
	for _, e := range p.Events[:min(size, len(p.Events))] {
		out.Edges = append(out.Edges, ChangeEdge{opaque(e.Key()), brief(e)})
	}
	if n := len(out.Edges); n > 0 {
		out.PageInfo.StartCursor, out.PageInfo.EndCursor = &out.Edges[0].Cursor, &out.Edges[n-1].Cursor
	}
	return out
}

// Rollouts returns the rollouts of the entity, latest first, as their steps
// tell of them.
func (e *Entity) Rollouts(ctx context.Context) ([]whatchanged.Rollout, error) {
	all, err := load(ctx, e.crowd, "rollouts", nil, func(a *asking) (map[whatchanged.Ref][]whatchanged.Rollout, []string, error) {
		limit := min(maxSteps, max(1, maxCandidates/len(e.crowd.refs)))
		pages, err := a.index.ChangesOfEach(a.ctx, a.view, whatchanged.Selection{Entities: e.crowd.refs, Steps: true, Descending: true, Limit: limit})
		by, ids := map[whatchanged.Ref][]whatchanged.Rollout{}, []string{}
		for i, p := range pages {
			for _, r := range whatchanged.Rollouts(p.Events, nil, a.view.AsOf) {
				by[e.crowd.refs[i]] = append(by[e.crowd.refs[i]], *r)
			}
			for _, step := range p.Events {
				ids = append(ids, step.ID)
			}
		}
		return by, ids, err
	})
	return filled(all[e.ref]), err
}

// Incidents returns the incidents about the entity, the last to move first.
func (e *Entity) Incidents(ctx context.Context, since, until *whatchanged.When) ([]EntityIncident, error) {
	all, err := load(ctx, e.crowd, "incidents", window{since, until}, func(a *asking) (map[whatchanged.Ref][]EntityIncident, []string, error) {
		interval, err := a.window(window{since, until}, incidentsAgo)
		if err != nil {
			return nil, nil, err
		}
		page, err := a.index.Changes(a.ctx, a.view, whatchanged.Selection{Kinds: []whatchanged.EventKind{whatchanged.Incident}, Interval: interval, Descending: true, Limit: maxCandidates})
		if err == nil && page.Total > len(page.Events) {
			err = whatchanged.Errorf(whatchanged.CodeTooLarge, "%d changes of incidents: want at most %d; ask a shorter window", page.Total, maxCandidates).In("since")
		}
		by, ids := e.crowd.incidents(page.Events)
		return by, ids, err
	})
	return filled(all[e.ref]), err
}

// incidents sorts the events of incidents, latest first, by the entities of
// the crowd that they are about: the one that a source names as the service,
// or the incident itself.
func (c *crowd) incidents(events []*whatchanged.Event) (by map[whatchanged.Ref][]EntityIncident, ids []string) {
	next := newCrowd(c.walk, c.path+".incidents", nil)
	by = map[whatchanged.Ref][]EntityIncident{}
	for _, ev := range events {
		about := ev.Entity
		if ref := aboutOf(ev); ref != nil {
			about = *ref
		}
		if _, ours := slices.BinarySearchFunc(c.refs, about, whatchanged.Ref.Compare); !ours {
			continue
		}
		ids = append(ids, ev.ID)
		i := slices.IndexFunc(by[about], func(in EntityIncident) bool { return in.Entity.ref == ev.Entity })
		if i < 0 {
			next.refs = append(next.refs, ev.Entity)
			by[about] = append(by[about], EntityIncident{Entity: next.member(ev.Entity), Action: ev.Action, Summary: ev.Summary, UpdatedAt: ev.EffectiveAt})
			i = len(by[about]) - 1
		}
		in := &by[about][i]
		in.StartedAt, in.IDs = ev.EffectiveAt, append(in.IDs, ev.ID)
		in.Summary = cmp.Or(in.Summary, ev.Summary)
	}
	next.refs = slices.Compact(slices.SortedFunc(slices.Values(next.refs), whatchanged.Ref.Compare))
	return by, ids
}
