package index

import (
	"log/slog"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
	"whatchanged.dev/whatchanged/resolvers"
)

// What was set long ago and holds now is in memory, with what was before it,
// as its change says: nothing is asked of ClickHouse, which may be away.
func TestTheValueNowNeedsNoHistory(t *testing.T) {
	set := func(id, before, after string, ago time.Duration) whatchanged.Event {
		e := event(id, noon.Add(-ago))
		e.Before, e.After = whatchanged.Value(before), whatchanged.Value(after)
		return e
	}
	const day = 24 * time.Hour
	log := received(noon.Add(-time.Hour), set("first", "0", "1", 90*day), set("second", "1", "2", 60*day))
	s := shape{before: dawn, horizon: func([]whatchanged.Delivery) time.Time { return noon.Add(-2 * day) }}
	x := s.open(t, newLog(t, changelog.Config{}), log).(*Index)
	x.reader.Store(nil)
	r, err := resolvers.New(resolvers.Config{Index: x, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler),
		Tracer: tracenoop.NewTracerProvider(), Meter: metricnoop.NewMeterProvider()})
	if err != nil {
		t.Fatal(err)
	}
	ctx := resolvers.WithViewer(t.Context(), resolvers.Viewer{Who: "ann"})
	a, err := r.Config(ctx, resolvers.ConfigInput{Key: []string{"config:shop/limits"}, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if v := a.Items[0]; v.ID != "second" || v.Value.String() != "2" || v.Previous.Value.String() != "1" {
		t.Errorf("got %+v", v)
	}
	then := whatchanged.WhenAt(noon.Add(-70 * day))
	_, err = r.Config(ctx, resolvers.ConfigInput{Key: []string{"config:shop/limits"}, AsOf: &then, Limit: 1})
	wants(t, "what held long ago", err, whatchanged.ErrUnavailable)
}
