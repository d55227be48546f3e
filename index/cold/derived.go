package cold

import (
	"context"

	"whatchanged.dev/whatchanged"
)

// derived gathers the rows of the tables that derive from events.
type derived struct {
	entities     []entityRow
	seen         map[whatchanged.Ref]bool
	dependencies []*whatchanged.Event
	corrections  []*whatchanged.Event
}

type entityRow struct {
	ref   whatchanged.Ref
	first whatchanged.Position
}

// add takes an event; events come in the order of their positions.
func (d *derived) add(e *whatchanged.Event) {
	d.entity(e.Entity, e.Position)
	if e.Dependency != nil {
		d.entity(e.Dependency.To, e.Position)
		d.dependencies = append(d.dependencies, e)
	}
	if e.Revision > 0 {
		d.corrections = append(d.corrections, e)
	}
}

// entity keeps the first position of a batch; the table keeps the least of all.
func (d *derived) entity(r whatchanged.Ref, p whatchanged.Position) {
	if d.seen == nil {
		d.seen = map[whatchanged.Ref]bool{}
	}
	if !d.seen[r] {
		d.seen[r] = true
		d.entities = append(d.entities, entityRow{r, p})
	}
}

func (d *derived) insert(ctx context.Context, w *Writer) error {
	err := w.insert(ctx, "insert_entities", "", len(d.entities), func(i int) []any {
		r, p := d.entities[i].ref, d.entities[i].first
		return []any{r.String(), string(r.Kind), r.Namespace, r.Name, []any{p.Sequence, p.Index}}
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
