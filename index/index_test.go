package index

import (
	"os"
	"slices"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
	"whatchanged.dev/whatchanged/index/cold"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
	"whatchanged.dev/whatchanged/index/indextest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// A shape is a way to come to have seen a log: when the horizon lies where, and
// how much came while the index was up.
type shape struct {
	name    string
	horizon func([]whatchanged.Delivery) time.Time // when all is loaded
	before  func([]whatchanged.Delivery) time.Time // when the first part was; the same if nil
	tailed  func([]whatchanged.Delivery) int       // how many came after loading
}

var shapes = []shape{
	{name: "all hot", horizon: dawn},
	{name: "all cold", horizon: dusk},
	{name: "horizon amid effects", horizon: amidEffects},
	{name: "horizon amid arrivals", horizon: amidArrivals},
	{name: "tailed, horizon amid arrivals", horizon: amidArrivals, tailed: half},
	{name: "tailed from nothing, horizon amid arrivals", horizon: amidArrivals, tailed: all},
	{name: "horizon moved amid effects", before: dawn, horizon: amidEffects},
	{name: "horizon moved amid arrivals", before: dawn, horizon: amidArrivals, tailed: half},
	{name: "horizon moved beyond everything", before: amidEffects, horizon: dusk, tailed: half},
}

func dawn([]whatchanged.Delivery) time.Time { return whatchanged.MinTime }
func dusk([]whatchanged.Delivery) time.Time { return whatchanged.MaxTime }

func amidEffects(log []whatchanged.Delivery) time.Time {
	var times []time.Time
	for _, d := range log {
		for _, e := range d.Events {
			times = append(times, e.EffectiveAt)
		}
	}
	return median(times)
}

func amidArrivals(log []whatchanged.Delivery) time.Time {
	var times []time.Time
	for _, d := range log {
		times = append(times, d.ReceivedAt)
	}
	return median(times)
}

func median(times []time.Time) time.Time {
	if len(times) == 0 {
		return whatchanged.MinTime
	}
	slices.SortFunc(times, time.Time.Compare)
	return times[len(times)/2]
}

func all(log []whatchanged.Delivery) int  { return len(log) }
func half(log []whatchanged.Delivery) int { return len(log) / 2 }

func TestTheTiersTogether(t *testing.T) {
	changes := newLog(t, changelog.Config{})
	for i, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			open := func(t *testing.T, log []whatchanged.Delivery) indextest.Index { return s.open(t, changes, log) }
			indextest.Run(t, open, indextest.Options{Seed: int64(i + 1), Questions: 25})
		})
	}
}

// open brings an index into the shape. The deliveries carry their positions
// and times already, so they do not come through the change log.
func (s shape) open(t *testing.T, changes *changelog.Log, log []whatchanged.Delivery) indextest.Index {
	clock := &clock{now: s.horizon(log)}
	if s.before != nil {
		clock.now = s.before(log)
	}
	const keep = time.Hour
	x := newIndex(t, Config{Log: changes, Cold: newStore(t), Keep: keep, Patience: time.Millisecond,
		Now: func() time.Time { return clock.Now().Add(keep) }})
	write := func(part []whatchanged.Delivery) {
		for batch := range slices.Chunk(part, 70) {
			if err := x.writer.Load().Write(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	loaded := len(log)
	if s.tailed != nil {
		loaded -= s.tailed(log)
	}
	write(log[:loaded])
	loadAll(t, x)
	for batch := range slices.Chunk(log[loaded:], 3) {
		x.hot.Load().Apply(batch)
	}
	write(log[loaded:])
	clock.set(s.horizon(log))
	if err := x.tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	return x
}

// newStore returns a new, empty database.
func newStore(t testing.TB) Cold {
	t.Helper()
	e := enginetest.Start(t)
	return Cold{Writer: cold.Config{Options: e.Writer()}, Reader: cold.Config{Options: e.Reader()}}
}

// newLog opens a change log of the test's own.
func newLog(t testing.TB, c changelog.Config) *changelog.Log {
	t.Helper()
	c.Dir = t.TempDir()
	l, err := changelog.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// newIndex returns an index that is connected and neither loads nor runs.
func newIndex(t testing.TB, c Config) *Index {
	t.Helper()
	x, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.close)
	if err := x.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return x
}

// loadAll lets an index that does not run answer from all that is stored.
func loadAll(t testing.TB, x *Index) {
	t.Helper()
	tier, err := x.load(t.Context(), x.config.Keep)
	if err != nil {
		t.Fatal(err)
	}
	x.show(t.Context(), tier)
}
