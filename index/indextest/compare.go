package indextest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"whatchanged.dev/whatchanged"
)

// compare asks a tier and the oracle the same random questions.
func compare(t *testing.T, open Opener, o Options) {
	if o.Questions == 0 {
		o.Questions = 200
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	log := World(o.Seed, 300)
	index, oracle := open(t, log), Oracle(log)
	for _, sort := range sorts {
		if sort.name == "deliveries" && o.NoDeliveries || (sort.name == "lists" || sort.name == "tellers") && o.NoLists {
			continue
		}
		t.Run(sort.name, func(t *testing.T) {
			a := &asker{generator{Rand: random(o.Seed)}, log}
			for n := range o.Questions {
				question, ask := sort.draw(a)
				got, err := ask(t.Context(), index)
				want, _ := ask(t.Context(), oracle)
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
					t.Fatalf("seed %d, question %d: %s\nerror: %v\n(-oracle +tier):\n%s", o.Seed, n, question, err, diff)
				}
			}
		})
	}
}

// A question is asked of any index.
type question func(context.Context, Index) (any, error)

// An asker draws questions about a log.
type asker struct {
	generator
	log []whatchanged.Delivery
}

// sorts are the sorts of questions, each with a function that draws one and
// says it in words.
var sorts = []struct {
	name string
	draw func(*asker) (string, question)
}{
	{"changes", func(a *asker) (string, question) {
		v, s := a.view(), a.selection()
		return fmt.Sprintf("%+v %+v %+v", v, s, s.After), func(ctx context.Context, i Index) (any, error) { return i.Changes(ctx, v, s) }
	}},
	{"changes of each", func(a *asker) (string, question) {
		v, s := a.view(), a.selection()
		s.Entities = a.some()
		return fmt.Sprintf("%+v %+v %+v", v, s, s.After), func(ctx context.Context, i Index) (any, error) { return i.ChangesOfEach(ctx, v, s) }
	}},
	{"states", func(a *asker) (string, question) {
		v, s := a.view(), a.states()
		return fmt.Sprintf("%+v %+v %+v", v, s, s.After), func(ctx context.Context, i Index) (any, error) { return i.States(ctx, v, s) }
	}},
	{"mentions", func(a *asker) (string, question) {
		v, m := a.view(), a.mention()
		return fmt.Sprintf("%+v %+v", v, m), func(ctx context.Context, i Index) (any, error) { return i.Mentions(ctx, v, m) }
	}},
	{"entities", func(a *asker) (string, question) {
		v, s := a.view(), a.entities()
		return fmt.Sprintf("%+v %+v", v, s), func(ctx context.Context, i Index) (any, error) { return i.Entities(ctx, v, s) }
	}},
	{"lists", func(a *asker) (string, question) {
		v, q := a.view(), a.list()
		if q.Recent { // of the past this order need not be known
			v.KnownAt = everything(a.log).KnownAt
		}
		return fmt.Sprintf("%+v %+v", v, q), func(ctx context.Context, i Index) (any, error) { return i.(Lists).List(ctx, v, q) }
	}},
	{"reach", func(a *asker) (string, question) {
		v, w := a.view(), a.walk()
		return fmt.Sprintf("%+v %+v", v, w), func(ctx context.Context, i Index) (any, error) { return i.Reach(ctx, v, w) }
	}},
	{"edges", func(a *asker) (string, question) {
		v, of, limit := a.view(), a.some(), []int{0, 1, 5, 1000}[a.IntN(4)]
		return fmt.Sprintf("%+v %v %d", v, of, limit), func(ctx context.Context, i Index) (any, error) { return i.Edges(ctx, v, of, limit) }
	}},
	{"sources", func(a *asker) (string, question) {
		v, in := a.view(), a.interval()
		return fmt.Sprintf("%+v %v", v, in), func(ctx context.Context, i Index) (any, error) { return i.Sources(ctx, v, in) }
	}},
	{"tellers", func(a *asker) (string, question) {
		v, of := a.view(), a.some()
		return fmt.Sprintf("%+v %v", v, of), func(ctx context.Context, i Index) (any, error) { return i.(Lists).Tellers(ctx, v, of) }
	}},
	{"positions", func(a *asker) (string, question) {
		at := a.moment()
		return at.String(), func(ctx context.Context, i Index) (any, error) { return i.PositionAt(ctx, at) }
	}},
	{"deliveries", func(a *asker) (string, question) {
		v, of := a.view(), []uint64{a.sequence(), a.sequence(), a.sequence()}
		return fmt.Sprintf("%+v %v", v, of), func(ctx context.Context, i Index) (any, error) { return i.Deliveries(ctx, v, of) }
	}},
}

func (a *asker) sequence() uint64 { return uint64(1 + a.IntN(len(a.log))) }

// moment is the time of some event or arrival, so that borders are met often.
func (a *asker) moment() time.Time {
	d := a.log[a.IntN(len(a.log))]
	if len(d.Events) > 0 && a.IntN(3) > 0 {
		return d.Events[0].EffectiveAt
	}
	return d.ReceivedAt
}

func (a *asker) interval() whatchanged.Interval {
	i := whatchanged.Interval{From: a.moment(), To: a.moment()}
	if i.To.Before(i.From) {
		i.From, i.To = i.To, i.From
	}
	return i
}

func (a *asker) view() whatchanged.View {
	v := everything(a.log)
	if a.IntN(3) > 0 {
		v.AsOf = a.moment()
	}
	switch a.IntN(3) {
	case 0:
		v.KnownAt = whatchanged.At(a.sequence())
	case 1:
		v.KnownAt = whatchanged.Position{Sequence: a.sequence(), Index: uint32(a.IntN(3))}
	}
	return v
}

func (a *asker) some() (all []whatchanged.Ref) {
	for range 1 + a.IntN(3) {
		all = append(all, pick(&a.generator, entities))
	}
	return all
}

func (a *asker) known() whatchanged.Event {
	for {
		if d := a.log[a.IntN(len(a.log))]; len(d.Events) > 0 {
			return d.Events[0]
		}
	}
}

func (a *asker) selection() whatchanged.Selection {
	s := whatchanged.Selection{Descending: a.IntN(2) == 0, Limit: []int{0, 1, 5, 1000}[a.IntN(4)]}
	if a.IntN(2) == 0 {
		s.Entities = a.some()
	}
	if a.IntN(3) == 0 {
		s.IDs = []string{a.known().ID, a.known().ID, a.known().ID}
	}
	if a.IntN(2) == 0 {
		s.Interval = a.interval()
	}
	if a.IntN(4) == 0 {
		s.Seen = a.interval()
	}
	if a.IntN(4) == 0 {
		s.Kinds = []whatchanged.EventKind{pick(&a.generator, kinds), pick(&a.generator, kinds)}
	}
	s.Steps = a.IntN(6) == 0
	if a.IntN(3) == 0 {
		e := a.known()
		key := e.Key()
		s.After = &key
	}
	return s
}

func (a *asker) states() whatchanged.StateSelection {
	s := whatchanged.StateSelection{Limit: []int{0, 1, 5, 1000}[a.IntN(4)]}
	if a.IntN(2) == 0 {
		s.Entities = a.some()
	}
	if a.IntN(3) == 0 {
		text := a.some()[0].String()
		s.Prefixes = []string{text[:a.IntN(len(text))+1]}
	}
	if a.IntN(3) == 0 {
		s.Kinds = []whatchanged.EventKind{pick(&a.generator, whatchanged.StateKinds), whatchanged.Flag}
	}
	if a.IntN(4) == 0 {
		s.Source = pick(&a.generator, sources)
	}
	if ticket := a.known().Attributes["ticket"]; ticket != "" && a.IntN(4) == 0 {
		s.Attribute = [2]string{"ticket", ticket}
	}
	if e := a.known(); a.IntN(4) == 0 {
		s.After = &whatchanged.StateKey{Entity: e.Entity, Kind: e.Kind, Placement: e.Placement, Observed: a.IntN(2) == 0}
	}
	return s
}

func (a *asker) mention() whatchanged.Mention {
	m := whatchanged.Mention{Limit: []int{0, 1, 5, 1000}[a.IntN(4)]}
	switch e := a.known(); a.IntN(4) {
	case 0:
		m.Text = e.ID
	case 1:
		m.Text = e.Version
	case 2:
		m.Text = strings.Join(e.Commits, "")
		m.Text = m.Text[:min(len(m.Text), 5+a.IntN(8))]
	default:
		m.Text = strings.ToUpper(pick(&a.generator, words) + " " + pick(&a.generator, words))
	}
	if a.IntN(2) == 0 {
		m.Interval = a.interval()
	}
	return m
}

func (a *asker) entities() whatchanged.EntitySelection {
	s := whatchanged.EntitySelection{Limit: []int{0, 1, 5, 1000}[a.IntN(4)]}
	if a.IntN(3) == 0 {
		s.Refs = a.some()
	}
	if a.IntN(3) == 0 {
		s.Kinds = []whatchanged.Kind{a.some()[0].Kind, a.some()[0].Kind}
	}
	if a.IntN(2) == 0 {
		text := a.some()[0].String()
		from := a.IntN(len(text))
		s.Text = text[from:min(len(text), from+1+a.IntN(6))]
	}
	return s
}

func (a *asker) list() whatchanged.EntityList {
	q := whatchanged.EntityList{EntitySelection: a.entities(), Recent: a.IntN(2) == 0, Facets: a.IntN(2) == 0, Offset: a.IntN(3)}
	if a.IntN(4) == 0 {
		q.Namespaces = []string{a.some()[0].Namespace, a.some()[0].Namespace}
	}
	if a.IntN(3) == 0 {
		q.Owners = refs(pick(&a.generator, owners), pick(&a.generator, owners))
	}
	if a.IntN(4) == 0 {
		q.Environments = []string{"PROD"}
	}
	if a.IntN(4) == 0 {
		q.Regions = []string{pick(&a.generator, regions), "eu-west-1"}
	}
	return q
}

func (a *asker) walk() whatchanged.Walk {
	w := whatchanged.Walk{From: a.some(), Direction: whatchanged.DependsOn, Hops: a.IntN(5), Limit: []int{0, 2, 1000}[a.IntN(3)]}
	if a.IntN(2) == 0 {
		w.Direction = whatchanged.Dependents
	}
	return w
}
