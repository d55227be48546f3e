package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"whatchanged.dev/whatchanged"
)

// eventsOf returns what a file would be stored as.
func eventsOf(format catalogFormat, content []byte) ([]whatchanged.Event, parsed) {
	p, state := format.parse("file.yaml", content), newCatalogState(format.source)
	var events []whatchanged.Event
	for _, d := range p.declarations {
		events = append(events, state.take(d, mark{})...)
	}
	return events, p
}

// FuzzCatalogs checks that no file makes a reader panic, and that whatever it
// takes from one is fit to store.
func FuzzCatalogs(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "catalog", "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, section := range a.Files {
			f.Add(strings.HasPrefix(filepath.Base(file), "topology"), section.Data)
		}
	}
	f.Add(false, bomb("kind: Component\nmetadata: {name: a}\nspec: {dependsOn: *i, owner: *i}\n"))
	f.Add(true, bomb("services: *i\n"))
	f.Fuzz(func(t *testing.T, ours bool, content []byte) {
		format := backstage
		if ours {
			format = topologyFile
		}
		p := &Pipeline{Config: Config{Limits: Limits{Events: 1 << 30}.withDefaults()}}
		p.redact = redactor{key: []byte("key"), limits: p.Limits}
		events, _ := eventsOf(format, content)
		for _, e := range events {
			if fault := unfit(e); fault != "" {
				t.Errorf("%s: %+v", fault, e)
			}
		}
		if err := p.canonical(format.source, events); err != nil {
			t.Errorf("not fit to store: %v", err)
		}
	})
}

// bomb is a file in which *i stands for a billion words.
func bomb(more string) []byte {
	var b strings.Builder
	b.WriteString("apiVersion: backstage.io/v1alpha1\na: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
	for c := 'b'; c <= 'i'; c++ {
		fmt.Fprintf(&b, "%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9), c-1)
	}
	return []byte(b.String() + more)
}

func TestHostileCatalogs(t *testing.T) {
	tests := []struct {
		name    string
		format  catalogFormat
		content []byte
		want    string // in the first note
	}{
		{"aliases of aliases are no list of references", backstage,
			bomb("kind: Component\nmetadata: {name: a}\nspec: {dependsOn: *i}\n"), "is not a reference"},
		{"aliases of aliases are counted", topologyFile, bomb("services: *i\n"), "holds more than"},
		{"a value that holds itself ends", topologyFile, []byte("services: &a {x: *a}"), "holds more than"},
		{"an alias in a list of itself ends", backstage,
			[]byte("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: a}\nspec: {dependsOn: &a [*a]}"), "is not a reference"},
		{"depth is bounded", topologyFile, []byte("services: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), "nested more than"},
		{"documents are bounded", backstage, []byte(strings.Repeat("a: 1\n---\n", maxDocuments+2)), "is no entity"},
		{"a list of references is bounded", backstage,
			[]byte(catalogOf("a", "dependsOn: ["+strings.Repeat("component:x,", maxListed+1)+"]")), "at most 1000 entries"},
		{"a name as long as the file is refused", backstage, []byte(catalogOf(strings.Repeat("a", maxFile/2), "")), "want a name"},
		{"bytes that are no text are refused", backstage, []byte("\xff\xfe\x00\x01\x02"), "is not YAML"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			began := time.Now()
			_, p := eventsOf(test.format, test.content)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			if len(p.notes) == 0 || !strings.Contains(p.notes[0].Text, test.want) {
				t.Errorf("want %q in the first of %v", test.want, p.notes)
			}
		})
	}
}

func TestALargeFileIsRefused(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "catalog-info.yaml"), []byte(strings.Repeat("# \n", maxFile/2)), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := ReadBackstage(t.Context(), CatalogConfig{Path: folder}, nil)
	if err != nil || len(c.Notes) != 1 || !c.Notes[0].Refused || !strings.Contains(c.Notes[0].Text, "MiB") {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestRealCatalogs reads deliveries/backstage of the folder that
// WHATCHANGED_TESTDATA names, if it names one: nothing in it is refused.
func TestRealCatalogs(t *testing.T) {
	dir := os.Getenv("WHATCHANGED_TESTDATA")
	if dir == "" {
		t.Log("WHATCHANGED_TESTDATA is not set: reading the fixtures of the project only")
		return
	}
	r := catalogReading{ids: map[string]bool{}}
	c, err := ReadBackstage(t.Context(), CatalogConfig{Path: filepath.Join(dir, "deliveries", "backstage"), Files: "*.yaml"}, r.yield(t))
	if err != nil || c.Entities == 0 {
		t.Fatal(c, err)
	}
	for _, n := range c.Notes {
		if t.Logf("%v", n); n.Refused {
			t.Errorf("refused: %v", n)
		}
	}
	t.Logf("%d entities in %d files became %d events", c.Entities, c.Files, len(r.events))
}
