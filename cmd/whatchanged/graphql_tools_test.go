package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/remote"
)

// nodeTools are scripts that ask a server as outside tools do. What they need
// is pinned by the lock file beside them.
const nodeTools = "testdata/graphql"

// nodeModules returns the folder with the packages of the lock file. They are
// installed once, outside of the repository, for each version of that file.
func nodeModules(t testing.TB) string {
	t.Helper()
	lock, err := os.ReadFile(filepath.Join(nodeTools, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	folder := filepath.Join(cache, "whatchanged", "graphql-tools", hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	beside, err := os.MkdirTemp(filepath.Dir(folder), "installing-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(beside)
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		b, err := os.ReadFile(filepath.Join(nodeTools, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(beside, name), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = beside
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	if err := os.Rename(beside, folder); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(folder); there != nil { // nobody else was quicker
			t.Fatal(err)
		}
	}
	return folder
}

// node runs one of the scripts and fails the test if it does not end well.
func node(t testing.TB, script string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join(nodeTools, script)}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_DEPS="+nodeModules(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// shop starts a server that has taken in the deliveries of the demo's shop.
func shop(t testing.TB, args ...string) (*process, *remote.Server) {
	t.Helper()
	s := serving(t, t.TempDir(), append([]string{"--webhook-secret", "github=secret"}, args...)...)
	server := &remote.Server{URL: s.url, Agent: "test"}
	var out strings.Builder
	if _, err := sendEstate(t.Context(), &out, server, time.Now().UTC(), "secret"); err != nil {
		t.Fatal(err)
	}
	return s, server
}

// TestOutsideToolsFindNothingWrong: the audits of GraphQL over HTTP, and a walk
// over all that is a Relay connection.
func TestOutsideToolsFindNothingWrong(t *testing.T) {
	s, _ := shop(t)
	for _, tt := range []struct{ claim, script, want string }{
		{"every audit of graphql-http passes", "audit.mjs", "61 audits passed, 0 failed"},
		{"connections and global ids are as Relay wants them", "relay.mjs", " 0 failed"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if out := node(t, tt.script, s.url+"/graphql"); !strings.Contains(out, tt.want) {
				t.Errorf("nothing says %q:\n%s", tt.want, out)
			}
		})
	}
}

