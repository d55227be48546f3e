package hot

import (
	"context"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// List returns entities in an order, and what is counted of them. Every view
// is answered, but for the order of recency before what the tier knows of it.
func (t *Tier) List(_ context.Context, v whatchanged.View, q whatchanged.EntityList) (whatchanged.Listing, error) {
	s, err := t.at(v)
	if err != nil {
		return whatchanged.Listing{}, err
	}
	s.lists.mu.RLock()
	defer s.lists.mu.RUnlock()
	if q.Recent && v.KnownAt.Compare(s.lists.since) < 0 {
		return whatchanged.Listing{}, whatchanged.Errorf(whatchanged.CodeCursorExpired, "the order in which changes were learned of is known from %v on; start again", s.lists.since)
	}
	r := &listing{lists: s.lists, v: v, q: q, counts: s.owns(v), text: strings.ToLower(q.Text)}
	r.inEnvironments, r.inRegions = r.environments.values(q.Environments), r.regions.values(q.Regions)
	return r.answer(), nil
}

// owns says which versions of owners count in a view.
func (s *snapshot) owns(v whatchanged.View) func(*ownerVersion) bool {
	return func(o *ownerVersion) bool {
		return !o.effectiveAt.After(v.AsOf) && o.position.Compare(v.KnownAt) <= 0 && !s.corrected(o.id, o.revision, v)
	}
}

// A listing is one list being read.
type listing struct {
	*lists
	v      whatchanged.View
	q      whatchanged.EntityList
	counts func(*ownerVersion) bool
	text   string

	inEnvironments, inRegions []*value // that are asked for, as far as they are known
}

func (r *listing) answer() whatchanged.Listing {
	found := r.found()
	out := whatchanged.Listing{Total: len(found)}
	if r.q.Facets {
		out.Facets = r.facets(found)
	}
	from := min(r.q.Offset, len(found))
	to := min(from+max(r.q.Limit, 0), len(found))
	if r.q.Recent && from < to {
		found = r.byRecency(found, to)
	}
	for _, e := range found[from:to] {
		out.Entities = append(out.Entities, r.listed(e))
	}
	return out
}

// present reports whether all entities and places are known in the view, and
// settled whether all owners are and have taken effect.
func (r *listing) present() bool { return r.newest.Compare(r.v.KnownAt) <= 0 }

func (r *listing) settled() bool {
	return r.owned.Compare(r.v.KnownAt) <= 0 && !r.ownedLatest.After(r.v.AsOf)
}

// found returns the entries of the list in the order of references.
func (r *listing) found() posting {
	base, whole := r.narrowest()
	if whole && r.text == "" && r.present() {
		return base
	}
	var out posting
	for _, e := range base {
		if r.has(e) {
			out = append(out, e)
		}
	}
	return out
}

// narrowest returns the fewest entries that hold all of the list; whole when
// nothing is asked of them.
func (r *listing) narrowest() (base posting, whole bool) {
	base, whole = r.byRef, true
	take := func(asked int, p func() posting, size int) {
		if asked > 0 && (whole || size < len(base)) {
			base, whole = p(), false
		}
	}
	take(len(r.q.Refs), r.named, 0)
	by := func(f facet, names []string) {
		size := 0
		values := f.values(names)
		for _, v := range values {
			size += len(v.posting)
		}
		take(len(names), func() posting { return union(values) }, size)
	}
	by(r.kinds, texts(r.q.Kinds))
	by(r.namespaces, r.q.Namespaces)
	by(r.environments, r.q.Environments)
	by(r.regions, r.q.Regions)
	if r.settled() {
		by(r.owners, spelled(r.q.Owners))
	} else if len(r.q.Owners) > 0 {
		whole = false
	}
	return base, whole
}

func texts[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

func spelled(refs []whatchanged.Ref) []string {
	out := make([]string, len(refs))
	for i, ref := range refs {
		out[i] = ref.String()
	}
	return out
}

// named returns the entries of the references that are asked.
func (r *listing) named() posting {
	var out posting
	for _, ref := range distinct(r.q.Refs, whatchanged.Ref.Compare) {
		if e := r.entries[ref]; e != nil {
			out = append(out, e)
		}
	}
	return out
}

// union returns the entries that have any of the values.
func union(values []*value) posting {
	var out posting
	for _, v := range values {
		out = append(out, v.posting...)
	}
	if len(values) > 1 {
		slices.SortFunc(out, func(a, b *entry) int { return a.ref.Compare(b.ref) })
		out = slices.Compact(out)
	}
	return out
}

// has reports whether an entry is in the list.
func (r *listing) has(e *entry) bool {
	q := &r.q
	return e.first.Compare(r.v.KnownAt) <= 0 && strings.Contains(e.text, r.text) &&
		(len(q.Refs) == 0 || slices.Contains(q.Refs, e.ref)) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.ref.Kind)) &&
		(len(q.Namespaces) == 0 || slices.ContainsFunc(q.Namespaces, func(n string) bool { return strings.EqualFold(n, e.ref.Namespace) })) &&
		(len(q.Environments) == 0 || r.in(e, r.inEnvironments)) && (len(q.Regions) == 0 || r.in(e, r.inRegions)) && r.isOwned(e)
}

func (r *listing) in(e *entry, any []*value) bool {
	return slices.ContainsFunc(e.places, func(p place) bool {
		return p.first.Compare(r.v.KnownAt) <= 0 && slices.Contains(any, p.at)
	})
}

// values returns the values of these names that there are.
func (f facet) values(names []string) []*value {
	var out []*value
	for _, name := range names {
		if v := f[strings.ToLower(name)]; v != nil {
			out = append(out, v)
		}
	}
	return out
}

func (r *listing) isOwned(e *entry) bool {
	if len(r.q.Owners) == 0 {
		return true
	}
	v := e.inForce(r.counts)
	return v != nil && slices.Contains(r.q.Owners, v.owner)
}

func (r *listing) listed(e *entry) whatchanged.ListedEntity {
	out := whatchanged.ListedEntity{EntityRecord: whatchanged.EntityRecord{Ref: e.ref, FirstKnown: e.first}}
	if v := e.inForce(r.counts); v != nil {
		out.Owner = &whatchanged.Owner{Ref: v.owner, Since: v.effectiveAt, ID: v.id}
	}
	return out
}

// told returns the last position in the view that told of an entry.
func (r *listing) told(e *entry) whatchanged.Position {
	i := len(e.told)
	for i > 0 && e.told[i-1].Compare(r.v.KnownAt) > 0 {
		i--
	}
	if i == 0 {
		return whatchanged.Position{}
	}
	return e.told[i-1]
}

// byRecency returns the first n of some entries, those told of last first. Of
// all entries the kept order is that, but for those that were told of since.
func (r *listing) byRecency(found posting, n int) posting {
	told := make(map[*entry]whatchanged.Position, n)
	later := func(a, b *entry) int { return told[b].Compare(told[a]) }
	if len(found) < len(r.byRef) || !r.present() {
		out := slices.Clone(found)
		for _, e := range out {
			told[e] = r.told(e)
		}
		slices.SortStableFunc(out, later)
		return out[:n]
	}
	var since posting // told of after what the view knows
	e := r.recent.first
	for ; e != nil && e.told[len(e.told)-1].Compare(r.v.KnownAt) > 0; e = e.next {
		since = append(since, e)
		told[e] = r.told(e)
	}
	slices.SortFunc(since, later)
	out := make(posting, 0, n)
	for len(out) < n {
		switch {
		case len(since) > 0 && !told[since[0]].IsZero() && (e == nil || told[since[0]].Compare(e.told[len(e.told)-1]) > 0):
			out, since = append(out, since[0]), since[1:]
		case e != nil:
			out, e = append(out, e), e.next
		default:
			return append(out, r.untold(n-len(out))...)
		}
	}
	return out
}

// untold returns the first n entries of which no event in the view told.
func (r *listing) untold(n int) posting {
	var out posting
	for _, e := range r.byRef {
		if len(out) < n && r.told(e).IsZero() {
			out = append(out, e)
		}
	}
	return out
}

// facets counts what the entries of the list have.
func (r *listing) facets(found posting) whatchanged.Facets {
	if len(found) == len(r.byRef) && r.present() && r.settled() {
		return whatchanged.Facets{Kinds: r.kinds.counts(), Namespaces: r.namespaces.counts(), Owners: r.owners.counts(),
			Environments: r.environments.counts(), Regions: r.regions.counts()}
	}
	kinds, namespaces, owners := map[whatchanged.Kind]int{}, map[string]int{}, map[whatchanged.Ref]int{}
	places := map[*facet]map[*value]int{&r.environments: {}, &r.regions: {}}
	for _, e := range found {
		kinds[e.ref.Kind]++
		namespaces[e.ref.Namespace]++
		if v := e.inForce(r.counts); v != nil {
			owners[v.owner]++
		}
		for _, p := range e.places {
			if p.first.Compare(r.v.KnownAt) <= 0 {
				places[p.in][p.at]++
			}
		}
	}
	label := func(v *value) string { return v.label }
	return whatchanged.Facets{Kinds: counted(kinds, func(k whatchanged.Kind) string { return string(k) }),
		Namespaces: counted(namespaces, strings.Clone), Owners: counted(owners, whatchanged.Ref.String),
		Environments: counted(places[&r.environments], label), Regions: counted(places[&r.regions], label)}
}

func counted[T comparable](by map[T]int, spell func(T) string) []whatchanged.FacetCount {
	out := make([]whatchanged.FacetCount, 0, len(by))
	for v, n := range by {
		out = append(out, whatchanged.FacetCount{Value: spell(v), Count: n})
	}
	return ranked(out)
}
