package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/remote"
	"whatchanged.dev/whatchanged/fixtures/node"
)

// outside are scripts that ask a server as outside tools do.
const outside = "testdata/graphql"

// script runs one of the scripts and fails the test if it does not end well.
func script(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join(outside, name)}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_DEPS="+node.Install(t, outside))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
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
			if out := script(t, tt.script, s.url+"/graphql"); !strings.Contains(out, tt.want) {
				t.Errorf("nothing says %q:\n%s", tt.want, out)
			}
		})
	}
}
