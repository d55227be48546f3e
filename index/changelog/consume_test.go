package changelog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
)

// A store is what several writers write to: it keeps what it is given once,
// as [changelog.Writer] asks of it.
type store struct {
	mu     sync.Mutex
	events []string
	last   uint64
	fail   func(batch []whatchanged.Delivery) (before, after error)
	grown  chan struct{} // has room for one
	faults []string
}

func newStore() *store { return &store{grown: make(chan struct{}, 1)} }

func (s *store) Write(_ context.Context, batch []whatchanged.Delivery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var before, after error
	if s.fail != nil {
		before, after = s.fail(batch)
	}
	if before != nil {
		return before
	}
	for _, d := range batch {
		switch {
		case d.Sequence <= s.last:
			continue // of a batch that was stored though its writer did not learn it
		case d.Sequence != s.last+1:
			s.faults = append(s.faults, fmt.Sprintf("%d follows %d", d.Sequence, s.last))
		}
		s.last = d.Sequence
		s.events = append(s.events, told([]whatchanged.Delivery{d})...)
	}
	select {
	case s.grown <- struct{}{}:
	default:
	}
	return after
}

func (s *store) Watermark(context.Context) (whatchanged.Watermark, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return whatchanged.Watermark{Position: whatchanged.At(s.last)}, nil
}

// await returns when everything up to a sequence is stored.
func (s *store) await(t testing.TB, sequence uint64) {
	t.Helper()
	for {
		s.mu.Lock()
		last := s.last
		s.mu.Unlock()
		if last >= sequence {
			return
		}
		select {
		case <-s.grown:
		case <-time.After(30 * time.Second):
			t.Fatalf("stored up to %d, want %d", last, sequence)
		}
	}
}

// check compares what is stored with what the log tells.
func (s *store) check(t testing.TB, l *changelog.Log) {
	t.Helper()
	last, _, err := l.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.await(t, last)
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(told(tail(t, l, 1, last)), s.events); diff != "" {
		t.Errorf("stored and told differ (-told +stored):\n%s", diff)
	}
	if len(s.faults) > 0 {
		t.Error(s.faults)
	}
}

// A worker is one process that would write.
func work(t testing.TB, l *changelog.Log, w changelog.Writer) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = l.Consume(ctx, w) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

var quick = changelog.Config{
	Pinned: 600 * time.Millisecond,
	Batch:  changelog.Batch{Deliveries: 7, Linger: 2 * time.Millisecond},
}

func fill(t testing.TB, l *changelog.Log, from, to int) {
	for i := from; i < to; i++ {
		add(t, l, of(fmt.Sprint(i), fmt.Sprint(i/2), fmt.Sprint(i+1))) // most of them told before
	}
}

func TestTheWriterStoresEachPositionOnceAndInOrder(t *testing.T) {
	c := quick
	c.Dir = t.TempDir()
	l := open(t, c)
	s := newStore()
	fill(t, l, 0, 60)
	stop := work(t, l, s)
	fill(t, l, 60, 100)
	s.check(t, l)
	stop()
	fill(t, l, 100, 120)
	l.Close()

	l = open(t, c) // a restart of all
	work(t, l, s)
	fill(t, l, 120, 140)
	s.check(t, l)
}

func TestFailedWritesAreTriedAgainCutTheSameWay(t *testing.T) {
	l := open(t, quick)
	s := newStore()
	fill(t, l, 0, 40)
	var cuts []string
	n := 0
	s.fail = func(batch []whatchanged.Delivery) (before, after error) {
		n++
		cuts = append(cuts, fmt.Sprint(batch[0].Sequence, "-", batch[len(batch)-1].Sequence, told(batch)))
		switch n % 3 {
		case 1:
			return errors.New("not stored"), nil
		case 2:
			return nil, errors.New("stored, but the writer does not learn it")
		}
		return nil, nil
	}
	work(t, l, s)
	s.check(t, l)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i+2 < len(cuts); i += 3 {
		if cuts[i] != cuts[i+1] || cuts[i] != cuts[i+2] {
			t.Errorf("one batch was cut in several ways:\n%s", strings.Join(cuts[i:i+3], "\n"))
		}
	}
}

func TestOneProcessWritesAndAnotherTakesOver(t *testing.T) {
	c := quick
	c.URL = cluster(t)
	s := newStore()
	var writers []string
	named := func(name string) changelog.Writer {
		return writing{s, func(ctx context.Context, batch []whatchanged.Delivery) error {
			s.mu.Lock()
			writers = append(writers, name)
			s.mu.Unlock()
			return s.Write(ctx, batch)
		}}
	}
	a, b := open(t, c), open(t, c)
	stopA := work(t, a, named("a"))
	fill(t, a, 0, 20)
	s.check(t, a)
	work(t, b, named("b"))
	fill(t, b, 20, 40)
	s.check(t, b)
	stopA()
	fill(t, b, 40, 60)
	s.check(t, b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := slices.Compact(writers); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("writers took turns: %v, want a then b", got)
	}
}

// A writer that is told to end leaves nothing for its successor to wait for:
// neither its pin nor what it had begun.
func TestAWriterThatEndsMakesRoomAtOnce(t *testing.T) {
	url, s := cluster(t), newStore()
	begun := make(chan struct{}, 1)
	s.fail = func([]whatchanged.Delivery) (error, error) {
		select {
		case begun <- struct{}{}:
		default:
		}
		return errors.New("away"), nil
	}
	open := func() *changelog.Log { return open(t, changelog.Config{URL: url, Pinned: time.Hour}) }
	l := open()
	stop := work(t, l, s)
	add(t, l, of("a"))
	<-begun
	stop()
	s.mu.Lock()
	s.fail = nil
	s.mu.Unlock()
	work(t, open(), s)
	s.check(t, l)
}

// A process that stores a batch and dies before it acknowledges it, with more
// messages in hand: its successor must neither repeat nor miss any.
func TestACrashBetweenStoringAndAcknowledging(t *testing.T) {
	c := quick
	c.URL = cluster(t)
	s := newStore()
	a, b := open(t, c), open(t, c)
	fill(t, a, 0, 30)
	crash := make(chan struct{})
	var once sync.Once
	s.fail = func(batch []whatchanged.Delivery) (before, after error) {
		once.Do(func() { close(crash); after = errors.New("the process is gone") })
		return before, after
	}
	work(t, a, s)
	<-crash
	a.Close() // takes the connection away under it
	work(t, b, s)
	fill(t, b, 30, 50)
	s.check(t, b)
}

// A writer that hangs loses its pin; it must end before another begins.
func TestAWriteEndsBeforeAnotherProcessMayWrite(t *testing.T) {
	c := quick
	c.URL = cluster(t)
	s := newStore()
	a, b := open(t, c), open(t, c)
	var running, most atomic.Int32
	counted := func(write func(context.Context, []whatchanged.Delivery) error) writeFunc {
		return func(ctx context.Context, batch []whatchanged.Delivery) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			return write(ctx, batch)
		}
	}
	began := make(chan struct{}, 1)
	hangs := counted(func(ctx context.Context, _ []whatchanged.Delivery) error {
		select {
		case began <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	})
	fill(t, a, 0, 10)
	stop := work(t, a, writing{s, hangs})
	<-began
	work(t, b, writing{s, counted(s.Write)})
	stop()
	s.check(t, b)
	if most.Load() != 1 {
		t.Errorf("%d writes at once", most.Load())
	}
}

type writeFunc func(context.Context, []whatchanged.Delivery) error

// writing is a store that is written to in another way.
type writing struct {
	*store
	write writeFunc
}

func (w writing) Write(ctx context.Context, batch []whatchanged.Delivery) error {
	return w.write(ctx, batch)
}

// Memory that was wiped, or a log that goes further back than the last
// acknowledgement, is filled from the stream.
func TestAGapIsReadFromTheStream(t *testing.T) {
	l := open(t, quick)
	s := newStore()
	fill(t, l, 0, 250)
	stop := work(t, l, s)
	s.check(t, l)
	stop()
	empty := newStore()
	work(t, l, empty)
	fill(t, l, 250, 260)
	empty.check(t, l)
}

func TestHistoryOfAnotherLogIsNotContinued(t *testing.T) {
	l := open(t, quick)
	s := newStore()
	s.last = 100
	fill(t, l, 0, 3)
	if err := l.Consume(t.Context(), s); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Error(err)
	}
	err := l.Tail(t.Context(), 101, func([]whatchanged.Delivery) error { return nil })
	if !errors.Is(err, whatchanged.ErrUnavailable) {
		t.Error(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, sync := range []changelog.Sync{changelog.SyncAlways, changelog.SyncInterval} {
		for _, clients := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/%d", sync, clients), func(b *testing.B) {
				l := open(b, changelog.Config{Sync: sync})
				body := noise(1500)
				b.SetParallelism(clients / 2)
				var n counter
				one := func() {
					d := of(fmt.Sprint(n.next()))
					d.Body = body
					add(b, l, d)
				}
				b.ReportAllocs()
				b.ResetTimer()
				if clients == 1 {
					for range b.N {
						one()
					}
				} else {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							one()
						}
					})
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			})
		}
	}
}

func BenchmarkTail(b *testing.B) {
	l := open(b, changelog.Config{Sync: changelog.SyncInterval})
	const n = 20_000
	body := noise(1500)
	for i := range n {
		d := of(fmt.Sprint(i))
		d.Body = body
		add(b, l, d)
	}
	for b.Loop() {
		tail(b, l, 1, n)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "deliveries/s")
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}
