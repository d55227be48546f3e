package ingest

import (
	"context"
	"errors"
	"strings"

	attr "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged"
)

// metrics count what comes in. In Prometheus they are called
// whatchanged_events_total, whatchanged_deliveries_total and so on.
type metrics struct {
	events     metric.Int64Counter // distinct events stored, by source and kind
	deliveries metric.Int64Counter // by source and outcome
	duplicates metric.Int64Counter // events known before, by source
	rejects    metric.Int64Counter // deliveries refused, by source and reason
}

func newMetrics(c *Config) (m metrics, err error) {
	if c.Meter == nil {
		c.Meter = noop.Meter{}
	}
	if c.Tracer == nil {
		c.Tracer = tracenoop.Tracer{}
	}
	var errs [4]error
	m.events, errs[0] = c.Meter.Int64Counter("whatchanged.events", metric.WithDescription("Distinct change events stored."))
	m.deliveries, errs[1] = c.Meter.Int64Counter("whatchanged.deliveries", metric.WithDescription("Deliveries received, by what became of them."))
	m.duplicates, errs[2] = c.Meter.Int64Counter("whatchanged.duplicates", metric.WithDescription("Events received that were known before."))
	m.rejects, errs[3] = c.Meter.Int64Counter("whatchanged.rejects", metric.WithDescription("Deliveries refused, by reason."))
	return m, errors.Join(errs[:]...)
}

func (m *metrics) stored(ctx context.Context, events []whatchanged.Event) {
	type label struct{ source, kind string }
	counts := map[label]int64{}
	for i := range events {
		counts[label{events[i].Source, kindLabel(events[i].Kind)}]++
	}
	for l, n := range counts {
		m.events.Add(ctx, n, metric.WithAttributes(attr.String("source", l.source), attr.String("kind", l.kind)))
	}
}

// kindLabel keeps the number of labels small: senders may invent kinds.
func kindLabel(k whatchanged.EventKind) string {
	switch k {
	case whatchanged.Deployment, whatchanged.RolloutKind, whatchanged.Flag, whatchanged.Experiment, whatchanged.Model,
		whatchanged.Config, whatchanged.Infrastructure, whatchanged.Scale, whatchanged.Topology, whatchanged.Ownership, whatchanged.OnCallKind,
		whatchanged.Incident, whatchanged.Artifact, whatchanged.Release, whatchanged.Pipeline, whatchanged.Commit:
		return string(k)
	}
	return string(whatchanged.Other)
}

func (m *metrics) delivery(ctx context.Context, source string, a Accepted, err error) {
	from := attr.String("source", source)
	outcome := "accepted"
	var kept *Rejection
	switch {
	case errors.As(err, &kept):
		outcome = "rejected"
	case err != nil:
		outcome = "refused" // and not kept
	case a.Ignored != "":
		outcome = "ignored"
	case a.Events == 0:
		outcome = "duplicate"
	}
	m.deliveries.Add(ctx, 1, metric.WithAttributes(from, attr.String("outcome", outcome)))
	if a.Duplicates > 0 {
		m.duplicates.Add(ctx, int64(a.Duplicates), metric.WithAttributes(from))
	}
	if err != nil {
		reason := strings.ToLower(string(whatchanged.CodeOf(err)))
		m.rejects.Add(ctx, 1, metric.WithAttributes(from, attr.String("reason", reason)))
	}
}
