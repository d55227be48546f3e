package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"whatchanged.dev/whatchanged/fixtures"
)

// TestIngestCatalogs brings in a catalog again and again: what is new is
// stored, what was taken out is noticed, and the topology is asked. It is all
// the same whether somebody serves the data folder or nobody does.
func TestIngestCatalogs(t *testing.T) {
	t.Run("alone", func(t *testing.T) { ingestCatalogs(t, "--data", t.TempDir()) })
	t.Run("at a server", func(t *testing.T) { ingestCatalogs(t, "--server", serving(t, t.TempDir()).url) })
}

func ingestCatalogs(t *testing.T, at ...string) {
	folder := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	const component = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: checkout}\nspec: {owner: payments, dependsOn: ["
	steps := []struct {
		name    string
		write   func()
		args    []string
		exit    int
		printed []string
	}{
		{"a catalog is stored", func() {
			write("catalog-info.yaml", component+"component:cart, component:checkout]}")
		}, []string{"backstage"}, 0, []string{"1 entities in 1 files: 4 change events stored, 0 known before", "circle: service:default/checkout → service:default/checkout"}},
		{"again, nothing is new", func() {}, []string{"backstage"}, 0, []string{": 0 change events stored"}},
		{"what was taken out is removed", func() {
			write("catalog-info.yaml", component+"component:cart]}")
		}, []string{"backstage"}, 0, []string{": 2 change events stored"}},
		{"what once was is declared again", func() {
			write("catalog-info.yaml", component+"component:cart, component:checkout]}")
		}, []string{"backstage"}, 0, []string{": 2 change events stored"}},
		{"a fault is refused by its line, and the rest is stored", func() {
			write("topology.yaml", "services: {cart: {owner: shop}}\n---\nservices:\n  web: {needs: [cart]}\n")
		}, []string{"topology", "--effective-at", "-90d"}, 2, []string{"topology.yaml:4: services.web: additional properties 'needs' not allowed", ": 2 change events stored", "refused in 1 places"}},
		{"a folder without catalogs is refused", func() {}, []string{"backstage", "--files", "nothing*.yaml"}, 3, []string{"holds no file named nothing*.yaml"}},
	}
	for _, s := range steps {
		s.write()
		exit, _, stderr := result(t, append(append([]string{"ingest"}, s.args...), append(at, folder)...)...)
		if exit != s.exit {
			t.Errorf("%s: exit status %d, want %d", s.name, exit, s.exit)
		}
		for _, want := range s.printed {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: want %q in:\n%s", s.name, want, stderr)
			}
		}
	}
	exit, stdout, stderr := result(t, append([]string{"ask", "timeline", "service:default/cart", "--hops", "1", "--since", "-1h", "--json"}, at...)...)
	if exit != 0 || !strings.Contains(stdout, "service:default/checkout is owned by group:default/payments") {
		t.Errorf("exit status %d: %s%s", exit, stdout, stderr)
	}
	if _, stdout, _ := result(t, append([]string{"ask", "dataHealth", "--json"}, at...)...); !strings.Contains(stdout, `"lastRun": "20`) {
		t.Errorf("nobody says when a reader ran last: %s", stdout)
	}
}

// TestAnImportThatIsKilledGoesOn kills the importer while its third batch is
// underway.
func TestAnImportThatIsKilledGoesOn(t *testing.T) {
	const commits = 1500
	server := serving(t, t.TempDir())
	folder := history(t, commits)
	at, err := url.Parse(server.url)
	if err != nil {
		t.Fatal(err)
	}
	forward, third, ended := httputil.NewSingleHostReverseProxy(at), make(chan struct{}), make(chan struct{})
	var batches atomic.Int32
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/import/git" && batches.Add(1) == 3 {
			close(third)
			<-ended
			return
		}
		forward.ServeHTTP(w, r)
	}))
	defer gate.Close()
	cmd := command("ingest", "git", folder, "--server", gate.URL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-third
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	close(ended)

	_, _, printed := result(t, "ingest", "git", folder, "--server", server.url)
	m := regexp.MustCompile(`(\d+) landings, .* (\d+) change events stored, (\d+) known before`).FindStringSubmatch(printed)
	if m == nil {
		t.Fatalf("the second run printed %q", printed)
	}
	if n, _ := strconv.Atoi(m[1]); n == 0 || n > commits-200 {
		t.Errorf("the second run read %d of %d landings, which the first had begun", n, commits)
	}
	if _, _, printed := result(t, "ingest", "git", folder, "--server", server.url); !strings.Contains(printed, fmt.Sprintf("nothing landed since the last time; %d landings are stored", commits)) {
		t.Errorf("the third run printed %q", printed)
	}
	_, stdout, _ := result(t, "ask", "timeline", "--since", "2019-01-01T00:00:00Z", "--kinds", "commit", "--limit", "1", "--json", "--server", server.url)
	if !strings.Contains(stdout, fmt.Sprintf(`"total":%d`, commits)) && !strings.Contains(stdout, fmt.Sprintf(`"total": %d`, commits)) {
		t.Errorf("want %d landings in %.400s", commits, stdout)
	}
}

// history makes a repository of so many commits.
func history(t testing.TB, commits int) string {
	t.Helper()
	folder := t.TempDir()
	git := func(in io.Reader, args ...string) {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir, cmd.Stdin = folder, in
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(fixtures.History(w, commits, 1)) }()
	git(nil, "init", "-q", "--bare", "-b", "main")
	git(r, "fast-import", "--quiet")
	return folder
}

// TestAnotherMappingIsACorrection: the same changes are then about other
// entities, and none is there twice.
func TestAnotherMappingIsACorrection(t *testing.T) {
	server, folder := serving(t, t.TempDir()), history(t, 60)
	mapping := filepath.Join(t.TempDir(), "map.yaml")
	if err := os.WriteFile(mapping, []byte("paths: [{path: 'apps/**/values.yaml', entity: 'service:mapped/values', kind: deployment}]"), 0o666); err != nil {
		t.Fatal(err)
	}
	total := func(scope ...string) string {
		args := append([]string{"ask", "timeline"}, scope...)
		_, stdout, stderr := result(t, append(args, "--since", "2019-01-01T00:00:00Z", "--limit", "1", "--json", "--server", server.url)...)
		m := regexp.MustCompile(`"total": ?(\d+)`).FindStringSubmatch(stdout)
		if m == nil {
			return stderr
		}
		return m[1]
	}
	result(t, "ingest", "git", folder, "--server", server.url)
	before := total()
	_, _, printed := result(t, "ingest", "git", folder, "--map", mapping, "--server", server.url)
	if !strings.Contains(printed, "the mapping is another") || !strings.Contains(printed, "60 landings") {
		t.Errorf("another mapping printed %q", printed)
	}
	if after := total(); after != before {
		t.Errorf("%s changes before, %s after", before, after)
	}
	if n, err := strconv.Atoi(total("service:mapped/values")); err != nil || n < 2 {
		t.Errorf("%s changes of the entity that the mapping names", total("service:mapped/values"))
	}
	if exit, _, stderr := result(t, "ingest", "git", folder, "--map", os.DevNull, "--server", server.url); exit != 2 || !strings.Contains(stderr, "holds 0 documents") {
		t.Errorf("a mapping that says nothing: exit status %d, %s", exit, stderr)
	}
}
