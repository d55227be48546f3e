package cold

import (
	"context"

	"whatchanged.dev/whatchanged"
)

// changesQuery is what sql/changes.sql may be asked.
type changesQuery struct {
	whatchanged.Selection
	Interval bool
	Count    bool
}

func composeChanges(v whatchanged.View, s whatchanged.Selection, count bool) *query {
	bounded := s.Interval != whatchanged.Interval{}
	q := compose("changes", changesQuery{s, bounded, count}).view(v)
	if len(s.Entities) > 0 {
		q.set("entities", texts(s.Entities))
	}
	if len(s.IDs) > 0 {
		q.set("ids", s.IDs)
	}
	if bounded {
		q.interval(s.Interval)
	}
	if s.After != nil && !count {
		q.at("after_at", s.After.EffectiveAt).position("after", s.After.Position)
	}
	if !count {
		q.set("limit", uint64(s.Limit))
	}
	return q
}

// Changes returns the events of a selection that took effect by v.AsOf.
func (r *Reader) Changes(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error) {
	return r.page(ctx, "changes", v, s.Limit, s.After == nil, func(count bool) *query { return composeChanges(v, s, count) })
}

// page reads the events of a query and how many there are in all, which needs
// no query of its own when they all fit on the first page.
func (r *Reader) page(ctx context.Context, name string, v whatchanged.View, limit int, first bool, compose func(count bool) *query) (p whatchanged.Page, err error) {
	if err := r.reached(ctx, v); err != nil {
		return p, err
	}
	if limit > 0 {
		if p.Events, err = r.events(ctx, name, compose(false)); err != nil {
			return p, err
		}
	}
	if p.Total = len(p.Events); first && p.Total < limit {
		return p, nil
	}
	p.Total, err = r.count(ctx, name+"Total", compose(true))
	return p, err
}
