package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"whatchanged.dev/whatchanged"
)

// A cloned is a repository and its clone, with a bare one between them.
type cloned struct {
	*repo         // whoever works on it
	remote string // the bare one
	clone  string
}

func newCloned(t *testing.T, args ...string) *cloned {
	t.Helper()
	c := &cloned{repo: newRepo(t), remote: filepath.Join(t.TempDir(), "remote.git"), clone: filepath.Join(t.TempDir(), "clone")}
	c.commit("the first")
	c.git("clone", "-q", "--bare", ".", c.remote)
	c.git("config", "remote.origin.url", c.remote)
	c.git(append(append([]string{"clone", "-q"}, args...), c.remote, c.clone)...)
	return c
}

func (c *cloned) push(message string, refs ...string) {
	c.t.Helper()
	c.commit(message)
	c.git(append([]string{"push", "-q", "origin"}, refs...)...)
}

func (c *cloned) in(dir string, args ...string) string {
	c.t.Helper()
	return c.git(append([]string{"-C", dir}, args...)...)
}

// landings returns the subjects that are read with a fetch, and where from.
func (c *cloned) landings(config GitConfig) (string, error) {
	config.Path, config.Repository, config.Fetch = c.clone, "shop/config", true
	var all []string
	_, err := ReadGit(c.t.Context(), config, func(events []whatchanged.Event) error {
		for _, e := range events {
			all = append(all, e.Attributes["ref"]+": "+e.Summary)
		}
		return nil
	})
	return strings.Join(all, ", "), err
}

func TestAFetchedCloneIsReadAsItsRemoteIs(t *testing.T) {
	for _, tt := range []struct {
		claim string
		clone []string // arguments
		then  func(*cloned)
		ref   string
		want  string
	}{
		{"the upstream of the branch that is checked out", nil, func(*cloned) {}, "", "main: the first, main: the second"},
		{"of another branch", nil, func(c *cloned) { c.git("push", "-q", "origin", "HEAD~:refs/heads/old"); c.in(c.clone, "fetch", "-q") }, "old", "old: the first"},
		{"of a branch of another name", nil, func(c *cloned) { c.in(c.clone, "branch", "-m", "main", "mine") }, "", "main: the first, main: the second"},
		{"a ref of the remote that is named", nil, func(*cloned) {}, "origin/main", "origin/main: the first, origin/main: the second"},
		{"the default of the remote when no branch is checked out", nil, func(c *cloned) { c.in(c.clone, "checkout", "-q", "--detach") }, "", "main: the first, main: the second"},
		{"a remote of another name", []string{"-o", "upstream"}, func(*cloned) {}, "", "main: the first, main: the second"},
		{"a mirror", []string{"--mirror"}, func(*cloned) {}, "", "main: the first, main: the second"},
		{"a branch of a mirror", []string{"--mirror"}, func(*cloned) {}, "main", "main: the first, main: the second"},
		{"what was forced there", nil, func(c *cloned) {
			c.git("commit", "-q", "--amend", "--allow-empty", "-m", "another")
			c.git("push", "-qf", "origin", "main")
		}, "", "main: the first, main: another"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			c := newCloned(t, tt.clone...)
			c.push("the second", "main")
			tt.then(c)
			if got, err := c.landings(GitConfig{Ref: tt.ref}); got != tt.want || err != nil {
				t.Errorf("read %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestAFetchLeavesTheCloneToWhoeverWorksInIt(t *testing.T) {
	c := newCloned(t)
	write := func(file, content string) {
		if err := os.WriteFile(filepath.Join(c.clone, file), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("staged", "a")
	c.in(c.clone, "add", "staged")
	write("loose", "b")
	state := func() string {
		return c.in(c.clone, "status", "--porcelain") + c.in(c.clone, "rev-parse", "HEAD", "refs/heads/main")
	}
	was := state()
	c.push("the second", "main")
	if got, err := c.landings(GitConfig{}); !strings.HasSuffix(got, "the second") || err != nil {
		t.Fatalf("read %q, %v", got, err)
	}
	if state() != was {
		t.Errorf("it was %q and is %q", was, state())
	}
	if _, err := os.Stat(filepath.Join(c.clone, ".git", "FETCH_HEAD")); !os.IsNotExist(err) {
		t.Errorf("FETCH_HEAD is there: %v", err)
	}
}

func TestAFetchThatFailsSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		claim string
		then  func(*cloned)
		code  whatchanged.Code
		field string
		says  string
	}{
		{"the remote is away", func(c *cloned) { _ = os.Rename(c.remote, c.remote+".away") }, whatchanged.CodeUnavailable, "fetch", "does not appear to be a git repository"},
		{"there is no remote", func(c *cloned) { c.in(c.clone, "remote", "remove", "origin") }, whatchanged.CodeInvalidArgument, "fetch", "git clone --mirror"},
		{"nothing says which branch", func(c *cloned) {
			c.in(c.clone, "checkout", "-q", "--detach")
			c.in(c.clone, "remote", "set-head", "origin", "-d")
		}, whatchanged.CodeInvalidArgument, "ref", "origin/main"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			c := newCloned(t)
			tt.then(c)
			_, err := c.landings(GitConfig{})
			if e := whatchanged.AsError(err); e == nil || e.Code != tt.code || e.Field != tt.field || !strings.Contains(e.Error(), tt.says) {
				t.Errorf("got %v, want %s in %s that says %q", err, tt.code, tt.field, tt.says)
			}
		})
	}
}

func TestAFetchAsksNobodyForAPassword(t *testing.T) {
	locked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer locked.Close()
	dir := t.TempDir()
	ask, asked, session := filepath.Join(dir, "ask"), filepath.Join(dir, "asked"), filepath.Join(dir, "session")
	script := func(text string) {
		if err := os.WriteFile(ask, []byte("#!/bin/sh\n"+text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	sessionOf := func(file string) string {
		stat, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(stat[strings.LastIndex(string(stat), ")"):]))[4]
	}
	c := newCloned(t)
	for _, name := range []string{"GIT_ASKPASS", "SSH_ASKPASS"} {
		t.Setenv(name, ask)
	}
	script("echo >>" + asked + "\necho secret\n")
	c.in(c.clone, "config", "remote.origin.url", locked.URL+"/shop.git")
	if _, err := c.landings(GitConfig{}); whatchanged.AsError(err).Code != whatchanged.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(asked); !os.IsNotExist(err) {
		t.Errorf("somebody was asked: %v", err)
	}
	// What ssh asks it asks at the terminal of its session.
	script("cat /proc/self/stat >" + session + "\nexit 9\n")
	c.in(c.clone, "config", "core.sshCommand", ask)
	c.in(c.clone, "config", "remote.origin.url", "ssh://git@localhost/shop.git")
	if _, err := c.landings(GitConfig{}); whatchanged.AsError(err).Code != whatchanged.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	if sessionOf(session) == sessionOf("/proc/self/stat") {
		t.Error("ssh is run in our session, and can ask at its terminal")
	}
}

func TestAFetchEndsWithItsContextAndAllThatItRuns(t *testing.T) {
	dir := t.TempDir()
	ssh, alive := filepath.Join(dir, "ssh"), filepath.Join(dir, "alive")
	if err := syscall.Mkfifo(alive, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ssh, []byte("#!/bin/sh\nexec 3>"+alive+"\necho >&3\nexec tail -f /dev/null\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	c := newCloned(t)
	c.in(c.clone, "config", "core.sshCommand", ssh)
	c.in(c.clone, "config", "remote.origin.url", "ssh://git@localhost/shop.git")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := ReadGit(ctx, GitConfig{Path: c.clone, Fetch: true}, func([]whatchanged.Event) error { return nil })
		done <- err
	}()
	pipe, err := os.Open(alive) // once ssh has opened it too
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if _, err := pipe.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := io.Copy(io.Discard, pipe); err != nil { // ends when ssh does
		t.Error(err)
	}
}

func TestAFetchThatFailedIsTriedAgain(t *testing.T) {
	c := newCloned(t)
	if err := os.Rename(c.remote, c.remote+".away"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.landings(GitConfig{}); err == nil || got != "" {
		t.Errorf("read %q of a remote that is away", got)
	}
	if err := os.Rename(c.remote+".away", c.remote); err != nil {
		t.Fatal(err)
	}
	c.push("the second", "main")
	if got, err := c.landings(GitConfig{}); got != "main: the first, main: the second" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}
