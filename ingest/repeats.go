package ingest

import (
	"context"
	"maps"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// unknown returns the events that are not stored yet, and the delivery
// with the last of the others.
//
// Whoever reads the log drops what it was told twice within its duplicate
// window. An event whose own time lies within it cannot have been told earlier,
// so only the others are looked up in all of history; memory is asked of all,
// so that the sender is told right and the log does not grow. Half the window
// is left for senders whose clocks are ahead.
func (p *Pipeline) unknown(ctx context.Context, events []whatchanged.Event) (fresh []whatchanged.Event, last whatchanged.Position, err error) {
	now := p.Now()
	recent := whatchanged.Interval{From: now.Add(-p.DuplicateWindow / 2), To: now}
	all := identities(events)
	var old []string
	for i := range events {
		e := &events[i]
		if e.Clock == whatchanged.ArrivalClock || !recent.Contains(e.EffectiveAt) {
			old = append(old, e.Identity())
		}
	}
	known := p.Known.Recent(all)
	p.claims.recall(all, known)
	old = slices.DeleteFunc(old, func(id string) bool { _, ok := known[id]; return ok })
	older, err := p.known(ctx, old)
	if err != nil {
		return nil, last, err
	}
	maps.Copy(known, older)
	seen := map[string]bool{}
	for i := range events {
		id := events[i].Identity()
		at, stored := known[id]
		if stored && at.Sequence >= last.Sequence {
			last = whatchanged.At(at.Sequence)
		}
		if !stored && !seen[id] {
			fresh = append(fresh, events[i])
		}
		seen[id] = true
	}
	return fresh, last, nil
}

func (p *Pipeline) known(ctx context.Context, identities []string) (map[string]whatchanged.Position, error) {
	if len(identities) == 0 {
		return nil, nil
	}
	slices.Sort(identities)
	ctx, cancel := context.WithTimeout(ctx, p.Timeout-p.Timeout/5) // leaves time to say so
	defer cancel()
	known, err := p.Known.Known(ctx, slices.Compact(identities))
	if err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeUnavailable,
			"it cannot be said now whether events from before %s are known; send it again", p.Now().Add(-p.DuplicateWindow).UTC().Format(time.RFC3339)).Hiding(err)
	}
	return known, nil
}

func identities(events []whatchanged.Event) []string {
	all := make([]string, len(events))
	for i := range events {
		all[i] = events[i].Identity()
	}
	return all
}
