package cold

import (
	"context"

	"whatchanged.dev/whatchanged"
)

// derived gathers the rows of the tables that derive from events.
type derived struct {
	places       []placeRow
	seen         map[place]int // by where it stands in places
	tellers      []tellerRow
	told         map[teller]bool
	dependencies []*whatchanged.Event
	corrections  []*whatchanged.Event
}

// A place is an entity where an event placed it.
type place struct {
	entity              whatchanged.Ref
	environment, region string
}

// A placeRow says which positions told of it: the first, and the last of those
// that changed the entity.
type placeRow struct {
	place
	first, last whatchanged.Position
}

// A teller is a source that told of an entity.
type teller struct {
	entity whatchanged.Ref
	source string
}

// A tellerRow says which position was the first that told.
type tellerRow struct {
	teller
	first whatchanged.Position
}

// tell keeps the first position of a batch; the table keeps the least of all.
func (d *derived) tell(by teller, at whatchanged.Position) {
	if d.told == nil {
		d.told = map[teller]bool{}
	}
	if !d.told[by] {
		d.told[by] = true
		d.tellers = append(d.tellers, tellerRow{by, at})
	}
}

// add takes an event; events come in the order of their positions.
func (d *derived) add(e *whatchanged.Event) {
	d.place(place{e.Entity, e.Placement.Environment, e.Placement.Region}, e.Position, e.Position)
	d.tell(teller{e.Entity, e.Source}, e.Position)
	if e.Dependency != nil {
		d.tell(teller{e.Dependency.To, e.Source}, e.Position)
		d.place(place{entity: e.Dependency.To}, e.Position, whatchanged.Position{})
		d.dependencies = append(d.dependencies, e)
	}
	if e.Revision > 0 {
		d.corrections = append(d.corrections, e)
	}
}

// place keeps the first and the last position of a batch; the table keeps the
// least and the greatest of all.
func (d *derived) place(at place, first, last whatchanged.Position) {
	if d.seen == nil {
		d.seen = map[place]int{}
	}
	i, ok := d.seen[at]
	if !ok {
		i = len(d.places)
		d.seen[at] = i
		d.places = append(d.places, placeRow{place: at, first: first})
	}
	if p := &d.places[i]; last.Compare(p.last) > 0 {
		p.last = last
	}
}

func (d *derived) insert(ctx context.Context, w *Writer) error {
	err := w.insert(ctx, "insert_places", "", len(d.places), func(i int) []any {
		p := &d.places[i]
		r := p.entity
		return []any{r.String(), string(r.Kind), r.Namespace, r.Name, p.environment, p.region,
			[]any{p.first.Sequence, p.first.Index}, []any{p.last.Sequence, p.last.Index}}
	})
	if err != nil {
		return err
	}
	err = w.insert(ctx, "insert_tellers", "", len(d.tellers), func(i int) []any {
		t := &d.tellers[i]
		return []any{t.entity.String(), t.source, []any{t.first.Sequence, t.first.Index}}
	})
	if err != nil {
		return err
	}
	err = w.insert(ctx, "insert_dependencies", "", 2*len(d.dependencies), func(i int) []any {
		e := d.dependencies[i/2]
		entity, direction, other := e.Entity, whatchanged.DependsOn, e.Dependency.To
		if i%2 == 1 {
			entity, direction, other = other, whatchanged.Dependents, entity
		}
		return []any{entity.String(), string(direction), other.String(), string(e.Dependency.Evidence), e.EffectiveAt,
			e.Position.Sequence, e.Position.Index, e.Dependency.Removed, e.ID, uint32(e.Revision)}
	})
	if err != nil {
		return err
	}
	return w.insert(ctx, "insert_corrections", "", len(d.corrections), func(i int) []any {
		e := d.corrections[i]
		return []any{e.ID, uint32(e.Revision), e.Position.Sequence, e.Position.Index}
	})
}
