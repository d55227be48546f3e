package index

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
)

// gated is a store that can be away. It is, until its gate is opened.
func gated(t testing.TB) (Cold, *enginetest.Gate) {
	t.Helper()
	e := enginetest.Start(t)
	w, r := e.Writer(), e.Reader()
	g := enginetest.NewGate(t, w.Addr[0])
	for _, o := range []*clickhouse.Options{w, r} {
		o.Addr = []string{g.Addr}
		o.DialContext = func(ctx context.Context, addr string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp4", addr)
		}
	}
	return Cold{Writer: cold.Config{Options: w}, Reader: cold.Config{Options: r}}, g
}

func TestBeforeTheEngineWasThereNothingIsAnswered(t *testing.T) {
	store, gate := gated(t)
	r := run(t, Config{Cold: store})
	ctx, v := t.Context(), whatchanged.View{AsOf: r.started}
	receipt, err := r.config.Log.Append(ctx, whatchanged.Delivery{Source: "test", Outcome: whatchanged.Accepted,
		Events: []whatchanged.Event{event("early", r.ago(time.Minute)), event("old", r.ago(9*time.Hour))}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Changes(ctx, v, whatchanged.Selection{})
	wants(t, "changes", err, whatchanged.ErrUnavailable)
	_, err = r.Watermark(ctx)
	wants(t, "watermark", err, whatchanged.ErrUnavailable)
	_, err = r.Known(ctx, []string{"early"})
	wants(t, "known", err, whatchanged.ErrUnavailable)
	wants(t, "await", r.Await(ctx, whatchanged.At(1)), whatchanged.ErrUnavailable)
	wants(t, "ping", r.Ping(ctx), whatchanged.ErrUnavailable)
	same(t, "loaded", r.Tiers(t.Context()).Loaded, false)

	gate.Open()
	<-r.Loaded()
	if err := r.Await(ctx, receipt.Position); err != nil {
		t.Fatal(err)
	}
	same(t, "once it is there", r.found(receipt.Position, whatchanged.Always, ""), "old early")
	if err := r.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
}

func TestWhileTheEngineIsAwayWhatIsHotIsAnswered(t *testing.T) {
	store, gate := gated(t)
	gate.Open()
	r := run(t, Config{Cold: store, Patience: 100 * time.Millisecond})
	ctx := t.Context()
	r.stored(r.told(event("old", r.ago(5*time.Hour))))
	r.clock.set(r.ago(-2 * time.Hour))
	if err := r.tidy(ctx); err != nil { // memory forgets it
		t.Fatal(err)
	}
	gate.Shut()
	late, now := event("late", r.ago(4*time.Hour)), event("now", r.ago(-90*time.Minute))
	p := r.told(late, now)
	recent := whatchanged.Interval{From: r.ago(-time.Hour), To: r.ago(-2 * time.Hour)}
	same(t, "what is hot", r.found(p, recent, ""), "now")
	v := whatchanged.View{AsOf: recent.To, KnownAt: p}
	ask := func(s whatchanged.Selection) error {
		_, err := r.Changes(ctx, v, s)
		return err
	}
	wants(t, "what is cold", ask(whatchanged.Selection{Interval: whatchanged.Always}), whatchanged.ErrUnavailable)
	wants(t, "an id from the cold past", ask(whatchanged.Selection{IDs: []string{"old"}, Limit: 1}), whatchanged.ErrUnavailable)
	_, err := r.Known(ctx, []string{"old", "now"})
	wants(t, "whether something old is known", err, whatchanged.ErrUnavailable)
	wants(t, "ping", r.Ping(ctx), whatchanged.ErrUnavailable)

	if err := ask(whatchanged.Selection{IDs: []string{"late", "now"}, Limit: 2}); err != nil {
		t.Errorf("ids that memory holds: %v", err)
	}
	found, err := r.Entities(ctx, v, whatchanged.EntitySelection{Limit: 9})
	if err != nil || len(found) != 1 {
		t.Errorf("entities: %v, %v", found, err)
	}
	known, err := r.Known(ctx, []string{"late", "now"})
	if err != nil || len(known) != 2 {
		t.Errorf("known: %v, %v", known, err)
	}
	bodies, err := r.Deliveries(ctx, v, []uint64{p.Sequence, 1, p.Sequence})
	if err != nil || len(bodies) != 2 || string(bodies[1].Body) != "2" || bodies[1].Events != nil {
		t.Errorf("deliveries that the log still has: %v, %v", bodies, err)
	}
	_, err = r.Deliveries(ctx, v, []uint64{999})
	if err != nil { // it lies beyond what the view knows
		t.Errorf("a delivery that nobody knows: %v", err)
	}

	gate.Open()
	r.stored(p)
	same(t, "once it is back", r.found(p, whatchanged.Always, ""), "old late now")
	if n := eventRows(t, r); n != 3 {
		t.Errorf("%d events are stored, want 3", n)
	}
}

// eventRows counts what is stored, without looking at what is known.
func eventRows(t testing.TB, r *running) int {
	t.Helper()
	conn, err := clickhouse.Open(r.config.Cold.Reader.Options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM events").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return int(n)
}
