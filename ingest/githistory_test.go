package ingest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"whatchanged.dev/whatchanged"
)

// TestHistories reads testdata/git: each landing N of a history is the message
// in N.txt, in which $M stands for the name of landing M, and the whole of the
// files below N/.
func TestHistories(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "git", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := newRepo(t)
			names := r.land(archive)
			got := historyLines(stored(t, r.read(GitConfig{})), names)
			last := &archive.Files[len(archive.Files)-1]
			if *update {
				last.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(last.Data), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// land makes the landings of a fixture and returns their names.
func (r *repo) land(archive *txtar.Archive) (names []string) {
	r.t.Helper()
	for n := 1; ; n++ {
		message, tree := "", map[string]string{}
		for _, f := range archive.Files {
			if f.Name == fmt.Sprintf("%d.txt", n) {
				message = string(f.Data)
			}
			if path, ok := strings.CutPrefix(f.Name, fmt.Sprintf("%d/", n)); ok {
				tree[path] = string(f.Data)
			}
		}
		if message == "" {
			return names
		}
		for i, name := range names {
			message = strings.ReplaceAll(message, fmt.Sprintf("$%d", i+1), name)
		}
		r.git("rm", "-r", "-q", "--ignore-unmatch", ".")
		for _, path := range slices.Sorted(maps.Keys(tree)) {
			r.write(path, tree[path])
		}
		names = append(names, r.commit(strings.TrimSpace(message)))
	}
}

// stored returns events as the pipeline stores them.
func stored(t *testing.T, events []whatchanged.Event) []whatchanged.Event {
	t.Helper()
	p := &Pipeline{Config: Config{Limits: Limits{}.withDefaults()}}
	p.redact = redactor{key: []byte("key"), limits: p.Limits}
	if err := p.canonical(GitSource, events); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		tellDiff(&events[i])
		if fault := unfit(events[i]); fault != "" {
			t.Errorf("%s: %s", events[i].ID, fault)
		}
	}
	return events
}

// historyLines writes what matters of events, landings by their number.
func historyLines(events []whatchanged.Event, names []string) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s %s", e.Kind, e.Action, e.Entity)
		if !e.Placement.IsZero() {
			fmt.Fprintf(&b, " in %s", e.Placement)
		}
		if from := e.Attributes["renamedFrom"]; from != "" {
			fmt.Fprintf(&b, " from %s", from)
		}
		fmt.Fprintf(&b, ": %s", e.Summary)
		if e.Reverts != "" {
			fmt.Fprintf(&b, " [undoes %s]", e.Reverts)
		}
		b.WriteByte('\n')
		for _, d := range e.Diff {
			fmt.Fprintf(&b, "  %s %s: %s -> %s\n", d.Op, d.Path, orNone(d.Was), orNone(d.Value))
		}
	}
	text := b.String()
	for i, name := range names {
		text = strings.ReplaceAll(text, "git/shop/config/"+name, fmt.Sprintf("landing %d", i+1))
	}
	return hash.ReplaceAllString(text, "HASH")
}

var hash = regexp.MustCompile(`\b[0-9a-f]{40}\b`)
