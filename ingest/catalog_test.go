package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"whatchanged.dev/whatchanged"
)

// storedBefore is what an index would say after these events.
type storedBefore []whatchanged.Event

func (all storedBefore) Stored(_ context.Context, _ string, s whatchanged.Selection) (p whatchanged.Page, _ error) {
	seen := map[string]bool{} // only the last revision of an event is found
	for _, e := range slices.Backward(all) {
		if s.After == nil && !seen[e.ID] && (slices.Contains(s.Entities, e.Entity) || slices.Contains(s.IDs, e.ID)) {
			p.Events, seen[e.ID] = append(p.Events, &e), true
		}
	}
	return p, nil
}

// A catalogReading collects what is read.
type catalogReading struct {
	events []whatchanged.Event
	ids    map[string]bool
}

func (r *catalogReading) yield(t *testing.T) func([]whatchanged.Event) error {
	return func(events []whatchanged.Event) error {
		p := &Pipeline{Config: Config{Limits: Limits{}.withDefaults()}}
		p.redact = redactor{key: []byte("key"), limits: p.Limits}
		if err := p.canonical(events[0].Source, events); err != nil {
			t.Error(err)
		}
		for _, e := range events {
			if fault := unfit(e); fault != "" || r.ids[e.ID] {
				t.Errorf("%s: known %t, %s", e.ID, r.ids[e.ID], fault)
			}
			r.ids[e.ID] = true
			r.events = append(r.events, e)
		}
		return nil
	}
}

// catalogLines writes what matters of events, and of what else was read.
func catalogLines(events []whatchanged.Event, c Catalog, folder string) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s %s", e.Kind, e.Action, e.Entity)
		if e.Dependency != nil {
			fmt.Fprintf(&b, " depends on %s, says %s", e.Dependency.To, e.Attributes["declaredBy"])
		}
		if !e.Placement.IsZero() {
			fmt.Fprintf(&b, " in %s", e.Placement)
		}
		b.WriteByte('\n')
		for _, v := range []struct {
			name  string
			value whatchanged.Value
		}{{"before", e.Before}, {"after", e.After}} {
			if v.value != nil {
				fmt.Fprintf(&b, "  %s %s\n", v.name, v.value)
			}
		}
	}
	for _, n := range c.Notes {
		word := "passed over"
		if n.Refused {
			word = "refused"
		}
		fmt.Fprintf(&b, "%s: %s\n", word, strings.ReplaceAll(n.String(), folder, "."))
	}
	for _, circle := range c.Circles {
		fmt.Fprintf(&b, "circle: %s\n", whatchanged.CircleText(circle))
	}
	fmt.Fprintf(&b, "%d entities in %d files\n", c.Entities, c.Files)
	return b.String()
}

// catalogStates returns the files of a fixture by state, "1" first.
func catalogStates(a *txtar.Archive) [][]txtar.File {
	var states [][]txtar.File
	for _, f := range a.Files {
		number, name, ok := strings.Cut(f.Name, "/")
		if !ok {
			continue
		}
		if fmt.Sprint(len(states)) != number {
			states = append(states, nil)
		}
		last := len(states) - 1
		states[last] = append(states[last], txtar.File{Name: name, Data: f.Data})
	}
	return states
}

func writeCatalog(t *testing.T, folder string, files []txtar.File) {
	t.Helper()
	for _, f := range files {
		path := filepath.Join(folder, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCatalogs reads testdata/catalog, state after state, as an index that
// remembers would see it.
func TestCatalogs(t *testing.T) {
	for _, format := range []catalogFormat{backstage, topologyFile} {
		files, err := filepath.Glob(filepath.Join("testdata", "catalog", format.source+"-*.txtar"))
		if err != nil || len(files) == 0 {
			t.Fatal("no fixtures", err)
		}
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				archive, err := txtar.ParseFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var got strings.Builder
				r := catalogReading{ids: map[string]bool{}}
				for i, state := range catalogStates(archive) {
					folder := t.TempDir()
					writeCatalog(t, folder, state)
					from := len(r.events)
					c, err := readCatalog(t.Context(), format, CatalogConfig{Path: folder, Stored: storedBefore(r.events)}, r.yield(t))
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&got, "== %d\n%s", i+1, catalogLines(r.events[from:], c, folder))
				}
				last := &archive.Files[len(archive.Files)-1]
				if *update {
					last.Data = []byte(got.String())
					if err := os.WriteFile(file, txtar.Format(archive), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(string(last.Data), got.String()); diff != "" {
					t.Errorf("-want +got; run go test ./ingest -run Catalogs -update and read what changed:\n%s", diff)
				}
			})
		}
	}
}

// catalogOf is a component with a line of its spec.
func catalogOf(name, spec string) string {
	return "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n---\n"
}

func TestReadingACatalogAgainStoresNothing(t *testing.T) {
	folder := t.TempDir()
	write := func(content string) {
		writeCatalog(t, folder, []txtar.File{{Name: "catalog-info.yaml", Data: []byte(content)}})
	}
	ids := func() map[string]bool {
		t.Helper()
		r := catalogReading{ids: map[string]bool{}}
		if _, err := ReadBackstage(t.Context(), CatalogConfig{Path: folder}, r.yield(t)); err != nil {
			t.Fatal(err)
		}
		return r.ids
	}
	write(catalogOf("a", "owner: x, dependsOn: ['component:b']") + catalogOf("b", "owner: x"))
	first := ids()
	write(catalogOf("b", "owner: X") + "# a comment\n" + catalogOf("A", "dependsOn: ['Component:default/b'], owner: group:x"))
	if diff := cmp.Diff(first, ids()); diff != "" {
		t.Errorf("the same catalog in other words:\n%s", diff)
	}
	write(catalogOf("a", "owner: x, dependsOn: ['component:b'], lifecycle: production") + catalogOf("b", "owner: x"))
	fresh := ids()
	for id := range first {
		delete(fresh, id)
	}
	if len(fresh) != 1 {
		t.Errorf("another lifecycle is one event, not %d: %v", len(fresh), fresh)
	}
}

func TestReadBackstageHistory(t *testing.T) {
	r := newRepo(t)
	r.write("a/catalog-info.yaml", catalogOf("a", "owner: x, dependsOn: ['component:b']"))
	r.write("all.yaml", catalogOf("not-looked-for", ""))
	r.commit("one")
	r.write("a/catalog-info.yaml", "kind: [")
	r.commit("a broken file changes nothing")
	r.write("a/catalog-info.yaml", catalogOf("a", "owner: x"))
	r.commit("no dependency")
	r.git("mv", "a", "b")
	r.commit("a move changes nothing")
	r.write("b/catalog-info.yaml", catalogOf("a", "owner: x, dependsOn: ['component:b']"))
	r.commit("again")
	r.git("rm", "-q", "b/catalog-info.yaml")
	r.commit("gone")
	r.write("catalog-info.yaml", catalogOf("a", "owner: x, dependsOn: ['component:b']"))
	last := r.commit("back")

	read := catalogReading{ids: map[string]bool{}}
	c, err := ReadBackstageHistory(t.Context(), CatalogConfig{Path: r.dir}, read.yield(t))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, e := range read.events {
		fmt.Fprintf(&got, "%s %s %s\n", e.EffectiveAt.Format("15:04"), e.Kind, e.Summary)
	}
	want := `02:00 topology service:default/a is declared
02:00 ownership service:default/a is owned by group:default/x
02:00 topology service:default/a depends on service:default/b
02:02 topology service:default/a is declared
02:02 topology service:default/a no longer depends on service:default/b
02:04 topology service:default/a is declared
02:04 topology service:default/a depends on service:default/b
02:05 topology service:default/a is no longer declared
02:05 ownership service:default/a is owned by nobody
02:05 topology service:default/a no longer depends on service:default/b
02:06 topology service:default/a is declared
02:06 ownership service:default/a is owned by group:default/x
02:06 topology service:default/a depends on service:default/b
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	e := read.events[len(read.events)-1]
	written := time.Date(2026, 3, 1, 1, 6, 0, 0, time.UTC)
	wantLast := whatchanged.Event{
		ID: "backstage/component:default/a/" + last[:12] + "/dependency/service:default/a/service:default/b", Source: "backstage",
		Kind: whatchanged.Topology, Action: "declared", Entity: ref("service:default/a"), Actor: &whatchanged.Actor{Name: "Mara"},
		WrittenAt: &written, EffectiveAt: written.Add(time.Hour), Clock: whatchanged.SourceClock, Commits: []string{last},
		Summary: "service:default/a depends on service:default/b", Dependency: &whatchanged.Dependency{To: ref("service:default/b"), Evidence: whatchanged.Declared},
		Links: []whatchanged.Link{{Rel: "evidence", URL: "https://github.com/shop/config/commit/" + last}}, Parent: read.events[len(read.events)-3].ID,
		Attributes: map[string]string{"declaredBy": "component:default/a"}, Diff: e.Diff,
	}
	if diff := cmp.Diff(wantLast, e); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(c.Notes) != 1 || c.Notes[0].Refused || c.Files != 1 || c.Entities != 1 {
		t.Errorf("%+v", c)
	}
}

func TestWhatHoldsSinceIsSaid(t *testing.T) {
	folder, since := t.TempDir(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	writeCatalog(t, folder, []txtar.File{{Name: "x.yaml", Data: []byte(catalogOf("a", "owner: x"))}})
	read := catalogReading{ids: map[string]bool{}}
	c, err := ReadBackstage(t.Context(), CatalogConfig{Path: filepath.Join(folder, "x.yaml"), EffectiveAt: since}, read.yield(t))
	if err != nil || c.Entities != 1 {
		t.Fatal(c, err)
	}
	for _, e := range read.events {
		if e.EffectiveAt != since || e.Clock != whatchanged.SourceClock {
			t.Errorf("%s at %s by %s", e.ID, e.EffectiveAt, e.Clock)
		}
	}
}

func TestCatalogThatIsNotThere(t *testing.T) {
	folder := t.TempDir()
	for _, c := range []CatalogConfig{{Path: filepath.Join(folder, "none")}, {Path: folder}, {Path: folder, Files: "["}} {
		_, err := ReadBackstage(t.Context(), c, nil)
		if code := whatchanged.CodeOf(err); code != whatchanged.CodeNotFound && code != whatchanged.CodeInvalidArgument {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func ref(s string) whatchanged.Ref {
	r, err := whatchanged.ParseRef(s)
	if err != nil {
		panic(err)
	}
	return r
}
