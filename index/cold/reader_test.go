package cold

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/indextest"
)

func TestTheReaderMayNotWrite(t *testing.T) {
	s := newStore(t)
	r := s.openReader(t)
	for _, statement := range []string{"INSERT INTO corrections VALUES ('a', 1, 1, 1)", "DROP TABLE events", "SELECT * FROM file('/etc/passwd', 'LineAsString')"} {
		if err := r.conn.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s was allowed", statement)
		}
	}
}

func TestADeadlineEndsTheQuery(t *testing.T) {
	s := newStore(t)
	r, err := OpenReader(t.Context(), Config{Options: s.reader, MaxTime: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	begun := time.Now()
	_, err = r.count(t.Context(), "forever", &query{text: "SELECT count() FROM numbers_mt(1000000000000) WHERE sipHash64(number) = 1"})
	if whatchanged.CodeOf(err) != whatchanged.CodeUnavailable {
		t.Errorf("error is %v, want UNAVAILABLE", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestNobodyThereIsUnavailable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = OpenReader(t.Context(), Config{Options: &clickhouse.Options{Addr: []string{l.Addr().String()}}})
	if !errors.Is(err, whatchanged.ErrUnavailable) {
		t.Errorf("error is %v, want ErrUnavailable", err)
	}
	if strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("the message %q tells of the inside", err)
	}
}

func TestAFaultOfOursIsInternal(t *testing.T) {
	r := newStore(t).openReader(t)
	_, err := r.count(t.Context(), "wrong", &query{text: "SELECT nothing FROM nowhere"})
	if err == nil || whatchanged.CodeOf(err) != whatchanged.CodeInternal {
		t.Errorf("error is %v, want INTERNAL", err)
	}
}

func TestEveryQueryIsTracedAndMeasured(t *testing.T) {
	s := newStore(t)
	write(t, s.openWriter(t), indextest.World(3, 50))
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	r, err := OpenReader(t.Context(), Config{Options: s.reader,
		Tracer: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)), Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	v := whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(50)}
	if _, err := r.Changes(t.Context(), v, whatchanged.Selection{Limit: 1}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, span := range spans.Ended() {
		names = append(names, span.Name())
		if span.Name() == "index.changes" && !slices.ContainsFunc(span.Attributes(), func(a attribute.KeyValue) bool {
			return a.Key == "db.clickhouse.rows_read" && a.Value.AsInt64() > 0
		}) {
			t.Errorf("the span does not say how many rows were read: %v", span.Attributes())
		}
	}
	if want := []string{"index.watermark", "index.changes", "index.corrections", "index.changesTotal"}; !slices.Equal(names, want) {
		t.Errorf("spans %v, want %v", names, want)
	}
	if n := measured(t, reader); n != 4 {
		t.Errorf("%d queries measured, want 4", n)
	}
}

func measured(t *testing.T, r *sdkmetric.ManualReader) (n uint64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				n += p.Count
			}
		}
	}
	return n
}

func TestParseDSN(t *testing.T) {
	opts, err := ParseDSN("clickhouse://ann:secret@db.example.com:9000")
	if err != nil || opts.Auth.Database != "whatchanged" || opts.Auth.Username != "ann" {
		t.Errorf("%+v, %v", opts, err)
	}
	for _, dsn := range []string{"", "nonsense", "http://ann:secret@db:8123/x", "clickhouse://ann:sec ret@[::/x"} {
		_, err := ParseDSN(dsn)
		if !errors.Is(err, whatchanged.ErrInvalid) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: error is %v, want ErrInvalid without the password", dsn, err)
		}
	}
}

// TestDamageIsTold: whoever can have it repaired hears of it, and the asker
// hears that it will pass.
func TestDamageIsTold(t *testing.T) {
	told := 0
	r, err := OpenReader(t.Context(), Config{Options: newStore(t).reader, Damaged: func() { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	damage := &query{text: "SELECT throwIf(1, 'Empty marks file', 246::Int16) SETTINGS allow_custom_error_code_in_throwif = 1"}
	if _, err := r.count(t.Context(), "damage", damage); !errors.Is(err, whatchanged.ErrUnavailable) || told != 1 {
		t.Errorf("told %d times, error %v", told, err)
	}
	if _, err := r.count(t.Context(), "other", &query{text: "SELECT throwIf(1)"}); errors.Is(err, whatchanged.ErrUnavailable) || err == nil || told != 1 {
		t.Errorf("of another failure told %d times, error %v", told, err)
	}
}
