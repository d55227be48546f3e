// Package telemetry sets up OpenTelemetry: traces, metrics and logs.
//
// Exporters are chosen by the standard environment variables,
// OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER, and their
// endpoints by OTEL_EXPORTER_OTLP_…; where one is not set nothing is exported
// and spans cost next to nothing. Metrics are always there to be scraped, as
// Prometheus text.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Telemetry is what the parts report to.
type Telemetry struct {
	Tracer  trace.TracerProvider
	Meter   metric.MeterProvider
	Log     *slog.Logger
	Metrics http.Handler // Prometheus text
	ends    []func(context.Context) error
}

// A Config says where logs go.
type Config struct {
	Version string
	Logs    io.Writer  // text lines
	Level   slog.Level // of what is written there
	JSON    bool       // write JSON instead
}

// Open sets up telemetry as the environment asks, and makes it the global one
// for libraries that report to that.
func Open(ctx context.Context, c Config) (*Telemetry, error) {
	res, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "whatchanged"), attribute.String("service.version", c.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("telemetry resource: %w", err)
	}
	t := &Telemetry{Tracer: noop.NewTracerProvider()}
	for _, open := range []func(context.Context, *resource.Resource) error{t.openTraces, t.openMetrics} {
		if err := open(ctx, res); err != nil {
			return nil, err
		}
	}
	if err := t.openLogs(ctx, res, c); err != nil {
		return nil, err
	}
	otel.SetTracerProvider(t.Tracer)
	otel.SetMeterProvider(t.Meter)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return t, nil
}

// asked reports whether the environment names an exporter for a signal.
func asked(signal string) bool {
	v := os.Getenv("OTEL_" + signal + "_EXPORTER")
	return v != "" && v != "none"
}

func (t *Telemetry) openTraces(ctx context.Context, res *resource.Resource) error {
	if !asked("TRACES") {
		return nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return fmt.Errorf("trace exporter: %w", err)
	}
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res))
	t.Tracer, t.ends = p, append(t.ends, p.Shutdown)
	return nil
}

func (t *Telemetry) openMetrics(ctx context.Context, res *resource.Resource) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	scraped, err := promexporter.New(promexporter.WithRegisterer(registry), promexporter.WithoutScopeInfo())
	if err != nil {
		return fmt.Errorf("prometheus: %w", err)
	}
	options := []sdkmetric.Option{sdkmetric.WithReader(scraped), sdkmetric.WithResource(res)}
	if asked("METRICS") {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return fmt.Errorf("metric exporter: %w", err)
		}
		options = append(options, sdkmetric.WithReader(reader))
	}
	p := sdkmetric.NewMeterProvider(options...)
	t.Meter, t.ends = p, append(t.ends, p.Shutdown)
	t.Metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return nil
}

func (t *Telemetry) openLogs(ctx context.Context, res *resource.Resource, c Config) error {
	options := &slog.HandlerOptions{Level: c.Level}
	var local slog.Handler = slog.NewTextHandler(c.Logs, options)
	if c.JSON {
		local = slog.NewJSONHandler(c.Logs, options)
	}
	if !asked("LOGS") {
		t.Log = slog.New(local)
		return nil
	}
	exporter, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return fmt.Errorf("log exporter: %w", err)
	}
	p := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)), sdklog.WithResource(res))
	t.ends = append(t.ends, p.Shutdown)
	t.Log = slog.New(both{local, otelslog.NewHandler("whatchanged", otelslog.WithLoggerProvider(p))})
	return nil
}

// Close exports what is left.
func (t *Telemetry) Close(ctx context.Context) error {
	var errs []error
	for _, end := range t.ends {
		errs = append(errs, end(ctx))
	}
	return errors.Join(errs...)
}

// both hands a record to two handlers.
type both [2]slog.Handler

// Enabled implements [slog.Handler].
func (b both) Enabled(ctx context.Context, l slog.Level) bool {
	return b[0].Enabled(ctx, l) || b[1].Enabled(ctx, l)
}

// Handle implements [slog.Handler].
func (b both) Handle(ctx context.Context, r slog.Record) error {
	var errs []error
	for _, h := range b {
		if h.Enabled(ctx, r.Level) {
			errs = append(errs, h.Handle(ctx, r.Clone()))
		}
	}
	return errors.Join(errs...)
}

// WithAttrs implements [slog.Handler].
func (b both) WithAttrs(as []slog.Attr) slog.Handler {
	return both{b[0].WithAttrs(as), b[1].WithAttrs(as)}
}

// WithGroup implements [slog.Handler].
func (b both) WithGroup(name string) slog.Handler {
	return both{b[0].WithGroup(name), b[1].WithGroup(name)}
}
