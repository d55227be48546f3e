package resolvers

import (
	"cmp"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// A DriftSummary counts the differences, on all pages. All but Overrides is of
// drift alone.
type DriftSummary struct {
	Drift     int                      `json:"drift"`
	Overrides int                      `json:"overrides"`
	ByDiffers []whatchanged.FacetCount `json:"byDiffers"`
	ByOwner   []whatchanged.FacetCount `json:"byOwner"`
	ByKind    []whatchanged.FacetCount `json:"byKind"`
	Oldest    *DriftAt                 `json:"oldest"`
	Newest    *DriftAt                 `json:"newest"`
}

// A DriftAt names a difference.
type DriftAt struct {
	Entity whatchanged.Ref `json:"entity"`
	Since  time.Time       `json:"since"`
}

func summaryOf(all []Difference) DriftSummary {
	var s DriftSummary
	var differs, owners, kinds tally
	for i := range all {
		d := &all[i]
		if !d.Drift {
			s.Overrides++
			continue
		}
		s.Drift++
		for _, k := range d.Differs {
			differs.add(k)
		}
		owner := ""
		if d.Owner != nil {
			owner = d.Owner.String()
		}
		owners.add(owner)
		kinds.add(string(d.Entity.Kind))
		at := &DriftAt{d.Entity, d.Since}
		if s.Oldest == nil || at.Since.Before(s.Oldest.Since) {
			s.Oldest = at
		}
		if s.Newest == nil || at.Since.After(s.Newest.Since) {
			s.Newest = at
		}
	}
	s.ByDiffers, s.ByOwner, s.ByKind = differs.most(), owners.most(), kinds.most()
	return s
}

// A tally counts by value.
type tally map[string]int

func (t *tally) add(value string) {
	if *t == nil {
		*t = tally{}
	}
	(*t)[value]++
}

// most returns the values with the most first.
func (t tally) most() []whatchanged.FacetCount {
	out := []whatchanged.FacetCount{}
	for v, n := range t {
		out = append(out, whatchanged.FacetCount{Value: v, Count: n})
	}
	slices.SortFunc(out, func(a, b whatchanged.FacetCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return out[:min(len(out), maxFacet)]
}

// addOwners says of each difference who owns the entity, as of the view.
func (a *asking) addOwners(all []Difference) error {
	var refs []whatchanged.Ref
	for i := range all {
		refs = append(refs, all[i].Entity)
	}
	slices.SortFunc(refs, whatchanged.Ref.Compare)
	if refs = slices.Compact(refs); len(refs) == 0 {
		return nil
	}
	l, err := a.index.List(a.ctx, a.view, whatchanged.EntityList{EntitySelection: whatchanged.EntitySelection{Refs: refs, Limit: len(refs)}})
	if err != nil {
		return err
	}
	owners := map[whatchanged.Ref]*whatchanged.Ref{}
	for _, e := range l.Entities {
		if e.Owner != nil {
			owners[e.Ref] = &e.Owner.Ref
		}
	}
	for i := range all {
		all[i].Owner = owners[all[i].Entity]
	}
	return nil
}
