package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged/resolvers"
)

// viewer returns who asks in ctx, as the audit line of a question shows it.
func viewer(t *testing.T, ctx context.Context) string {
	t.Helper()
	var log bytes.Buffer
	r, err := resolvers.New(resolvers.Config{Log: slog.New(slog.NewJSONHandler(&log, nil)), Tracer: tracenoop.NewTracerProvider(), Meter: metricnoop.NewMeterProvider()})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.Find(ctx, resolvers.FindInput{}) // refused before anything is read
	var line struct{ Who string }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	return line.Who
}
