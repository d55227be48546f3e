package cold

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
	"whatchanged.dev/whatchanged/index/indextest"
)

// golden compares text with a file under testdata, which -update rewrites.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", file, diff)
	}
}

func TestLayouts(t *testing.T) {
	for name, layout := range map[string]Layout{"single": {}, "cluster": {Cluster: "prod"}} {
		t.Run(name, func(t *testing.T) {
			all, err := migrations(layout)
			if err != nil {
				t.Fatal(err)
			}
			record, err := render("migrations.sql", layout)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			text.WriteString(strings.Join(statements(record), ";\n\n") + ";\n")
			for _, m := range all {
				text.WriteString("\n-- " + m.name + "\n" + strings.Join(statements(m.text), ";\n\n") + ";\n")
			}
			golden(t, "schema."+name+".sql", text.String())
		})
	}
}

func TestMigrateAgainDoesNothing(t *testing.T) {
	s := newStore(t)
	for range 2 {
		if err := Migrate(t.Context(), s.writer, Layout{}); err != nil {
			t.Fatal(err)
		}
	}
	r := s.openReader(t)
	var n uint64
	if err := r.conn.QueryRow(t.Context(), "SELECT count() FROM migrations").Scan(&n); err != nil || n != 4 {
		t.Errorf("%d rows in migrations, %v; want 4", n, err)
	}
}

func TestTwoProcessesMigrateAtOnce(t *testing.T) {
	e := enginetest.Start(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := Migrate(t.Context(), e.Writer(), Layout{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if err := Migrate(t.Context(), e.Writer(), Layout{}); err != nil {
		t.Error(err)
	}
}

func TestChangedMigrationIsRefused(t *testing.T) {
	s := newStore(t)
	conn, err := dial(t.Context(), s.writer)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	all, err := migrations(Layout{})
	if err != nil {
		t.Fatal(err)
	}
	all[0].checksum = "another"
	if err := migrate(t.Context(), conn, Layout{}, all); err == nil || !strings.Contains(err.Error(), all[0].name) {
		t.Errorf("error is %v, want a refusal of %s", err, all[0].name)
	}
}

func TestReplicationIsRefusedWithoutKeeper(t *testing.T) {
	s := newStore(t)
	err := Migrate(t.Context(), s.writer, Layout{Cluster: "prod"})
	if !errors.Is(err, whatchanged.ErrInvalid) {
		t.Errorf("error is %v, want ErrInvalid", err)
	}
}

func TestCommentsAreNoPartOfAStatement(t *testing.T) {
	got := statements("-- why; really\nCREATE a ( -- b\n  c\n);\n\n-- d\nCREATE e;\n")
	if diff := cmp.Diff([]string{"CREATE a (\n  c\n)", "CREATE e"}, got); diff != "" {
		t.Error(diff)
	}
}

// What a database held before there were places is placed as the writer would
// have.
func TestEventsFromBeforePlacesArePlaced(t *testing.T) {
	s := newStore(t)
	w := s.openWriter(t)
	log := indextest.World(3, 200)
	write(t, w, log)
	read := func() []Place {
		snap, err := s.openReader(t).Snapshot(t.Context(), whatchanged.MinTime, whatchanged.Position{})
		if err != nil {
			t.Fatal(err)
		}
		return slices.SortedFunc(slices.Values(collect(t, snap.Places(t.Context()))), func(a, b Place) int {
			return strings.Compare(a.Entity.String()+" "+a.Environment+" "+a.Region, b.Entity.String()+" "+b.Environment+" "+b.Region)
		})
	}
	want := read()
	all, err := migrations(Layout{})
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range append([]string{"DROP TABLE places"}, statements(all[1].text)...) {
		if err := w.conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// What a database held before it was kept who told of what is known as the
// writer would have kept it.
func TestEventsFromBeforeTellersHaveThem(t *testing.T) {
	s := newStore(t)
	w := s.openWriter(t)
	write(t, w, indextest.World(3, 200))
	read := func() []string {
		snap := must[*Snapshot](t)(s.openReader(t).Snapshot(t.Context(), whatchanged.MinTime, whatchanged.Position{}))
		var all []string
		for _, at := range collect(t, snap.Tellers(t.Context())) {
			all = append(all, fmt.Sprint(at))
		}
		slices.Sort(all)
		return all
	}
	want := read()
	for _, statement := range append([]string{"DROP TABLE tellers"}, statements(must[[]migration](t)(migrations(Layout{}))[2].text)...) {
		if err := w.conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
