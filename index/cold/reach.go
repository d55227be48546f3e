package cold

import (
	"context"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

// Reach follows dependency edges breadth first, one query for each hop. The
// path to an entity is a shortest one; where there are several, each step
// comes from the first reference in order, so that every tier finds the same.
func (r *Reader) Reach(ctx context.Context, v whatchanged.View, w whatchanged.Walk) ([]whatchanged.Reached, error) {
	if err := r.reached(ctx, v); err != nil {
		return nil, err
	}
	paths := map[whatchanged.Ref][]whatchanged.Ref{}
	for _, from := range w.From {
		paths[from] = []whatchanged.Ref{from}
	}
	frontier := slices.Clone(w.From)
	var reached []whatchanged.Reached
	for hop := 1; hop <= w.Hops && len(frontier) > 0 && len(reached) < w.Limit; hop++ {
		from, err := r.step(ctx, v, w.Direction, frontier, paths)
		if err != nil {
			return nil, err
		}
		frontier = frontier[:0]
		for ref := range from {
			frontier = append(frontier, ref)
		}
		slices.SortFunc(frontier, whatchanged.Ref.Compare)
		for _, ref := range frontier {
			paths[ref] = append(slices.Clone(paths[from[ref]]), ref)
			reached = append(reached, whatchanged.Reached{Ref: ref, Hops: hop, Direction: w.Direction, Path: paths[ref]})
		}
	}
	return reached[:min(len(reached), max(w.Limit, 0))], nil
}

// step returns what one hop from the frontier leads to that has no path yet,
// and for each the first entity of the frontier that leads there.
func (r *Reader) step(ctx context.Context, v whatchanged.View, d whatchanged.Direction, frontier []whatchanged.Ref, paths map[whatchanged.Ref][]whatchanged.Ref) (map[whatchanged.Ref]whatchanged.Ref, error) {
	from := map[whatchanged.Ref]whatchanged.Ref{}
	q := compose("reach", nil).view(v).set("entities", texts(frontier)).set("direction", string(d))
	err := r.each(ctx, "reach", q, func(rows driver.Rows) error {
		entity, other, err := scanEnds(rows)
		if err != nil || paths[other] != nil {
			return err
		}
		if first, ok := from[other]; !ok || entity.Compare(first) < 0 {
			from[other] = entity
		}
		return nil
	})
	return from, err
}

// scanEnds reads the two ends of an edge and whatever columns follow.
func scanEnds(rows driver.Rows, more ...any) (entity, other whatchanged.Ref, err error) {
	var a, b string
	if err = rows.Scan(append([]any{&a, &b}, more...)...); err != nil {
		return entity, other, err
	}
	if entity, err = whatchanged.ParseRef(a); err != nil {
		return entity, other, err
	}
	other, err = whatchanged.ParseRef(b)
	return entity, other, err
}
