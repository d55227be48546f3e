package resolvers

import (
	"maps"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// Bounds on what one question may ask for.
const (
	maxScope      = 50
	maxHops       = 5
	maxReached    = 5000   // entities around a scope, each way
	maxNamed      = 20_000 // entities looked through for a bare name
	maxCandidates = 20_000 // change events considered for one answer
)

// Penalties in hops-like order: what is needed is asked before what needs us.
var directions = []whatchanged.Direction{whatchanged.DependsOn, whatchanged.Dependents}

// resolve turns what the asker called the scope into entities: a reference, or
// a bare name that exactly one entity has.
func (a *asking) resolve(names []string) ([]whatchanged.Ref, error) {
	if len(names) > maxScope {
		return nil, whatchanged.Errorf(whatchanged.CodeTooLarge, "%d entities: want at most %d", len(names), maxScope).In("scope")
	}
	known, err := a.knownOf(names)
	if err != nil {
		return nil, err
	}
	var refs []whatchanged.Ref
	for _, name := range names {
		ref, ok := known[strings.TrimSpace(name)]
		if !ok {
			if ref, err = a.entity(strings.TrimSpace(name)); err != nil {
				return nil, err
			}
		}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// knownOf returns those of several names that are references of known entities,
// by one read. The others are looked for one by one, or refused.
func (a *asking) knownOf(names []string) (map[string]whatchanged.Ref, error) {
	by := map[string]whatchanged.Ref{}
	var refs []whatchanged.Ref
	for _, name := range names {
		if ref, err := whatchanged.ParseRef(strings.TrimSpace(name)); err == nil {
			refs = append(refs, ref)
			by[strings.TrimSpace(name)] = ref
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	found, err := a.index.Entities(a.ctx, a.view, whatchanged.EntitySelection{Refs: refs, Limit: len(refs)})
	if err != nil {
		return nil, err
	}
	known := map[whatchanged.Ref]bool{}
	for _, f := range found {
		known[f.Ref] = true
	}
	maps.DeleteFunc(by, func(_ string, ref whatchanged.Ref) bool { return !known[ref] })
	return by, nil
}

// entity settles a name; a service of a bare name goes before the other things
// that share it, such as its repository.
func (a *asking) entity(name string) (whatchanged.Ref, error) {
	return a.entityOf(name, func(k whatchanged.Kind) bool { return k == whatchanged.KindService })
}

// entityOf settles a name; of a bare name, an entity of a preferred kind goes
// before the others.
func (a *asking) entityOf(name string, preferred func(whatchanged.Kind) bool) (whatchanged.Ref, error) {
	if strings.Contains(name, ":") {
		ref, err := whatchanged.ParseRef(name)
		if err != nil {
			return ref, whatchanged.AsError(err).In("scope")
		}
		found, err := a.index.Entities(a.ctx, a.view, whatchanged.EntitySelection{Refs: []whatchanged.Ref{ref}, Limit: 1})
		if err != nil || len(found) == 1 {
			return ref, err
		}
		return ref, a.notFound(name, ref.Name)
	}
	if name == "" {
		return whatchanged.Ref{}, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "an empty name: want kind:namespace/name, such as service:acme/checkout").In("scope")
	}
	text := strings.ToLower(name)
	if !strings.Contains(text, "/") {
		text = "/" + text // a name, not some part of a reference
	}
	found, err := a.index.Entities(a.ctx, a.view, whatchanged.EntitySelection{Text: text, Limit: maxNamed})
	if err != nil {
		return whatchanged.Ref{}, err
	}
	return a.choose(name, named(found, name), preferred)
}

// named keeps the entities whose name, or namespace/name, is exactly name.
func named(found []whatchanged.EntityRecord, name string) []whatchanged.Ref {
	var refs []whatchanged.Ref
	for _, f := range found {
		if strings.EqualFold(f.Ref.Name, name) || strings.EqualFold(f.Ref.Namespace+"/"+f.Ref.Name, name) {
			refs = append(refs, f.Ref)
		}
	}
	return refs
}

// choose settles a bare name.
func (a *asking) choose(name string, refs []whatchanged.Ref, preferred func(whatchanged.Kind) bool) (whatchanged.Ref, error) {
	first := slices.DeleteFunc(slices.Clone(refs), func(r whatchanged.Ref) bool { return !preferred(r.Kind) })
	switch {
	case len(first) == 1:
		return first[0], nil
	case len(refs) == 1:
		return refs[0], nil
	case len(refs) == 0:
		return whatchanged.Ref{}, a.notFound(name, name)
	}
	e := whatchanged.Errorf(whatchanged.CodeAmbiguous, "%q names %d entities: want one of %s", name, len(refs), join(refs)).In("scope")
	e.Suggest = texts(refs)
	return whatchanged.Ref{}, e
}

// notFound says that an entity is not known, and what is like it.
func (a *asking) notFound(asked, like string) error {
	e := whatchanged.Errorf(whatchanged.CodeNotFound, "entity %q is not known", asked).In("scope")
	found, err := a.index.Entities(a.ctx, a.view, whatchanged.EntitySelection{Text: strings.ToLower(like), Limit: 5})
	if err != nil {
		return err
	}
	if len(found) > 0 {
		for _, f := range found {
			e.Suggest = append(e.Suggest, f.Ref.String())
		}
		e.Message += "; did you mean " + strings.Join(e.Suggest, ", ") + "?"
	} else {
		e.Message += "; ask find for part of the name"
	}
	return e
}

func texts(refs []whatchanged.Ref) []string {
	out := []string{}
	for _, r := range refs {
		out = append(out, r.String())
	}
	return out
}

func join(refs []whatchanged.Ref) string { return strings.Join(texts(refs), ", ") }

// A neighbourhood is a scope and what its dependencies lead to, by reference.
// An entity that is reached several ways keeps the best one.
type neighbourhood map[whatchanged.Ref]whatchanged.Reached

// around walks the topology from the scope, both ways. whole is false when
// there was more to reach than the limit.
func (a *asking) around(scope []whatchanged.Ref, hops int) (n neighbourhood, whole bool, err error) {
	if hops < 0 || hops > maxHops {
		return nil, false, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%d: want 0 to %d, such as 2", hops, maxHops).In("hops")
	}
	n, whole = neighbourhood{}, true
	for _, ref := range scope {
		n[ref] = whatchanged.Reached{Ref: ref, Path: []whatchanged.Ref{ref}}
	}
	for _, dir := range directions {
		if hops == 0 || len(scope) == 0 {
			break
		}
		found, err := a.index.Reach(a.ctx, a.view, whatchanged.Walk{From: scope, Direction: dir, Hops: hops, Limit: maxReached})
		if err != nil {
			return nil, false, err
		}
		whole = whole && len(found) < maxReached
		for _, f := range found {
			if was, ok := n[f.Ref]; !ok || distance(f) > distance(was) {
				n[f.Ref] = f
			}
		}
	}
	n.addRepositories()
	return n, whole, nil
}

// addRepositories takes a service's repository, the one of the same namespace
// and name, to stand where the service stands: a push there concerns it.
func (n neighbourhood) addRepositories() {
	for ref, at := range n {
		repo := whatchanged.Ref{Kind: whatchanged.KindRepository, Namespace: ref.Namespace, Name: ref.Name}
		if _, ok := n[repo]; ref.Kind != whatchanged.KindService || ok {
			continue
		}
		n[repo] = whatchanged.Reached{Ref: repo, Hops: at.Hops, Direction: at.Direction, Path: append(slices.Clone(at.Path), repo)}
	}
}

// refs returns the members in the order of references.
func (n neighbourhood) refs() []whatchanged.Ref {
	var out []whatchanged.Ref
	for ref := range n {
		out = append(out, ref)
	}
	slices.SortFunc(out, whatchanged.Ref.Compare)
	return out
}

// A filter is what was asked of a change besides where in the topology it is.
type filter struct {
	Environment string
	Regions     []string
	Kinds       []string
}

// filterOf refuses a region that says nothing: it would match any.
func filterOf(environment *string, regions, kinds []string) (filter, error) {
	if slices.ContainsFunc(regions, func(s string) bool { return strings.TrimSpace(s) == "" }) {
		return filter{}, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "an empty name: want a region such as eu-west-1, or none").In("regions")
	}
	for field, values := range map[string][]string{"regions": regions, "kinds": kinds} {
		if i := slices.IndexFunc(values, func(s string) bool { return strings.Contains(s, ",") }); i >= 0 {
			return filter{}, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want one value for each, as a list", values[i]).In(field)
		}
	}
	return filter{Environment: deref(environment), Regions: regions, Kinds: kinds}, nil
}

// match says how a change's placement stands to the one asked for. With
// several regions the best match counts.
func (f filter) match(p whatchanged.Placement) whatchanged.Match {
	regions := f.Regions
	if len(regions) == 0 {
		regions = []string{""}
	}
	best := whatchanged.Outside
	for _, region := range regions {
		best = max(best, p.Match(whatchanged.Placement{Environment: f.Environment, Region: region}))
	}
	return best
}

func (f filter) asksPlacement() bool { return f.Environment != "" || len(f.Regions) > 0 }

func (f filter) wantsKind(k whatchanged.EventKind) bool {
	return len(f.Kinds) == 0 || slices.ContainsFunc(f.Kinds, func(s string) bool { return strings.EqualFold(s, string(k)) })
}

// apply keeps the events that pass, and counts the others.
func (f filter) apply(events []*whatchanged.Event, x *excluded) []*whatchanged.Event {
	kept := make([]*whatchanged.Event, 0, len(events))
	for _, e := range events {
		switch {
		case !f.wantsKind(e.Kind):
			x.add(ReasonOtherKind, 1)
		case f.match(e.Placement) == whatchanged.Outside:
			x.add(ReasonOtherPlacement, 1)
		default:
			kept = append(kept, e)
		}
	}
	return kept
}

// candidates reads the changes in the window on the scope and around it, or
// all of them when no scope was asked, latest first. What was there and is
// not returned is counted.
func (a *asking) candidates(near neighbourhood, whole bool, x *excluded) ([]*whatchanged.Event, error) {
	sel := whatchanged.Selection{Interval: a.interval, Descending: true, Limit: maxCandidates}
	view := a.seeing(a.interval.To)
	all, err := a.index.Changes(a.ctx, view, whatchanged.Selection{Interval: a.interval})
	if err != nil {
		return nil, err
	}
	if len(near) > 0 {
		sel.Entities = near.refs()
	}
	page, err := a.index.Changes(a.ctx, view, sel)
	if err != nil {
		return nil, err
	}
	x.add(unreached(whole), all.Total-page.Total)
	x.add(ReasonBeyondLimit, page.Total-len(page.Events))
	return page.Events, nil
}

// unreached is why a change is left out that is on no entity around the scope;
// whole says whether all of those are known.
func unreached(whole bool) string {
	if whole {
		return ReasonNotConnected
	}
	return ReasonBeyondReach
}

// brief is the short form of an event.
func brief(e *whatchanged.Event) ChangeBrief {
	return ChangeBrief{
		ID: e.ID, Kind: e.Kind, Action: e.Action, Entity: e.Entity, Placement: e.Placement, Actor: e.Actor,
		EffectiveAt: e.EffectiveAt, SeenAt: e.SeenAt, Position: e.Position, Source: e.Source,
		Version: e.Version, PreviousVersion: e.PreviousVersion, Reverts: e.Reverts, Summary: e.Summary, Evidence: e.Evidence(),
	}
}
