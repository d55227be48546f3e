package cold

import (
	"context"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

func composeEntities(v whatchanged.View, s whatchanged.EntitySelection) *query {
	q := compose("entities", s).position("known", v.KnownAt).set("limit", uint64(s.Limit))
	if len(s.Refs) > 0 {
		q.set("refs", texts(s.Refs))
	}
	if len(s.Kinds) > 0 {
		q.set("kinds", words(s.Kinds))
	}
	if s.Text != "" {
		q.set("text", strings.ToLower(s.Text))
	}
	return q
}

// Entities returns the entities of a selection, ordered by reference.
func (r *Reader) Entities(ctx context.Context, v whatchanged.View, s whatchanged.EntitySelection) ([]whatchanged.EntityRecord, error) {
	if err := r.reached(ctx, v); err != nil || s.Limit <= 0 {
		return nil, err
	}
	var all []whatchanged.EntityRecord
	err := r.each(ctx, "entities", composeEntities(v, s), func(rows driver.Rows) error {
		e, err := scanEntity(rows)
		all = append(all, e)
		return err
	})
	return all, err
}

func scanEntity(rows driver.Rows) (e whatchanged.EntityRecord, err error) {
	var kind string
	err = rows.Scan(&kind, &e.Ref.Namespace, &e.Ref.Name, &e.FirstKnown.Sequence, &e.FirstKnown.Index)
	e.Ref.Kind = whatchanged.Kind(kind)
	return e, err
}
