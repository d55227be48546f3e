package cold

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/indextest"
)

// rows counts the rows of a table.
func rows(t *testing.T, r *Reader, table string) int {
	t.Helper()
	n, err := r.count(t.Context(), "rows", &query{text: "SELECT count() FROM " + table})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func eventsIn(log []whatchanged.Delivery) (n int) {
	for _, d := range log {
		n += len(d.Events)
	}
	return n
}

// holds fails the test unless the store holds a log, each row once.
func holds(t *testing.T, r *Reader, log []whatchanged.Delivery) {
	t.Helper()
	if n := rows(t, r, "events"); n != eventsIn(log) {
		t.Errorf("%d rows in events, want %d", n, eventsIn(log))
	}
	if n := rows(t, r, "deliveries"); n != len(log) {
		t.Errorf("%d rows in deliveries, want %d", n, len(log))
	}
	v := whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(uint64(len(log)))}
	s := whatchanged.Selection{Limit: 10_000}
	got, err := r.Changes(t.Context(), v, s)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := indextest.Oracle(log).Changes(t.Context(), v, s)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	for _, d := range []whatchanged.Direction{whatchanged.DependsOn, whatchanged.Dependents} {
		w := whatchanged.Walk{From: []whatchanged.Ref{{Kind: "service", Namespace: "shop", Name: "web"}}, Direction: d, Hops: 9, Limit: 99}
		got, err := r.Reach(t.Context(), v, w)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := indextest.Oracle(log).Reach(t.Context(), v, w)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("reach (-want +got):\n%s", diff)
		}
	}
}

// A writer may stop after any of its inserts. stop is how many of them went
// through; the log is then written again by a new writer, cut otherwise.
func TestAfterACrashEachEventIsStoredOnce(t *testing.T) {
	log := indextest.World(7, 60)
	for _, table := range []string{"deliveries", "corrections", "dependencies", "places"} {
		t.Run("before "+table, func(t *testing.T) {
			s := newStore(t)
			w := s.openWriter(t)
			write(t, w, log[:10])
			r := s.openReader(t)
			if err := w.conn.Exec(t.Context(), "RENAME TABLE "+table+" TO away"); err != nil {
				t.Fatal(err)
			}
			if err := w.Write(t.Context(), log[10:40]); err == nil {
				t.Fatal("the write did not fail")
			}
			if err := w.conn.Exec(t.Context(), "RENAME TABLE away TO "+table); err != nil {
				t.Fatal(err)
			}
			if n := rows(t, r, "events"); n != eventsIn(log[:40]) {
				t.Fatalf("%d rows in events, want %d: the failure came too early to tell", n, eventsIn(log[:40]))
			}
			again := s.openWriter(t)
			for part := range slices.Chunk(log, 25) {
				write(t, again, part)
			}
			holds(t, r, log)
		})
	}
}

func TestAWriterThatFailedWritesTheSameBatchAgain(t *testing.T) {
	log := indextest.World(7, 60)
	s := newStore(t)
	w := s.openWriter(t)
	if err := w.conn.Exec(t.Context(), "RENAME TABLE deliveries TO away"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Write(t.Context(), log); err == nil {
			t.Fatal("the write did not fail")
		}
	}
	if err := w.conn.Exec(t.Context(), "RENAME TABLE away TO deliveries"); err != nil {
		t.Fatal(err)
	}
	write(t, w, log)
	write(t, w, log)
	holds(t, s.openReader(t), log)
}

// The token alone must suffice where what is stored cannot be read yet: the
// first insert may still be on its way when the second is sent.
func TestTheSameInsertTwiceIsStoredOnce(t *testing.T) {
	log := indextest.World(7, 60)
	s := newStore(t)
	w := s.openWriter(t)
	for range 2 {
		if err := w.write(t.Context(), log, nil, false); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, s.openReader(t), log)
}

// TestRowsWhoseTokenAloneWasKeptAreStored: a server that is killed after it
// noted the token of an insert, and before it kept the rows, drops them when
// they are sent again; so they are looked for.
func TestRowsWhoseTokenAloneWasKeptAreStored(t *testing.T) {
	log := indextest.World(7, 60)
	s := newStore(t)
	write(t, s.openWriter(t), log)
	w := s.openWriter(t)
	for _, table := range []string{"events", "deliveries"} {
		if err := w.conn.Exec(t.Context(), "ALTER TABLE "+table+" DELETE WHERE 1 SETTINGS mutations_sync = 1"); err != nil {
			t.Fatal(err)
		}
	}
	write(t, w, log)
	holds(t, s.openReader(t), log)
}

func TestOutOfOrderIsRefused(t *testing.T) {
	log := indextest.World(7, 3)
	slices.Reverse(log)
	if err := newStore(t).openWriter(t).Write(t.Context(), log); err == nil {
		t.Error("a batch that is not in order was written")
	}
}

func TestPresent(t *testing.T) {
	log := indextest.World(7, 60)
	s := newStore(t)
	w := s.openWriter(t)
	write(t, w, log[:30])
	if err := w.conn.Exec(t.Context(), "RENAME TABLE deliveries TO away"); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), log[30:]); err == nil {
		t.Fatal("the write did not fail")
	}
	if err := w.conn.Exec(t.Context(), "RENAME TABLE away TO deliveries"); err != nil {
		t.Fatal(err)
	}
	want := Present{Watermark: 30, Events: map[whatchanged.Position]bool{}}
	for _, d := range log[30:] {
		for _, e := range d.Events {
			want.Events[e.Position] = true
		}
	}
	got, err := w.Present(t.Context(), 0)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestKnownAndRecent(t *testing.T) {
	log := indextest.World(7, 60)
	s := newStore(t)
	w := s.openWriter(t)
	write(t, w, log)
	want, ask := map[string]whatchanged.Position{}, []string{"none", "none#1"}
	var recent []string
	for _, d := range log {
		for i, e := range d.Events {
			if i == 0 {
				want[e.Identity()], ask = e.Position, append(ask, e.Identity())
			}
			if !e.SeenAt.Before(log[40].ReceivedAt) {
				recent = append(recent, e.Identity())
			}
		}
	}
	got, err := w.Known(t.Context(), ask)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("known: %v (-want +got):\n%s", err, diff)
	}
	seen, err := w.Recent(t.Context(), log[40].ReceivedAt)
	if diff := cmp.Diff(recent, seen, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" || err != nil {
		t.Errorf("recent: %v (-want +got):\n%s", err, diff)
	}
}
