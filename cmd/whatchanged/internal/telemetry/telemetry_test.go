package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/telemetry"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/resolvers"
)

func open(t testing.TB, c telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	c.Version = "test"
	tel, err := telemetry.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return tel
}

// index is an empty one in memory, which keeps no bodies.
type index struct{ *hot.Tier }

// Deliveries implements [resolvers.Index].
func (index) Deliveries(context.Context, whatchanged.View, []uint64) ([]whatchanged.Delivery, error) {
	return nil, nil
}

func resolver(t testing.TB, tracer trace.TracerProvider, meter metric.MeterProvider, log *slog.Logger) *resolvers.Resolver {
	t.Helper()
	r, err := resolvers.New(resolvers.Config{Index: index{hot.Open(hot.Base{})}, Log: log, Clean: strings.Clone, Tracer: tracer, Meter: meter})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ask(t testing.TB, r *resolvers.Resolver) {
	t.Helper()
	if _, err := r.WhatChanged(resolvers.WithViewer(t.Context(), resolvers.Viewer{Who: "ann"}), resolvers.WhatChangedInput{Limit: 20}); err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsExportedUnlessAsked(t *testing.T) {
	for _, signal := range []string{"TRACES", "METRICS", "LOGS"} {
		t.Setenv("OTEL_"+signal+"_EXPORTER", "none")
	}
	tel := open(t, telemetry.Config{Logs: io.Discard})
	if _, ok := tel.Tracer.(noop.TracerProvider); !ok {
		t.Errorf("spans are made by %T", tel.Tracer)
	}
	_, span := tel.Tracer.Tracer("test").Start(t.Context(), "test")
	if span.IsRecording() {
		t.Error("a span is recorded for nobody")
	}
}

func TestMetricsCanBeScraped(t *testing.T) {
	var logs bytes.Buffer
	tel := open(t, telemetry.Config{Logs: &logs})
	r := resolver(t, tel.Tracer, tel.Meter, tel.Log)
	ask(t, r)
	_, _ = r.Find(t.Context(), resolvers.FindInput{}) // by nobody
	res := httptest.NewRecorder()
	tel.Metrics.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		"# HELP whatchanged_question_duration_seconds Time to answer a question",
		"# TYPE whatchanged_question_duration_seconds histogram",
		`whatchanged_question_duration_seconds_count{code="",question="whatChanged"} 1`,
		`whatchanged_question_duration_seconds_count{code="UNAUTHENTICATED",question="find"} 1`,
		`whatchanged_question_duration_seconds_bucket{code="",question="whatChanged",le="0.005"}`,
		`service_name="whatchanged"`, `service_version="test"`, "go_goroutines", "process_start_time_seconds",
	} {
		if !strings.Contains(res.Body.String(), want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(res.Body)
	}
	if !strings.Contains(logs.String(), "msg=asked question=whatChanged") || !strings.Contains(logs.String(), `\"limit\":20`) {
		t.Errorf("log: %s", &logs)
	}
}

func TestLogs(t *testing.T) {
	var text, object bytes.Buffer
	warn := open(t, telemetry.Config{Logs: &text, Level: slog.LevelWarn})
	warn.Log.Info("quiet")
	warn.Log.Warn("loud")
	if got := text.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "msg=loud") {
		t.Errorf("got %s", got)
	}
	open(t, telemetry.Config{Logs: &object, JSON: true}).Log.Info("hello", "k", 1)
	if !strings.Contains(object.String(), `"msg":"hello","k":1`) {
		t.Errorf("got %s", &object)
	}
}

// TestMain lets the test binary stand in for a process that asks one question:
// the console exporters write to the standard output that it began with.
func TestMain(m *testing.M) {
	if os.Getenv("ASK_ONCE") == "" {
		os.Exit(m.Run())
	}
	if err := askOnce(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func askOnce(ctx context.Context) error {
	tel, err := telemetry.Open(ctx, telemetry.Config{Version: "test", Logs: io.Discard})
	if err != nil {
		return err
	}
	r, err := resolvers.New(resolvers.Config{Index: index{hot.Open(hot.Base{})}, Clean: strings.Clone, Log: tel.Log.With("a", 1).WithGroup("g"), Tracer: tel.Tracer, Meter: tel.Meter})
	if err != nil {
		return err
	}
	_, err = r.WhatChanged(resolvers.WithViewer(ctx, resolvers.Viewer{Who: "ann"}), resolvers.WhatChangedInput{Limit: 20})
	return errors.Join(err, tel.Close(ctx))
}

// TestTheConsoleExportersWork: the environment chooses, as for every program
// with OpenTelemetry.
func TestTheConsoleExportersWork(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "ASK_ONCE=1", "OTEL_TRACES_EXPORTER=console", "OTEL_LOGS_EXPORTER=console", "OTEL_METRICS_EXPORTER=console", "OTEL_SERVICE_NAME=shop")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"Name":"resolvers.whatChanged"`, `"whatchanged.question.duration"`, `"Value":"asked"`, `"Value":"shop"`, `\"limit\":20`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s was not exported in %s", want, out)
		}
	}
}

func TestAnExporterNobodyKnowsIsRefused(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "pigeon")
	if _, err := telemetry.Open(t.Context(), telemetry.Config{Logs: io.Discard}); err == nil {
		t.Error("opened")
	}
}

// discard exports to nowhere.
type discard struct{}

// ExportSpans implements [sdktrace.SpanExporter].
func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }

// Shutdown implements [sdktrace.SpanExporter].
func (discard) Shutdown(context.Context) error { return nil }

// BenchmarkQuestion is what telemetry costs one small question.
func BenchmarkQuestion(b *testing.B) {
	tel := open(b, telemetry.Config{Logs: io.Discard})
	for _, bb := range []struct {
		name   string
		tracer trace.TracerProvider
	}{
		{"no exporter", tel.Tracer},
		{"samples nothing", sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))},
		{"exports every span to nowhere", sdktrace.NewTracerProvider(sdktrace.WithBatcher(discard{}, sdktrace.WithBatchTimeout(time.Second)))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := resolver(b, bb.tracer, tel.Meter, tel.Log)
			ctx := resolvers.WithViewer(b.Context(), resolvers.Viewer{Who: "ann"})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.WhatChanged(ctx, resolvers.WhatChangedInput{Limit: 20}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
