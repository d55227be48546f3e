package ingest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A mark is when, by whom and where declarations were made. Its tag tells one
// making from another in the ids of events; files have none.
type mark struct {
	tag       string
	at        time.Time // zero: on arrival
	writtenAt *time.Time
	actor     *whatchanged.Actor
	commits   []string
	links     []whatchanged.Link
}

// A catalogState is what a catalog is known to declare. It turns declarations
// into the events of what is new in them.
type catalogState struct {
	source string
	known  map[string]knownDeclaration             // by ref
	holds  map[whatchanged.Arc]map[string]struct{} // the refs whose declarations tell of an edge
}

// A knownDeclaration is the last one of an entity.
type knownDeclaration struct {
	id   string       // of its event
	said *declaration // nil once it was removed
}

func newCatalogState(source string) *catalogState {
	return &catalogState{source: source, known: map[string]knownDeclaration{}, holds: map[whatchanged.Arc]map[string]struct{}{}}
}

// remember notes what an event of an earlier reading declared.
func (s *catalogState) remember(d declaration, e whatchanged.Event) {
	said, ok := e.After.Decode().(map[string]any)
	if !ok { // removed, or too long to have been kept
		s.known[d.ref] = knownDeclaration{id: e.ID}
		return
	}
	s.keep(declaration{ref: d.ref, entity: d.entity, said: said}, e.ID)
}

func (s *catalogState) keep(d declaration, id string) {
	s.known[d.ref] = knownDeclaration{id, &d}
	for _, edge := range d.edges() {
		if s.holds[edge] == nil {
			s.holds[edge] = map[string]struct{}{}
		}
		s.holds[edge][d.ref] = struct{}{}
	}
}

func (s *catalogState) forget(d *declaration) {
	if d == nil {
		return
	}
	for _, edge := range d.edges() {
		delete(s.holds[edge], d.ref)
	}
}

// take returns the events of what is new in a declaration: one for the entity
// with all that is said of it, and one each for another owner, an edge or a
// placement that came or went. It returns none when nothing is new.
func (s *catalogState) take(d declaration, m mark) []whatchanged.Event {
	was := s.known[d.ref]
	if was.said != nil && strings.HasSuffix(was.id, "/"+d.hash()) {
		return nil
	}
	if m.tag == "" && was.id != "" {
		m.tag = shortHash([]byte(was.id))[:12]
	}
	e := s.event(m, d.ref, d.entity, d.hash())
	e.Action, e.Summary, e.After = "declared", d.summary, d.value()
	e.Attributes, e.Links = d.attributes, append(e.Links, d.links...)
	if was.said != nil {
		e.Action, e.Before = "changed", was.said.value()
	}
	s.forget(was.said)
	s.keep(d, e.ID)
	return s.complete(e, was.said, &d, m)
}

// drop returns the events of an entity that is no longer declared.
func (s *catalogState) drop(ref string, m mark) []whatchanged.Event {
	was := s.known[ref]
	if was.said == nil {
		return nil
	}
	e := s.event(m, ref, was.said.entity, "removed")
	e.Action, e.Summary, e.Before = "removed", was.said.entity.String()+" is no longer declared", was.said.value()
	s.forget(was.said)
	s.known[ref] = knownDeclaration{id: e.ID}
	return s.complete(e, was.said, &declaration{ref: ref, entity: was.said.entity}, m)
}

// complete adds to the event of a declaration those of its parts.
func (s *catalogState) complete(e whatchanged.Event, was, is *declaration, m mark) []whatchanged.Event {
	none := declaration{ref: is.ref, entity: is.entity}
	was = cmp.Or(was, &none)
	events := []whatchanged.Event{e}
	events = append(events, s.ownership(was, is, m)...)
	events = append(events, s.dependencies(was, is, m)...)
	events = append(events, s.placements(was, is, m)...)
	for i := range events[1:] {
		events[i+1].Parent = e.ID
	}
	return events
}

func (s *catalogState) ownership(was, is *declaration, m mark) []whatchanged.Event {
	if was.owner() == is.owner() {
		return nil
	}
	e := s.event(m, is.ref, is.entity, "owner/"+is.owner())
	e.Kind, e.Action = whatchanged.Ownership, "changed"
	e.Before, e.After = ownerValue(was.owner()), ownerValue(is.owner())
	switch {
	case was.owner() == "":
		e.Action = "declared"
	case is.owner() == "":
		e.Action = "removed"
	}
	e.Summary = is.entity.String() + " is owned by " + cmp.Or(is.owner(), "nobody")
	return []whatchanged.Event{e}
}

func ownerValue(owner string) whatchanged.Value {
	if owner == "" {
		return nil
	}
	return whatchanged.ValueOf(map[string]string{"owner": owner})
}

func (s *catalogState) dependencies(was, is *declaration, m mark) []whatchanged.Event {
	before, after := was.edges(), is.edges()
	var events []whatchanged.Event
	for _, edge := range after {
		if !slices.Contains(before, edge) {
			events = append(events, s.dependency(is, edge, m, false))
		}
	}
	for _, edge := range before {
		if len(s.holds[edge]) == 0 { // nobody else declares it
			events = append(events, s.dependency(is, edge, m, true))
		}
	}
	return events
}

func (s *catalogState) dependency(d *declaration, edge whatchanged.Arc, m mark, removed bool) whatchanged.Event {
	what := "dependency/"
	if removed {
		what = "removed/"
	}
	e := s.event(m, d.ref, edge.From, what+edge.From.String()+"/"+edge.To.String())
	e.Dependency = &whatchanged.Dependency{To: edge.To, Evidence: whatchanged.Declared, Removed: removed}
	e.Action = "declared"
	if removed {
		e.Action = "removed"
	}
	e.Summary = summaryOf(&e)
	attribute(&e, "declaredBy", d.ref)
	return e
}

func (s *catalogState) placements(was, is *declaration, m mark) []whatchanged.Event {
	before, after := was.placements(), is.placements()
	var events []whatchanged.Event
	for _, p := range after {
		if !slices.Contains(before, p) {
			events = append(events, s.placement(is, p, m, "placed"))
		}
	}
	for _, p := range before {
		if !slices.Contains(after, p) {
			events = append(events, s.placement(is, p, m, "withdrawn"))
		}
	}
	return events
}

func (s *catalogState) placement(d *declaration, p whatchanged.Placement, m mark, action string) whatchanged.Event {
	name := strings.Join([]string{p.Environment, p.Region, p.Cluster, p.Cell}, "/")
	e := s.event(m, d.ref, d.entity, action+"/"+name)
	e.Action, e.Placement, e.Summary = action, p, d.entity.String()+" is "+action+" in "+p.String()
	if action == "withdrawn" {
		e.Summary = d.entity.String() + " is withdrawn from " + p.String()
	}
	return e
}

// placements returns where a declaration says that the entity runs.
func (d *declaration) placements() []whatchanged.Placement {
	if d.said["placements"] == nil {
		return nil
	}
	var all []whatchanged.Placement
	_ = json.Unmarshal(whatchanged.ValueOf(d.said["placements"]), &all) // what we wrote ourselves
	return slices.DeleteFunc(all, whatchanged.Placement.IsZero)
}

// event returns a topology event of a mark. What tells it from the others of
// the same mark; with a tag, also from those of other marks.
func (s *catalogState) event(m mark, ref string, entity whatchanged.Ref, what string) whatchanged.Event {
	id := s.source + "/" + pathID(ref) + "/"
	if m.tag != "" {
		id += m.tag + "/"
	}
	e := whatchanged.Event{
		ID: id + idPart(what), Source: s.source, Kind: whatchanged.Topology, Entity: entity, EffectiveAt: m.at,
		WrittenAt: m.writtenAt, Commits: slices.Clone(m.commits), Links: slices.Clone(m.links),
	}
	if m.actor != nil {
		actor := *m.actor
		e.Actor = &actor
	}
	return e
}

// idPart is pathID for the last part of an id, which need not be readable.
func idPart(what string) string {
	const most = 180 // beside the longest source, ref and tag
	if len(what) <= most {
		return pathID(what)
	}
	return "part-" + shortHash([]byte(what))
}

// isDeclaration reports whether an event of a catalog says all of its entity,
// and not only of an edge or a placement.
func isDeclaration(e *whatchanged.Event) bool {
	return e.Kind == whatchanged.Topology && e.Dependency == nil && e.Placement.IsZero()
}

// edges returns all dependencies that are declared, in order.
func (s *catalogState) edges() []whatchanged.Arc {
	held := maps.Clone(s.holds)
	maps.DeleteFunc(held, func(_ whatchanged.Arc, by map[string]struct{}) bool { return len(by) == 0 })
	return slices.SortedFunc(maps.Keys(held), whatchanged.Arc.Compare)
}

// entities counts what is declared.
func (s *catalogState) entities() int {
	n := 0
	for _, k := range s.known {
		if k.said != nil {
			n++
		}
	}
	return n
}
