package resolvers

import (
	"maps"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// Bounds of one comparison.
const (
	compareLookback = 24 * time.Hour
	statePage       = 50_000
	maxCompared     = 100_000 // of a side
	maxDeclared     = 100_000 // changes of dependencies looked through for a side
)

// The aspects that are compared, and the kinds of changes that set them.
const (
	aspectVersions     = "versions"
	aspectConfigs      = "configs"
	aspectFlags        = "flags"
	aspectDependencies = "dependencies"
)

var aspectOf = map[whatchanged.EventKind]string{
	whatchanged.Deployment: aspectVersions,
	whatchanged.Config:     aspectConfigs, whatchanged.Scale: aspectConfigs, whatchanged.Infrastructure: aspectConfigs,
	whatchanged.Flag: aspectFlags, whatchanged.Experiment: aspectFlags, whatchanged.Model: aspectFlags,
	whatchanged.Topology: aspectDependencies,
}

var allAspects = []string{aspectVersions, aspectConfigs, aspectFlags, aspectDependencies}

// aspectsOf reads the aspects asked for, all if none.
func aspectsOf(asked []string) ([]string, error) {
	if len(asked) == 0 {
		return allAspects, nil
	}
	var out []string
	for _, s := range asked {
		s = strings.ToLower(strings.TrimSpace(s))
		if !slices.Contains(allAspects, s) {
			return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want any of %s", s, strings.Join(allAspects, ", ")).In("aspects")
		}
		out = append(out, s)
	}
	return out, nil
}

// A comparison is a compare being answered.
type comparison struct {
	*asking
	left, right half
	aspects     []string
	scope       []whatchanged.Ref
	prefixes    []string
	whole       bool // no scope was asked
	cut         *whatchanged.Ref
	x           excluded
}

// A half is one of the two, and what holds there.
type half struct {
	CompareSide
	at        time.Time
	name      string
	states    []*whatchanged.Event
	attribute [2]string // name and value
}

// take fixes both sides in time. Further pages keep the moments of the first:
// the left one stands in the cursor as the onset, the right one as asOf.
func (c *comparison) take(in CompareInput) (err error) {
	for _, s := range []struct {
		side  *half
		asked *CompareSide
		field string
	}{{&c.left, in.Left, "left"}, {&c.right, in.Right, "right"}} {
		if s.asked != nil {
			s.side.CompareSide = *s.asked
		}
		if s.side.attribute, err = pair(s.side.Attribute); err != nil {
			return whatchanged.AsError(err).In(s.field + ".attribute")
		}
		if in.Cursor == nil {
			if s.side.at, err = c.at(s.field+".asOf", s.side.AsOf, c.now); err != nil {
				return err
			}
		}
	}
	if in.Left == nil && in.Right == nil {
		c.right.Live = true
	}
	if in.Cursor != nil {
		c.left.at, c.right.at = c.onset, c.view.AsOf
	} else {
		c.onset, c.view.AsOf = c.left.at, c.right.at
		c.interval = whatchanged.Interval{From: earliest(c.left.at, c.right.at).Add(-compareLookback), To: latest(c.left.at, c.right.at)}
		if c.interval.From.Before(whatchanged.MinTime) {
			c.interval.From = whatchanged.MinTime
		}
		if c.interval.Empty() {
			c.interval.To = c.interval.From.Add(whatchanged.Resolution)
		}
	}
	c.left.name, c.right.name = c.left.spell("the left", c.now), c.right.spell("the right", c.now)
	return nil
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pair reads name=value; nothing is nothing asked.
func pair(text string) (p [2]string, err error) {
	if text == "" {
		return p, nil
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return p, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want name=value, such as store=zookeeper", text)
	}
	return [2]string{name, value}, nil
}

// spell names a side for a sentence.
func (s *half) spell(none string, now time.Time) string {
	parts := []string{}
	if p := s.place(); !p.IsZero() {
		parts = append(parts, p.String())
	}
	for _, p := range []string{s.Source, s.Namespace, s.Attribute} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if s.Live {
		parts = append(parts, "live")
	}
	if len(parts) == 0 {
		return map[bool]string{true: "now", false: none}[s.at.Equal(now)]
	}
	return strings.Join(parts, " ")
}

func (s *half) place() whatchanged.Placement {
	return whatchanged.Placement{Environment: s.Environment, Region: s.Region, Cluster: s.Cluster, Cell: s.Cell}
}

// shown is the side as the answer tells of it.
func (s *half) shown() ComparedSide {
	told := map[string]bool{}
	values := 0
	for _, e := range s.states {
		told[e.Source] = true
		if s.exactly(e) {
			values++
		}
	}
	return ComparedSide{Name: s.name, AsOf: s.at, Values: values, Sources: append([]string{}, slices.Sorted(maps.Keys(told))...)}
}

// exactly reports whether an event is of the side itself and not of something
// wider.
func (s *half) exactly(e *whatchanged.Event) bool {
	return e.Placement.Match(s.place()) == whatchanged.Inside
}

// wants reports whether an event may hold on the side.
func (s *half) wants(e *whatchanged.Event) bool {
	return e.Placement.Match(s.place()) != whatchanged.Outside && (s.Namespace == "" || strings.EqualFold(s.Namespace, e.Entity.Namespace)) && s.told(e)
}

// told reports whether an event comes from where the side's do.
func (s *half) told(e *whatchanged.Event) bool {
	value, ok := e.Attributes[s.attribute[0]]
	return (s.Source == "" || s.Source == e.Source) && (s.attribute[0] == "" || ok && value == s.attribute[1])
}

// within reads the scope: references, bare names and prefixes. A service
// stands for itself and for what it reads. Where the sides are namespaces,
// what is called by one of them stands for its like in the other.
func (c *comparison) within(scope []string) error {
	var names []string
	for _, s := range scope {
		s = strings.TrimSpace(s)
		prefix, ok := strings.CutSuffix(s, "*")
		if ok && !strings.Contains(prefix, ":") {
			return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want the beginning of a reference and a star, such as config:shop/*", s).In("scope")
		}
		if ok {
			c.prefixes = append(c.prefixes, strings.ToLower(prefix))
		} else {
			names = append(names, s)
		}
	}
	c.whole = len(scope) == 0
	var err error
	if c.scope, err = c.resolve(names); err != nil {
		return err
	}
	for _, at := range []time.Time{c.left.at, c.right.at} {
		if err := c.addRead(at); err != nil {
			return err
		}
	}
	for _, ref := range slices.Clone(c.scope) {
		for _, ns := range []string{c.left.Namespace, c.right.Namespace} {
			if c.left.Namespace != "" && c.right.Namespace != "" && (ref.Namespace == c.left.Namespace || ref.Namespace == c.right.Namespace) {
				ref.Namespace = strings.ToLower(ns)
				c.scope = append(c.scope, ref)
			}
		}
	}
	slices.SortFunc(c.scope, whatchanged.Ref.Compare)
	c.scope = slices.Compact(c.scope)
	return nil
}

// addRead adds the flags and configs that the services of the scope read at a
// moment.
func (c *comparison) addRead(at time.Time) error {
	services := slices.DeleteFunc(slices.Clone(c.scope), func(r whatchanged.Ref) bool { return r.Kind != whatchanged.KindService })
	if len(services) == 0 {
		return nil
	}
	edges, err := c.index.Edges(c.ctx, c.seeing(at), services, maxEdges)
	if err != nil {
		return err
	}
	for _, e := range edges {
		if read[e.To.Kind] && slices.Contains(services, e.From) {
			c.scope = append(c.scope, e.To)
		}
	}
	return nil
}

// asked returns the entities asked of and those found by their beginnings,
// none if everything was asked.
func (c *comparison) asked() []whatchanged.Ref {
	if c.whole {
		return nil
	}
	refs := slices.Clone(c.scope)
	for _, s := range []*half{&c.left, &c.right} {
		for _, e := range s.states {
			refs = append(refs, e.Entity)
		}
	}
	slices.SortFunc(refs, whatchanged.Ref.Compare)
	return slices.Compact(refs)
}

// of reports whether an entity is in the scope.
func (c *comparison) of(ref whatchanged.Ref) bool {
	sel := whatchanged.StateSelection{Entities: c.scope, Prefixes: c.prefixes}
	return c.whole || sel.Of(ref)
}

// read reads what holds on both sides.
func (c *comparison) read() error {
	var kinds []whatchanged.EventKind
	for _, k := range whatchanged.SettingKinds {
		if slices.Contains(c.aspects, aspectOf[k]) {
			kinds = append(kinds, k)
		}
	}
	edges := slices.Contains(c.aspects, aspectDependencies)
	for _, s := range []*half{&c.left, &c.right} {
		if len(kinds) > 0 {
			if err := c.readStates(s, kinds); err != nil {
				return err
			}
		}
		if edges && !s.Live {
			whole, err := c.readDependencies(s)
			if err != nil {
				return err
			}
			edges = whole
		}
	}
	if !edges || c.left.Live || c.right.Live {
		for _, s := range []*half{&c.left, &c.right} {
			s.states = slices.DeleteFunc(s.states, func(e *whatchanged.Event) bool { return e.Dependency != nil })
		}
	}
	if c.cut != nil {
		for _, s := range []*half{&c.left, &c.right} {
			s.states = slices.DeleteFunc(s.states, func(e *whatchanged.Event) bool { return e.Entity.Compare(*c.cut) >= 0 })
		}
	}
	return nil
}

// readStates reads page after page of what holds on a side. Beyond the bound,
// the entity at which it stopped and those after it are left out on both.
func (c *comparison) readStates(s *half, kinds []whatchanged.EventKind) error {
	sel := whatchanged.StateSelection{Entities: c.scope, Prefixes: c.prefixes, Kinds: kinds, Limit: statePage,
		Source: s.Source, Attribute: s.attribute}
	for n := 0; ; n += statePage {
		events, err := c.index.States(c.ctx, c.seeing(s.at), sel)
		if err != nil {
			return err
		}
		for _, e := range events {
			if s.wants(e) && c.reads(s, e.Action == whatchanged.ActionObserved) {
				s.states = append(s.states, e)
			}
		}
		if len(events) < statePage {
			return nil
		}
		last := events[len(events)-1]
		if n+statePage >= maxCompared {
			return c.cutAt(last.Entity)
		}
		k, _ := last.StateKey()
		sel.After = &k
	}
}

// reads reports whether what was observed, or what was declared, is read of a
// side. Beside a side of what was observed, the other is what was declared.
func (c *comparison) reads(s *half, observed bool) bool {
	if s.Live {
		return observed
	}
	return !observed || !c.left.Live && !c.right.Live
}

// cutAt leaves out entities from one on. Where the sides are namespaces, what
// is like it on the other side stands elsewhere in the order.
func (c *comparison) cutAt(ref whatchanged.Ref) error {
	if c.left.Namespace != "" || c.right.Namespace != "" {
		return whatchanged.Errorf(whatchanged.CodeTooLarge, "more than %d values: want a narrower scope, such as config:shop/*", maxCompared).In("scope")
	}
	if c.cut == nil || ref.Compare(*c.cut) < 0 {
		c.cut = &ref
	}
	return nil
}

func (c *comparison) upTo() *string {
	if c.cut == nil {
		return nil
	}
	text := c.cut.String()
	return &text
}

// readDependencies reads the dependencies that hold on a side, each as the
// last change that told of it there. whole is false when there were too many
// changes to look through: then none is compared.
func (c *comparison) readDependencies(s *half) (whole bool, err error) {
	sel := whatchanged.Selection{Entities: c.scope, Kinds: []whatchanged.EventKind{whatchanged.Topology}, Limit: statePage}
	if len(c.prefixes) > 0 {
		sel.Entities = nil
	}
	last := map[dependencyAt]*whatchanged.Event{}
	for n := 0; ; n += statePage {
		page, err := c.index.Changes(c.ctx, c.seeing(s.at), sel)
		if err != nil {
			return false, err
		}
		if page.Total > maxDeclared {
			c.x.add(ReasonTooManyEdges, page.Total)
			return false, nil
		}
		for _, e := range page.Events {
			if e.Dependency != nil && c.of(e.Entity) && s.wants(e) {
				last[dependencyAt{e.Entity, e.Dependency.To, e.Dependency.Evidence, e.Placement}] = e
			}
		}
		if len(page.Events) < statePage {
			break
		}
		k := page.Events[len(page.Events)-1].Key()
		sel.After = &k
	}
	for _, e := range last {
		s.states = append(s.states, e)
	}
	return true, nil
}

// A dependencyAt is an edge as one place was told of it.
type dependencyAt struct {
	from, to whatchanged.Ref
	evidence whatchanged.Evidence
	in       whatchanged.Placement
}
