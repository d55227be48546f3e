package cold

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

// changesQuery is what sql/changes.sql and sql/each.sql may be asked.
type changesQuery struct {
	whatchanged.Selection
	trust
	Interval, Seen bool
	Count          bool
}

func composeChanges(v whatchanged.View, s whatchanged.Selection, count bool) *query {
	return composeSelection("changes", v, s, count, trust{})
}

func composeSelection(name string, v whatchanged.View, s whatchanged.Selection, count bool, t trust) *query {
	with := changesQuery{s, t, s.Interval != whatchanged.Interval{}, s.Seen != whatchanged.Interval{}, count}
	q := compose(name, with).view(v).trust(t)
	if len(s.Entities) > 0 {
		q.set("entities", texts(s.Entities))
	}
	if len(s.IDs) > 0 {
		q.set("ids", s.IDs)
	}
	if len(s.Kinds) > 0 {
		q.set("kinds", words(s.Kinds))
	}
	if with.Interval {
		q.interval(s.Interval)
	}
	if with.Seen {
		q.at("seen_from", s.Seen.From).at("seen_to", s.Seen.To)
	}
	if s.After != nil && !count {
		q.at("after_at", s.After.EffectiveAt).position("after", s.After.Position)
	}
	if !count {
		q.set("limit", uint64(s.Limit))
	}
	return q
}

// words spells words as the tables hold them.
func words[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, w := range all {
		out[i] = string(w)
	}
	return out
}

// Changes returns the events of a selection that took effect by v.AsOf.
func (r *Reader) Changes(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error) {
	read := func() ([]*whatchanged.Event, error) {
		return r.trusting(ctx, "changes", v, func(t trust) *query { return composeSelection("changes", v, s, false, t) })
	}
	return r.page(ctx, "changes", v, s.Limit, s.After == nil, read, func() *query { return composeChanges(v, s, true) })
}

// ChangesOfEach returns, for each entity of a selection, the page of it alone.
// It is one query, and one more for the totals when a limit may have cut.
func (r *Reader) ChangesOfEach(ctx context.Context, v whatchanged.View, s whatchanged.Selection) ([]whatchanged.Page, error) {
	pages := make([]whatchanged.Page, len(s.Entities))
	if err := r.reached(ctx, v); err != nil || len(pages) == 0 {
		return pages, err
	}
	of := map[whatchanged.Ref]*whatchanged.Page{}
	for i, ref := range s.Entities {
		of[ref] = &pages[i]
	}
	if s.Limit > 0 {
		found, err := r.trusting(ctx, "changesOfEach", v, func(t trust) *query { return composeSelection("each", v, s, false, t) })
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			p := of[e.Entity]
			p.Events, p.Total = append(p.Events, e), p.Total+1
		}
	}
	if err := r.totals(ctx, v, s, of); err != nil {
		return nil, err
	}
	for i, ref := range s.Entities { // named twice, told twice
		pages[i] = *of[ref]
	}
	return pages, nil
}

// totals counts what each entity of a selection has, unless nothing can have
// been left out.
func (r *Reader) totals(ctx context.Context, v whatchanged.View, s whatchanged.Selection, of map[whatchanged.Ref]*whatchanged.Page) error {
	cut := s.After != nil || s.Limit <= 0
	for _, p := range of {
		cut = cut || p.Total >= s.Limit
	}
	if !cut {
		return nil
	}
	return r.each(ctx, "changesOfEachTotal", composeSelection("each", v, s, true, trust{}), func(rows driver.Rows) error {
		var entity string
		var n uint64
		if err := rows.Scan(&entity, &n); err != nil {
			return err
		}
		ref, err := whatchanged.ParseRef(entity)
		if p := of[ref]; p != nil {
			p.Total = int(n)
		}
		return err
	})
}

// page reads events and how many there are in all, which needs no query of its
// own when they all fit on the first page.
func (r *Reader) page(ctx context.Context, name string, v whatchanged.View, limit int, first bool, read func() ([]*whatchanged.Event, error), total func() *query) (p whatchanged.Page, err error) {
	if err := r.reached(ctx, v); err != nil {
		return p, err
	}
	if limit > 0 {
		if p.Events, err = read(); err != nil {
			return p, err
		}
	}
	if p.Total = len(p.Events); first && p.Total < limit {
		return p, nil
	}
	p.Total, err = r.count(ctx, name+"Total", total())
	return p, err
}
