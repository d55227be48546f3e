package ingest

import (
	"context"
	"fmt"
	"strings"
	"time"

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
// and the last position. After an error the events may be imported again. No
// events at all say that the reader has read all there was.
func (p *Pipeline) Import(ctx context.Context, source string, events []whatchanged.Event) (Accepted, error) {
	if len(events) == 0 {
		return p.Report(ctx, source, whatchanged.DeliveryRan)
	}
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

// Report notes in the log what a reader says of itself, so that answers can
// tell a source that is quiet from one that is not heard: that it has read all
// there was, that it watches or follows, that it lost its connection, or that it
// was ended: one of [whatchanged.ReaderReports].
func (p *Pipeline) Report(ctx context.Context, source, what string) (Accepted, error) {
	d := whatchanged.Delivery{Source: source, Type: what, Outcome: whatchanged.Ignored, Reason: "a report of the reader",
		Body: fmt.Appendf(nil, `{"report":%q,"at":%q}`, what, p.Now().UTC().Format(time.RFC3339Nano))} // no report is the repeat of another
	if !d.Reports() {
		return Accepted{}, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want one of %s", plain(what, maxWord),
			strings.Join(whatchanged.ReaderReports, ", ")).In("report")
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	r, err := p.Log.Append(ctx, d)
	return Accepted{Position: r.Position}, err
}
