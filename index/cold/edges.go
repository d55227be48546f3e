package cold

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

func composeEdges(v whatchanged.View, refs []whatchanged.Ref, limit int) *query {
	return compose("edges", nil).view(v).set("entities", texts(refs)).set("limit", uint64(limit))
}

// Edges returns the dependency edges that hold in a view and touch any of refs
// with either end, ordered by From, To and Evidence.
func (r *Reader) Edges(ctx context.Context, v whatchanged.View, refs []whatchanged.Ref, limit int) ([]whatchanged.Edge, error) {
	if err := r.reached(ctx, v); err != nil || limit <= 0 || len(refs) == 0 {
		return nil, err
	}
	var all []whatchanged.Edge
	err := r.each(ctx, "edges", composeEdges(v, refs, limit), func(rows driver.Rows) error {
		e, err := scanEdge(rows)
		all = append(all, e)
		return err
	})
	return all, err
}

func scanEdge(rows driver.Rows) (e whatchanged.Edge, err error) {
	var evidence string
	e.From, e.To, err = scanEnds(rows, &evidence, &e.Since, &e.Position.Sequence, &e.Position.Index, &e.ID)
	e.Evidence, e.Since = whatchanged.Evidence(evidence), e.Since.UTC()
	return e, err
}
