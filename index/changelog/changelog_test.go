package changelog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
)

func open(t testing.TB, c changelog.Config) *changelog.Log {
	t.Helper()
	if c.Dir == "" && c.URL == "" {
		c.Dir = t.TempDir()
	}
	l, err := changelog.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// cluster starts a JetStream server that several logs can share.
func cluster(t testing.TB) (url string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), MaxPayload: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("server does not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s.ClientURL()
}

// of returns a delivery of events with the given ids.
func of(ids ...string) whatchanged.Delivery {
	d := whatchanged.Delivery{Source: "test", Outcome: whatchanged.Accepted, Body: []byte(fmt.Sprint(ids))}
	for _, id := range ids {
		d.Events = append(d.Events, whatchanged.Event{
			ID: id, Source: "test", Kind: whatchanged.Config,
			Entity: whatchanged.Ref{Kind: "config", Namespace: "default", Name: "a"},
			After:  whatchanged.Value(`{"n":1}`), EffectiveAt: time.Unix(1e9, 0).UTC(), Clock: whatchanged.SourceClock,
		})
	}
	return d
}

func add(t testing.TB, l *changelog.Log, d whatchanged.Delivery) whatchanged.Receipt {
	t.Helper()
	r, err := l.Append(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told is what reading gives, in short: "1.0 a".
func told(ds []whatchanged.Delivery) (all []string) {
	for _, d := range ds {
		for _, e := range d.Events {
			all = append(all, fmt.Sprintf("%d.%d %s", e.Position.Sequence, e.Position.Index, e.Identity()))
		}
	}
	return all
}

// tail reads from a sequence until delivery to has come.
func tail(t testing.TB, l *changelog.Log, from, to uint64) (all []whatchanged.Delivery) {
	t.Helper()
	done := errors.New("done")
	err := l.Tail(t.Context(), from, func(batch []whatchanged.Delivery) error {
		all = append(all, batch...)
		if batch[len(batch)-1].Sequence >= to {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsReadIsWhatWasAppended(t *testing.T) {
	l := open(t, changelog.Config{})
	d := of("a", "b")
	d.Type, d.ID, d.Header, d.Body = "push", "id-1", map[string]string{"x-event": "push"}, []byte("{\"a\":\n\x00\xff}\n")
	d.Events[1].Clock = whatchanged.ArrivalClock
	d.Events[1].Revision = 2
	r := add(t, l, d)
	if want := whatchanged.At(1); r.Position != want || r.Duplicate {
		t.Errorf("receipt %+v, want %v, the first", r, want)
	}
	got := tail(t, l, 0, 1)
	seq, at, err := l.Last(t.Context())
	if err != nil || seq != 1 || !at.Equal(got[0].ReceivedAt) {
		t.Errorf("Last = %d %v %v, want 1 at %v", seq, at, err, got[0].ReceivedAt)
	}
	want := d
	want.Sequence, want.ReceivedAt = 1, at
	for i := range want.Events {
		want.Events[i].Position = whatchanged.Position{Sequence: 1, Index: uint32(i)}
		want.Events[i].SeenAt = at
	}
	want.Events[1].EffectiveAt = at // no time told: when we learned of it
	if diff := cmp.Diff([]whatchanged.Delivery{want}, got); diff != "" {
		t.Error(diff)
	}
	read, err := l.Read(t.Context(), 1, 2)
	if diff := cmp.Diff(got, read); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestRedeliveries(t *testing.T) {
	ignored := whatchanged.Delivery{Source: "test", Outcome: whatchanged.Ignored, Body: []byte("x")}
	rejected := ignored
	rejected.Outcome = whatchanged.Rejected
	other := of("a")
	other.Source = "other"
	resent := of("b", "a") // the same events in another order and another body
	corrected := of("a", "b")
	corrected.Events[0].Revision = 1

	dir := t.TempDir()
	l := open(t, changelog.Config{Dir: dir})
	for _, d := range []whatchanged.Delivery{of("a", "b"), ignored, rejected, other} {
		if add(t, l, d).Duplicate {
			t.Fatalf("%v is a duplicate at first", d)
		}
	}
	cases := map[string]struct {
		d    whatchanged.Delivery
		want whatchanged.Receipt
	}{
		"same events":             {of("a", "b"), whatchanged.Receipt{Position: whatchanged.At(1), Duplicate: true}},
		"same events, reordered":  {resent, whatchanged.Receipt{Position: whatchanged.At(1), Duplicate: true}},
		"same body, no event":     {ignored, whatchanged.Receipt{Position: whatchanged.At(2), Duplicate: true}},
		"same body, other fate":   {rejected, whatchanged.Receipt{Position: whatchanged.At(3), Duplicate: true}},
		"same id, other source":   {other, whatchanged.Receipt{Position: whatchanged.At(4), Duplicate: true}},
		"a correction is not one": {corrected, whatchanged.Receipt{Position: whatchanged.At(5)}},
	}
	check := func(name string) {
		got := add(t, l, cases[name].d)
		if got != cases[name].want {
			t.Errorf("%s: %+v, want %+v", name, got, cases[name].want)
		}
	}
	for name := range cases {
		check(name)
	}
	l.Close()
	l = open(t, changelog.Config{Dir: dir})
	for name, c := range cases {
		if c.want.Duplicate {
			check(name)
		}
	}
	if last, _, _ := l.Last(t.Context()); last != 5 {
		t.Errorf("after a restart the log ends at %d, want 5", last)
	}
}

func TestTheSieveDropsWhatComesInOtherCompany(t *testing.T) {
	l := open(t, changelog.Config{})
	add(t, l, of("a", "b", "b"))
	add(t, l, of("c"))
	add(t, l, of("d", "b", "c"))
	add(t, l, of("c", "d"))
	add(t, l, of("e", "a"))
	want := []string{"1.0 a", "1.1 b", "2.0 c", "3.0 d", "5.0 e"}
	if diff := cmp.Diff(want, told(tail(t, l, 1, 5))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[3:], told(tail(t, l, 3, 5))); diff != "" {
		t.Errorf("from the middle: %s", diff)
	}
}

func TestAFullLogRefuses(t *testing.T) {
	l := open(t, changelog.Config{MaxBytes: 64 << 10})
	var err error
	last := uint64(0)
	for i := 0; err == nil && i < 100; i++ {
		d := of(fmt.Sprint(i))
		d.Body = noise(8 << 10)
		var r whatchanged.Receipt
		if r, err = l.Append(t.Context(), d); err == nil {
			last = r.Position.Sequence
		}
	}
	if !errors.Is(err, whatchanged.ErrUnavailable) {
		t.Fatalf("error %v, want unavailable", err)
	}
	first, _ := l.First(t.Context())
	if got := tail(t, l, 1, last); first != 1 || len(got) != int(last) {
		t.Errorf("it kept %d from %d on, want all %d", len(got), first, last)
	}
}

func TestTooLarge(t *testing.T) {
	d := of("a")
	d.Body = noise(3 << 20)
	for name, l := range map[string]*changelog.Log{
		"embedded": open(t, changelog.Config{MaxPayload: 1 << 20}),
		"cluster":  open(t, changelog.Config{URL: cluster(t)}),
	} {
		if _, err := l.Append(t.Context(), d); !errors.Is(err, whatchanged.ErrTooLarge) {
			t.Errorf("%s: %v, want too large", name, err)
		}
	}
}

func TestPurge(t *testing.T) {
	now := time.Now()
	l := open(t, changelog.Config{Now: func() time.Time { return now }})
	for i := range 10 {
		add(t, l, of(fmt.Sprint(i)))
	}
	firstAfter := func(before uint64) uint64 {
		if err := l.Purge(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		first, err := l.First(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	if got := firstAfter(6); got != 1 {
		t.Errorf("purged to %d within the duplicate window", got)
	}
	now = now.Add(3 * time.Hour)
	if got := firstAfter(6); got != 6 {
		t.Errorf("first is %d, want 6", got)
	}
	err := l.Tail(t.Context(), 3, func([]whatchanged.Delivery) error { return nil })
	if !errors.Is(err, whatchanged.ErrCursorExpired) {
		t.Errorf("tail from a purged position: %v", err)
	}
	if got := len(tail(t, l, 6, 10)); got != 5 {
		t.Errorf("%d deliveries left, want 5", got)
	}
	if got := firstAfter(11); got != 11 {
		t.Errorf("first is %d, want 11", got)
	}
	if r := add(t, l, of("new")); r.Position.Sequence != 11 {
		t.Errorf("sequence %d after a purge, want 11", r.Position.Sequence)
	}
}

func TestTailGoesOn(t *testing.T) {
	l := open(t, changelog.Config{})
	ctx, stop := context.WithCancel(t.Context())
	got, ended := make(chan string, 100), make(chan error, 1)
	go func() {
		ended <- l.Tail(ctx, 1, func(batch []whatchanged.Delivery) error {
			for _, s := range told(batch) {
				got <- s
			}
			return nil
		})
	}()
	running := 0
	for i := range 100 {
		add(t, l, of(fmt.Sprint(i)))
		if s, want := <-got, fmt.Sprintf("%d.0 %d", i+1, i); s != want {
			t.Fatalf("got %s, want %s", s, want)
		}
		if i == 10 { // all that is needed runs
			running = runtime.NumGoroutine()
		}
	}
	if more := runtime.NumGoroutine() - running; more > 45 {
		t.Errorf("%d goroutines were started for 89 deliveries", more)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	return bytes.Map(func(rune) rune { return rune(r.IntN(0x60) + 0x20) }, bytes.Repeat([]byte("."), n))
}

// TestALogClosesWhileItIsRead: a reader that unpacks a message just then is no
// reason to panic.
func TestALogClosesWhileItIsRead(t *testing.T) {
	url := cluster(t)
	l := open(t, changelog.Config{URL: url})
	big := of("big")
	big.Body = bytes.Repeat([]byte("0123456789abcdef"), 1<<15) // takes a while to unpack
	for i := range 50 {
		big.Events[0].ID = fmt.Sprint(i)
		add(t, l, big)
	}
	for range 20 {
		reader := open(t, changelog.Config{URL: url})
		started, done := make(chan struct{}), make(chan error, 1)
		first := sync.OnceFunc(func() { close(started) })
		go func() {
			done <- reader.Tail(t.Context(), 1, func([]whatchanged.Delivery) error { first(); return nil })
		}()
		<-started
		reader.Close()
		if err := <-done; err == nil {
			t.Error("reading goes on")
		}
	}
}

func TestAClusterThatCannotBeReachedIsNoFaultOfOurs(t *testing.T) {
	for address, want := range map[string]error{
		"nats://user:pw%zzhunter2@127.0.0.1:4222": whatchanged.ErrInvalid,
		"nats://user:hunter2@127.0.0.1:1":         whatchanged.ErrUnavailable,
	} {
		_, err := changelog.Open(t.Context(), changelog.Config{URL: address})
		if !errors.Is(err, want) || strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s: %v, want %v and no password", address, err, want)
		}
	}
}
