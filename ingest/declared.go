package ingest

import (
	"context"

	"whatchanged.dev/whatchanged"
)

// Index is as much of an index as [DeclaredIn] needs.
type Index interface {
	Watermark(ctx context.Context) (whatchanged.Watermark, error)
	Changes(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error)
}

// DeclaredIn looks up in an index what was declared before, as far as the
// index has read the log.
func DeclaredIn(index Index) Declared { return declaredIn{index} }

type declaredIn struct{ index Index }

// Declared implements [Declared]. It reads the events of the entities, latest
// first, until each has shown a declaration or all are read.
func (d declaredIn) Declared(ctx context.Context, source string, entities []whatchanged.Ref) (map[whatchanged.Ref]whatchanged.Event, error) {
	w, err := d.index.Watermark(ctx)
	if err != nil {
		return nil, err
	}
	view := whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: w.Position}
	s := whatchanged.Selection{Entities: entities, Interval: whatchanged.Always, Descending: true, Limit: 1000}
	last := map[whatchanged.Ref]whatchanged.Event{}
	for len(last) < len(entities) {
		page, err := d.index.Changes(ctx, view, s)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			if _, later := last[e.Entity]; !later && e.Source == source && IsDeclaration(e) {
				last[e.Entity] = *e
			}
		}
		if len(page.Events) < s.Limit {
			break
		}
		after := page.Events[len(page.Events)-1].Key()
		s.After = &after
	}
	return last, nil
}
