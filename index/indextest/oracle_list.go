package indextest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// List implements [Lists].
func (o Oracle) List(ctx context.Context, v whatchanged.View, q whatchanged.EntityList) (l whatchanged.Listing, _ error) {
	all := q.EntitySelection
	all.Limit = 1 << 30
	records, _ := o.Entities(ctx, v, all)
	for _, r := range records {
		e := whatchanged.ListedEntity{EntityRecord: r, Owner: o.owner(v, r.Ref)}
		if o.listed(v, q, e) {
			l.Entities = append(l.Entities, e)
		}
	}
	if q.Facets {
		l.Facets = o.facets(v, l.Entities)
	}
	if q.Recent {
		slices.SortStableFunc(l.Entities, func(a, b whatchanged.ListedEntity) int { return o.lastTold(v, b.Ref).Compare(o.lastTold(v, a.Ref)) })
	}
	l.Total = len(l.Entities)
	l.Entities = l.Entities[min(q.Offset, l.Total):]
	l.Entities = l.Entities[:min(q.Limit, len(l.Entities))]
	return l, o.stale(v)
}

func (o Oracle) listed(v whatchanged.View, q whatchanged.EntityList, e whatchanged.ListedEntity) bool {
	any := func(asked, has []string) bool {
		return len(asked) == 0 || slices.ContainsFunc(asked, func(a string) bool {
			return slices.ContainsFunc(has, func(h string) bool { return strings.EqualFold(a, h) })
		})
	}
	var owned []string
	if e.Owner != nil {
		owned = []string{e.Owner.Ref.String()}
	}
	var asked []string
	for _, ref := range q.Owners {
		asked = append(asked, ref.String())
	}
	return any(q.Namespaces, []string{e.Ref.Namespace}) && any(asked, owned) &&
		any(q.Environments, o.placed(v, e.Ref, environment)) && any(q.Regions, o.placed(v, e.Ref, region))
}

func environment(e whatchanged.Event) string { return e.Placement.Environment }
func region(e whatchanged.Event) string      { return e.Placement.Region }

// placed returns where any event that is known told of an entity, each place
// once, as it was first spelled.
func (o Oracle) placed(v whatchanged.View, ref whatchanged.Ref, where func(whatchanged.Event) string) (all []string) {
	for _, e := range o.told(v) {
		if at := o.spelled(where(e), where); e.Entity == ref && at != "" && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// spelled returns a place as the log first spelled it.
func (o Oracle) spelled(at string, where func(whatchanged.Event) string) string {
	for _, d := range o {
		for _, e := range d.Events {
			if strings.EqualFold(where(e), at) {
				return where(e)
			}
		}
	}
	return at
}

// owner returns the owner that the last event of ownership in the view names.
func (o Oracle) owner(v whatchanged.View, ref whatchanged.Ref) (owner *whatchanged.Owner) {
	for _, e := range o.seen(v) {
		if e.Entity != ref || e.Kind != whatchanged.Ownership {
			continue
		}
		owner = &whatchanged.Owner{Ref: whatchanged.OwnerOf(e.After), Since: e.EffectiveAt, ID: e.ID}
		if owner.Ref.IsZero() {
			owner = nil
		}
	}
	return owner
}

func (o Oracle) lastTold(v whatchanged.View, ref whatchanged.Ref) (p whatchanged.Position) {
	for _, e := range o.told(v) {
		if e.Entity == ref {
			p = e.Position
		}
	}
	return p
}

func (o Oracle) facets(v whatchanged.View, of []whatchanged.ListedEntity) (f whatchanged.Facets) {
	for _, e := range of {
		f.Kinds = count(f.Kinds, string(e.Ref.Kind))
		f.Namespaces = count(f.Namespaces, e.Ref.Namespace)
		if e.Owner != nil {
			f.Owners = count(f.Owners, e.Owner.Ref.String())
		}
		for _, at := range o.placed(v, e.Ref, environment) {
			f.Environments = count(f.Environments, at)
		}
		for _, at := range o.placed(v, e.Ref, region) {
			f.Regions = count(f.Regions, at)
		}
	}
	for _, counts := range [][]whatchanged.FacetCount{f.Kinds, f.Namespaces, f.Owners, f.Environments, f.Regions} {
		slices.SortFunc(counts, func(a, b whatchanged.FacetCount) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
	}
	return f
}

func count(counts []whatchanged.FacetCount, value string) []whatchanged.FacetCount {
	for i := range counts {
		if counts[i].Value == value {
			counts[i].Count++
			return counts
		}
	}
	return append(counts, whatchanged.FacetCount{Value: value, Count: 1})
}
