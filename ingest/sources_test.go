package ingest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/fixtures"
)

var update = flag.Bool("update", false, "rewrite the want sections of fixtures/ingest")

// A fixture is one delivery and what its source is to make of it.
type fixture struct {
	name     string
	source   Source
	delivery whatchanged.Delivery
	archive  *txtar.Archive
}

// allFixtures reads fixtures/ingest.
func allFixtures(t testing.TB) []fixture {
	t.Helper()
	files, err := fs.Glob(fixtures.Ingest(), "*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	all := make([]fixture, 0, len(files))
	for _, file := range files {
		b, err := fs.ReadFile(fixtures.Ingest(), file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, readFixture(t, strings.TrimSuffix(file, ".txtar"), txtar.Parse(b)))
	}
	return all
}

func readFixture(t testing.TB, name string, a *txtar.Archive) fixture {
	t.Helper()
	f := fixture{name: name, archive: a}
	for _, s := range Sources { // the longest name that fits: names hold dashes too
		if strings.HasPrefix(name, s.Name+"-") && len(s.Name) > len(f.source.Name) {
			f.source = s
		}
	}
	if f.source.Name == "" {
		t.Fatalf("%s: no source of that name", name)
	}
	var header map[string]string
	for _, section := range a.Files {
		switch {
		case section.Name == "headers":
			header = headersOf(section.Data)
		case strings.HasPrefix(section.Name, "delivery."):
			f.delivery.Body = bytes.TrimSuffix(section.Data, []byte("\n"))
		}
	}
	f.delivery = received(f.source, header, f.delivery.Body)
	return f
}

// received makes a delivery as the pipeline does: only the headers that the
// source asks for are kept.
func received(s Source, header map[string]string, body []byte) whatchanged.Delivery {
	d := whatchanged.Delivery{Source: s.Name, Body: body, Header: map[string]string{}}
	for _, name := range s.Header {
		if v, ok := header[name]; ok {
			d.Header[name] = v
		}
	}
	if s.Identify != nil {
		d.Type, d.ID = s.Identify(d.Header)
	}
	return d
}

func headersOf(b []byte) map[string]string {
	header := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if name, v, ok := strings.Cut(lines.Text(), ":"); ok {
			header[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(v)
		}
	}
	return header
}

// TestSources decodes every delivery in fixtures/ingest. A new source is
// tested by adding files, not code.
func TestSources(t *testing.T) {
	tested := map[string]map[string]bool{}
	for _, f := range allFixtures(t) {
		t.Run(f.name, func(t *testing.T) {
			section, got := outcome(t, f)
			if tested[f.source.Name] == nil {
				tested[f.source.Name] = map[string]bool{}
			}
			tested[f.source.Name][section] = true
			if *update {
				rewrite(t, f, section, got)
				return
			}
			want := f.archive.Files[len(f.archive.Files)-1]
			if diff := cmp.Diff(want.Name+"\n"+string(want.Data), section+"\n"+got); diff != "" {
				t.Errorf("-want +got; run go test ./ingest -update and read what changed:\n%s", diff)
			}
		})
	}
	for _, s := range Sources {
		if !tested[s.Name]["want.json"] || !tested[s.Name]["want.error"] {
			t.Errorf("source %s: want a fixture that is accepted and one that is refused", s.Name)
		}
	}
}

// TestGitHubEvents holds the list of GitHub's events and the fixtures
// together: each event has a good one and, where it can fail, a bad one.
func TestGitHubEvents(t *testing.T) {
	tested := map[string]bool{}
	for _, f := range allFixtures(t) {
		section, _ := outcome(t, f)
		tested[f.delivery.Header["x-github-event"]+" "+section] = true
	}
	for event := range githubEvents {
		good, bad := tested[event+" want.json"], tested[event+" want.error"]
		if event == "ping" {
			good, bad = tested["ping want.ignored"], true
		}
		if !good || !bad {
			t.Errorf("%s: want a good and a bad fixture, have good %t, bad %t", event, good, bad)
		}
	}
}

// outcome returns what a source makes of a fixture, as a section of the file.
func outcome(t *testing.T, f fixture) (section, text string) {
	t.Helper()
	decoded, err := f.source.Decode(f.delivery)
	switch {
	case err != nil:
		return "want.error", err.Error() + "\n"
	case decoded.Ignored != "":
		return "want.ignored", decoded.Ignored + "\n"
	}
	return "want.json", pretty(t, decoded.Events)
}

// pretty writes events without what is empty, for a person to review.
func pretty(t *testing.T, events []whatchanged.Event) string {
	t.Helper()
	b, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(filled(doc)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// filled drops the fields that say nothing.
func filled(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = filled(v[i])
		}
	case map[string]any:
		for k, field := range v {
			v[k] = filled(field)
			if m, ok := v[k].(map[string]any); ok && len(m) == 0 || cmp.Equal(v[k], []any{}) || slices.Contains([]any{nil, "", "0001-01-01T00:00:00Z", "pos:0.0"}, scalar(v[k])) {
				delete(v, k)
			}
		}
	}
	return v
}

// scalar makes v fit for comparison.
func scalar(v any) any {
	switch v.(type) {
	case map[string]any, []any:
		return "a composite"
	}
	return v
}

func rewrite(t *testing.T, f fixture, section, text string) {
	t.Helper()
	a := *f.archive
	a.Files = slices.DeleteFunc(slices.Clone(a.Files), func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want.") })
	a.Files = append(a.Files, txtar.File{Name: section, Data: []byte(text)})
	path := filepath.Join("..", "fixtures", "ingest", f.name+".txtar")
	if err := os.WriteFile(path, txtar.Format(&a), 0o666); err != nil {
		t.Fatal(err)
	}
}
