package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
)

// A repo is a repository made for one test.
type repo struct {
	t   *testing.T
	dir string
	now time.Time // of the next commit
}

func newRepo(t *testing.T) *repo {
	t.Helper()
	r := &repo{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)}
	r.git("init", "-q", "-b", "main")
	r.git("config", "remote.origin.url", "https://token@github.com/shop/config.git")
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	author, committer := r.now.Add(-time.Hour).Format(time.RFC3339), r.now.Format(time.RFC3339)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Mara", "GIT_AUTHOR_EMAIL=mara@shop.example", "GIT_AUTHOR_DATE="+author,
		"GIT_COMMITTER_NAME=Mara", "GIT_COMMITTER_EMAIL=mara@shop.example", "GIT_COMMITTER_DATE="+committer)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) write(file, content string) {
	r.t.Helper()
	path := filepath.Join(r.dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) commit(message string, args ...string) string {
	r.t.Helper()
	r.git("add", "-A")
	r.git(append([]string{"commit", "-q", "--allow-empty", "-m", message}, args...)...)
	r.now = r.now.Add(time.Minute)
	return r.git("rev-parse", "HEAD")
}

// read returns all events of the repository, with their ids shortened.
func (r *repo) read(config GitConfig) []whatchanged.Event {
	r.t.Helper()
	config.Path = r.dir
	var all []whatchanged.Event
	if _, err := ReadGit(r.t.Context(), config, func(events []whatchanged.Event) error {
		all = append(all, events...)
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
	return all
}

// lines writes what matters of events, one in a line.
func lines(events []whatchanged.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s %s %s -> %s\n", e.Kind, e.Action, e.Entity, orNone(e.Before), orNone(e.After))
	}
	return b.String()
}

func orNone(v whatchanged.Value) string {
	if v == nil {
		return "none"
	}
	return v.String()
}

func TestReadGit(t *testing.T) {
	tests := []struct {
		name  string
		build func(r *repo)
		want  string
	}{
		{"code is evidence, config is a change", func(r *repo) {
			r.write("main.go", "package main")
			r.write("values.yaml", "replicas: 2\nimage: {tag: v1}\n")
			r.commit("one")
		}, `config created config:shop/config/values.yaml none -> {"image":{"tag":"v1"},"replicas":2}
commit landed repository:shop/config none -> none
`},
		{"a change has both values", func(r *repo) {
			r.write("values.yaml", "a: 1\n")
			r.commit("one")
			r.write("values.yaml", "a: 2\n")
			r.commit("two")
		}, `config created config:shop/config/values.yaml none -> {"a":1}
commit landed repository:shop/config none -> none
config changed config:shop/config/values.yaml {"a":1} -> {"a":2}
commit landed repository:shop/config none -> none
`},
		{"several documents are a list, dates are text, keys are strings", func(r *repo) {
			r.write("a.yml", "---\na: 2026-03-01\n---\n1: .nan\n")
			r.commit("one")
		}, `config created config:shop/config/a.yml none -> [{"a":"2026-03-01T00:00:00Z"},{"1":"NaN"}]
commit landed repository:shop/config none -> none
`},
		{"a template that is no YAML is text, properties are an object", func(r *repo) {
			r.write("templates/x.yaml", "{{ if .a }}\nb: {{ .c }}\n")
			r.write("app.properties", "# c\ntimeout=300\nurl = http://x:1\n")
			r.write("Dockerfile", "FROM scratch\n")
			r.commit("one")
		}, `config created config:shop/config/dockerfile none -> "FROM scratch\n"
config created config:shop/config/app.properties none -> {"timeout":"300","url":"http://x:1"}
config created config:shop/config/templates/x.yaml none -> "{{ if .a }}\nb: {{ .c }}\n"
commit landed repository:shop/config none -> none
`},
		{"a rename is a change of the new and a tombstone of the old", func(r *repo) {
			r.write("old name.json", `{"a":[1,2,3],"b":"long enough to be found again"}`)
			r.commit("one")
			r.git("mv", "old name.json", "new.json")
			r.commit("two")
		}, `config created config:shop/config/old-name.json none -> {"a":[1,2,3],"b":"long enough to be found again"}
commit landed repository:shop/config none -> none
config renamed config:shop/config/new.json {"a":[1,2,3],"b":"long enough to be found again"} -> {"a":[1,2,3],"b":"long enough to be found again"}
config deleted config:shop/config/old-name.json {"a":[1,2,3],"b":"long enough to be found again"} -> none
commit landed repository:shop/config none -> none
`},
		{"a delete is a tombstone", func(r *repo) {
			r.write("a.toml", "x = 1")
			r.commit("one")
			r.git("rm", "-q", "a.toml")
			r.commit("two")
		}, `config created config:shop/config/a.toml none -> {"x":1}
commit landed repository:shop/config none -> none
config deleted config:shop/config/a.toml {"x":1} -> none
commit landed repository:shop/config none -> none
`},
		{"what a branch brought lands with its merge", func(r *repo) {
			r.commit("one")
			r.git("checkout", "-q", "-b", "side")
			r.write("a.json", "1")
			r.commit("side one")
			r.write("a.json", "2")
			r.commit("side two")
			r.git("checkout", "-q", "main")
			r.commit("two")
			r.git("merge", "-q", "--no-ff", "-m", "Merge pull request #7 from shop/side", "side")
		}, `commit landed repository:shop/config none -> none
commit landed repository:shop/config none -> none
config created config:shop/config/a.json none -> 2
commit landed repository:shop/config none -> none
`},
		{"lock files, vendored files, links and binaries have no value", func(r *repo) {
			r.write("package-lock.json", "{}")
			r.write("vendor/a.yaml", "a: 1")
			r.write("b.conf", "\x00\x01")
			if err := os.Symlink("b.conf", filepath.Join(r.dir, "link.yaml")); err != nil {
				r.t.Fatal(err)
			}
			r.commit("one")
		}, `config created config:shop/config/b.conf none -> none
commit landed repository:shop/config none -> none
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRepo(t)
			test.build(r)
			if diff := cmp.Diff(test.want, lines(r.read(GitConfig{}))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestReadGitTellsWhoWhenAndWhy(t *testing.T) {
	r := newRepo(t)
	r.write("envs/prod/eu-west-1/a.yaml", "a: 1")
	first := r.commit("Raise a (#12)", "--author", "renovate[bot] <bot@shop.example>")
	r.write("envs/prod/eu-west-1/a.yaml", "a: 2")
	second := r.commit("Raise a again\n\nTwice is better.")
	r.write("envs/prod/eu-west-1/a.yaml", "a: 1")
	r.commit("Revert \"Raise a again\"\n\nThis reverts commit " + second + ".")
	r.git("rm", "-q", "envs/prod/eu-west-1/a.yaml")
	r.commit("Revert \"Raise a (#12)\" (#13)")
	events := r.read(GitConfig{})

	e := events[0]
	want := whatchanged.Event{
		ID: "git/shop/config/" + first + "/envs/prod/eu-west-1/a.yaml", Source: "git", Kind: whatchanged.Config, Action: "created",
		Entity: whatchanged.Ref{Kind: whatchanged.KindConfig, Namespace: "shop", Name: "config/envs/prod/eu-west-1/a.yaml"},
		Actor:  &whatchanged.Actor{Name: "renovate[bot]", Automation: true}, Parent: "git/shop/config/" + first,
		EffectiveAt: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC), Version: first, Commits: []string{first},
		After:   whatchanged.Value(`{"a":1}`),
		Summary: "Raise a (#12)", Links: []whatchanged.Link{{Rel: "evidence", URL: "https://github.com/shop/config/commit/" + first}},
		Placement: whatchanged.Placement{Environment: "production", Region: "eu-west-1"},
		Attributes: map[string]string{
			"path": "envs/prod/eu-west-1/a.yaml", "pullRequest": "12", "regionFrom": "path", "environmentFrom": "path",
		},
	}
	authored := time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC)
	want.WrittenAt = &authored
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, want := events[5].Reverts, "git/shop/config/"+second; got != want {
		t.Errorf("a revert by commit: got %q, want %q", got, want)
	}
	if got, want := events[7].Reverts, "git/shop/config/"+first; got != want {
		t.Errorf("a revert by subject: got %q, want %q", got, want)
	}
}

func TestReadGitChoosesLandings(t *testing.T) {
	r := newRepo(t)
	for i := range 5 {
		r.commit(fmt.Sprint("landing ", i))
	}
	var progress []string
	events := r.read(GitConfig{Limit: 2, Repository: "acme/other", Progress: func(done, total int) {
		progress = append(progress, fmt.Sprint(done, "/", total))
	}})
	if got := []string{events[0].Summary, events[1].Summary}; !cmp.Equal(got, []string{"landing 3", "landing 4"}) {
		t.Errorf("limit 2: got %q", got)
	}
	if !cmp.Equal(progress, []string{"1/2", "2/2"}) || events[0].Entity.String() != "repository:acme/other" {
		t.Errorf("got progress %q on %s", progress, events[0].Entity)
	}
	if got := r.read(GitConfig{Since: time.Date(2026, 3, 1, 2, 3, 0, 0, time.UTC)}); len(got) != 2 {
		t.Errorf("since the fourth minute: got %d landings, want 2", len(got))
	}
}

// TestGitHistoryIsStoredWithoutSecrets takes history through the pipeline's
// canonical form, where the difference is made.
func TestGitHistoryIsStoredWithoutSecrets(t *testing.T) {
	r := newRepo(t)
	deployment := "env:\n- name: DB_PASSWORD\n  value: %s\n- name: ZONE\n  value: %s\n"
	r.write("deploy.yaml", fmt.Sprintf(deployment, "hunter2-first", "a"))
	r.write("app.properties", "db.password=hunter2-third\nzone=a\n")
	r.write("main.tf", `password = "hunter2-fourth"`)
	r.commit("one")
	r.write("deploy.yaml", fmt.Sprintf(deployment, "hunter2-second", "b"))
	r.write(strings.Repeat("long/", 80)+"a.json", `{"token":"hunter2-fifth"}`)
	r.write("bad\xff\x01name.yaml", "a: 1")
	r.commit("two")
	events := r.read(GitConfig{})
	p := &Pipeline{Config: Config{Limits: Limits{}.withDefaults()}}
	p.redact = redactor{key: []byte("key"), limits: p.Limits}
	if err := p.canonical(GitSource, events); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(b, []byte("hunter2")); i >= 0 {
		t.Errorf("a secret is stored: …%s…", b[max(0, i-100):i+20])
	}
	for _, e := range events {
		if e.Entity.Name == "config/deploy.yaml" && e.Action == "changed" {
			if len(e.Diff) != 2 || e.Diff[1].Path != "/env/1/value" || e.Diff[1].Was.String() != `"a"` {
				t.Errorf("got the difference %+v, want the password and the zone", e.Diff)
			}
		}
	}
}

func TestReadGitRefusals(t *testing.T) {
	empty := newRepo(t)
	stop := errors.New("stop")
	full := newRepo(t)
	full.commit("one")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name   string
		ctx    context.Context
		config GitConfig
		want   error
	}{
		{"no repository", t.Context(), GitConfig{Path: t.TempDir()}, whatchanged.ErrInvalid},
		{"no folder", t.Context(), GitConfig{Path: filepath.Join(t.TempDir(), "none")}, whatchanged.ErrInvalid},
		{"no commits", t.Context(), GitConfig{Path: empty.dir}, whatchanged.ErrInvalid},
		{"no such branch", t.Context(), GitConfig{Path: full.dir, Ref: "none"}, whatchanged.ErrInvalid},
		{"an option is no branch", t.Context(), GitConfig{Path: full.dir, Ref: "--all"}, whatchanged.ErrInvalid},
		{"cancelled", ended, GitConfig{Path: full.dir}, context.Canceled},
		{"the receiver's error", t.Context(), GitConfig{Path: full.dir}, stop},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ReadGit(test.ctx, test.config, func([]whatchanged.Event) error { return stop })
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestRepositoryNames(t *testing.T) {
	tests := []struct{ remote, name, web string }{
		{"https://user:secret@github.com/acme/shop.git", "acme/shop", "https://github.com/acme/shop/commit/"},
		{"git@github.com:acme/shop.git", "acme/shop", "https://github.com/acme/shop/commit/"},
		{"ssh://git@gitlab.acme.example:2222/infra/team/shop", "team/shop", "https://gitlab.acme.example/infra/team/shop/-/commit/"},
		{"/srv/git/shop.git", "folder", ""},
		{"", "folder", ""},
	}
	for _, test := range tests {
		name, web := repositoryName(GitConfig{Path: "/x/folder"}, test.remote), webAddress(test.remote)
		if name != test.name || web != test.web {
			t.Errorf("%q: got %q and %q, want %q and %q", test.remote, name, web, test.name, test.web)
		}
	}
}

// FuzzParseLog feeds the parser with what git may write and with what it
// never does: it must end, and make no landing without a name.
func FuzzParseLog(f *testing.F) {
	head := "\x01" + strings.Repeat("a1", 20) + "\x00" + strings.Repeat("b2", 20) + "\x00Mara\x00m@x\x001772331631\x001772331631\x00Subject\n\nBody\n\x00"
	file := ":100644 100644 " + strings.Repeat("c", 40) + " " + strings.Repeat("d", 40)
	f.Add([]byte(head + "\x00\n" + file + " M\x00a b.yaml\x00" + file + " R100\x00a\x00b\x00" + head))
	f.Add([]byte(head))
	f.Add([]byte(head + file + " M\x00"))
	f.Add([]byte("\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		err := parseLog(bytes.NewReader(b), func(l landing) error {
			if !commitName.MatchString(l.commit) {
				t.Errorf("landing %q", l.commit)
			}
			for _, c := range l.fileChanges {
				isConfig(c.path)
			}
			return nil
		})
		if err != nil && !errors.Is(err, errLog) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("unexpected error %v", err)
		}
	})
}

// FuzzFileValue checks that no file makes a value that is not JSON.
func FuzzFileValue(f *testing.F) {
	f.Add("a.yaml", []byte("a: &x {b: [1, .inf, 2026-03-01]}\nc: *x\n---\n? [1]\n: 2\n"))
	f.Add("a.json", []byte(`{"a":1e400}`))
	f.Add("a.properties", []byte("a=b\n=c\nd"))
	f.Add("Dockerfile", []byte("FROM \xff"))
	f.Fuzz(func(t *testing.T, file string, content []byte) {
		v := fileValue(file, content)
		if _, err := whatchanged.ParseValue(v); err != nil {
			t.Errorf("%q: %q is no JSON", content, v)
		}
	})
}
