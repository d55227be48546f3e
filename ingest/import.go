package ingest

import (
	"context"

	"whatchanged.dev/whatchanged"
)

// Bounds of one imported delivery: it is one message of the log.
const (
	importEvents = 1000
	importBytes  = 2 << 20
)

// Import takes events that were decoded on this side, as from the history of
// a repository, on the same way as deliveries: made canonical, redacted,
// dropped when known, appended. It returns the sum of what became of them,
// and the last position. After an error the events may be imported again.
func (p *Pipeline) Import(ctx context.Context, source string, events []whatchanged.Event) (Accepted, error) {
	var sum Accepted
	for len(events) > 0 {
		n := importCut(events)
		a, err := p.importBatch(ctx, source, events[:n])
		if err != nil {
			return sum, err
		}
		sum.Events += a.Events
		sum.Duplicates += a.Duplicates
		if a.Position.Compare(sum.Position) > 0 {
			sum.Position = a.Position
		}
		events = events[n:]
	}
	return sum, nil
}

func (p *Pipeline) importBatch(ctx context.Context, source string, events []whatchanged.Event) (Accepted, error) {
	if err := p.canonical(source, events); err != nil {
		return Accepted{}, err
	}
	for i := range events {
		if source == GitSource {
			tellDiff(&events[i])
		}
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	a, err := p.store(ctx, whatchanged.Delivery{Source: source, Type: "import", Outcome: whatchanged.Accepted}, events)
	p.metrics.delivery(ctx, source, a, err)
	return a, err
}

// importCut returns how many of the events make one delivery.
func importCut(events []whatchanged.Event) int {
	size := 0
	for i := range events {
		e := &events[i]
		if size += 2 * (len(e.Before) + len(e.After)); i > 0 && (size > importBytes || i == importEvents) {
			return i
		}
	}
	return len(events)
}
