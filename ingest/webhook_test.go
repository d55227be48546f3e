package ingest_test

import (
	"io"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"whatchanged.dev/whatchanged/ingest"
)

// The sources of the product itself, over HTTP.
func TestEventsEndpoint(t *testing.T) {
	d := newDesk(t, func(c *ingest.Config) { c.Sources, c.Limits = nil, ingest.Limits{} })
	event := `{"specversion":"1.0","id":"1","source":"/ci","type":"com.example.config.changed","subject":"config:shop/db-password",` +
		`"time":"2026-03-01T03:09:00Z","data":{"entity":"config:shop/db-password","after":"hunter2hunter2"}}`
	cases := []struct {
		name, body string
		header     []string
		want       answer
	}{
		{"structured", event, []string{"Content-Type", "application/cloudevents+json"}, answer{Status: 202, Position: "pos:1", Events: 1}},
		{"again, in a batch", "[" + event + "]", []string{"Content-Type", "application/cloudevents-batch+json"}, answer{Status: 202, Position: "pos:1", Duplicates: 1}},
		{"binary", `{"entity":"config:shop/a","after":"hunter2hunter2"}`, []string{"Content-Type", "application/json", "Ce-Specversion", "1.0",
			"Ce-Id", "2", "Ce-Source", "/ci", "Ce-Type", "com.example.config.changed", "Ce-Subject", "db-password"}, answer{Status: 202, Position: "pos:2", Events: 1}},
		{"no such type", "x", []string{"Content-Type", "image/png"}, answer{Status: 415, Position: "pos:3", Code: "INVALID_ARGUMENT", Field: "Content-Type"}},
	}
	for _, c := range cases {
		got := d.postTo("/v1/events", c.body, c.header...)
		if !same(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	for _, s := range d.stored() {
		if strings.Contains(string(s.Body), "hunter2") {
			t.Errorf("stored body %s", s.Body)
		}
	}
}

func same(a, b answer) bool {
	return a.Status == b.Status && a.Position == b.Position && a.Events == b.Events && a.Duplicates == b.Duplicates && a.Code == b.Code && a.Field == b.Field
}

func TestProblemDetails(t *testing.T) {
	d := newDesk(t)
	r := httptest.NewRequest("POST", "/v1/webhooks/nobody", strings.NewReader("{}"))
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	want := `{"type":"about:blank","title":"Not Found","status":404,"detail":"no source is called \"nobody\"","code":"NOT_FOUND","suggest":["plain"]}` + "\n"
	if w.Body.String() != want || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s", w.Header(), w.Body)
	}
	r = httptest.NewRequest("GET", "/v1/events", nil)
	w = httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	if w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d %v", w.Code, w.Header())
	}
}

func TestMetricsCountDistinctEvents(t *testing.T) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)).Meter("test")
	d := newDesk(t, func(c *ingest.Config) { c.Meter = meter })
	for _, body := range []string{batch("a@-1m", "b@-1m"), batch("a@-1m", "b@-1m"), batch("b@-9h", "b@-9h"), "{", "[]"} {
		d.post(body)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, _ := io.ReadAll(w.Body)
	for _, want := range []string{
		`whatchanged_events_total{kind="config",`, `source="plain"} 2`,
		`outcome="accepted",source="plain"} 1`, `outcome="duplicate",source="plain"} 2`,
		`outcome="rejected",source="plain"} 1`, `outcome="ignored",source="plain"} 1`,
		`whatchanged_duplicates_total{`, `source="plain"} 4`,
		`reason="invalid_argument",source="plain"} 1`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func BenchmarkAccept(b *testing.B) {
	d := newDesk(b, func(c *ingest.Config) { c.Sources, c.Limits = nil, ingest.Limits{} })
	h := d.Handler()
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		body := strings.Replace(`{"specversion":"1.0","id":"ID","source":"/ci","type":"com.example.config.changed","subject":"config:shop/limits",`+
			`"time":"2026-03-01T03:09:00Z","data":{"entity":"config:shop/limits","before":{"rps":100,"burst":10},"after":{"rps":200,"burst":10},"summary":"raise the limit"}}`,
			"ID", strconv.Itoa(n), 1)
		r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/cloudevents+json")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 202 {
			b.Fatal(w.Body)
		}
	}
}
