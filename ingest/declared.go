package ingest

import (
	"context"

	"whatchanged.dev/whatchanged"
)

// Index is as much of an index as [StoredIn] needs.
type Index interface {
	Watermark(ctx context.Context) (whatchanged.Watermark, error)
	Changes(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error)
}

// Stored says what is stored already, as far as the index has read the log.
type Stored interface {
	// Stored returns the events of a selection. It may return fewer than its
	// limit when there are more; none says that there are no more. Source names
	// who asks.
	Stored(ctx context.Context, source string, s whatchanged.Selection) (whatchanged.Page, error)
}

// StoredIn looks up in an index what is stored.
func StoredIn(index Index) Stored { return storedIn{index} }

type storedIn struct{ index Index }

// Stored implements [Stored].
func (i storedIn) Stored(ctx context.Context, _ string, s whatchanged.Selection) (whatchanged.Page, error) {
	w, err := i.index.Watermark(ctx)
	if err != nil {
		return whatchanged.Page{}, err
	}
	return i.index.Changes(ctx, whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: w.Position}, s)
}

// declared returns the last declaration of each of these entities by a source:
// the event of kind topology that tells of no dependency and of no placement.
// An entity that was never declared is left out. It reads the events of the
// entities, latest first, until each has shown a declaration or all are read.
func declared(ctx context.Context, stored Stored, source string, entities []whatchanged.Ref) (map[whatchanged.Ref]whatchanged.Event, error) {
	s := whatchanged.Selection{Entities: entities, Interval: whatchanged.Always, Descending: true, Limit: 500}
	last := map[whatchanged.Ref]whatchanged.Event{}
	for len(last) < len(entities) {
		page, err := stored.Stored(ctx, source, s)
		if err != nil {
			return nil, err
		}
		if len(page.Events) == 0 {
			break
		}
		for _, e := range page.Events {
			if _, later := last[e.Entity]; !later && e.Source == source && isDeclaration(e) {
				last[e.Entity] = *e
			}
		}
		after := page.Events[len(page.Events)-1].Key()
		s.After = &after
	}
	return last, nil
}
