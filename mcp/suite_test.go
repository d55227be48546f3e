package mcp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"whatchanged.dev/whatchanged/fixtures/node"
	"whatchanged.dev/whatchanged/mcp"
	"whatchanged.dev/whatchanged/resolvers"
)

const suite = "testdata/suite"

// revisions are those that the suite has requirements for.
var revisions = []string{mcpgo.ProtocolVersion20251125, mcpgo.ProtocolVersion20260728}

// TestConformance: the official suite finds nothing in what is served but what
// it needs its own tools for. A check of those that begins to pass fails too.
func TestConformance(t *testing.T) {
	s := serve(t, newWorld(30), discard())
	for _, rev := range revisions {
		t.Run(rev, func(t *testing.T) {
			conform(t, s.URL, rev, "--expected-failures", filepath.Join(suite, "without-fixtures-"+rev+".yml"))
		})
	}
}

// TestConformanceInFull: with the suite's own tools, every scenario that is
// scored passes. Those of 2025-11-25 that call the client need a session, which
// the product does not hand out, and so a transport of their own.
func TestConformanceInFull(t *testing.T) {
	r := resolver(t, newWorld(30), discard())
	s := mcp.NewServer(r, "test", discard(),
		server.WithToolCapabilities(true), server.WithPromptCapabilities(true), server.WithResourceCapabilities(true, true), server.WithElicitation())
	s.EnableSampling()
	addFixtures(s)
	for rev, h := range map[string]http.Handler{
		mcpgo.ProtocolVersion20251125: server.NewStreamableHTTPServer(s, server.WithStateful(true), server.WithSessionIdleTTL(time.Minute)),
		mcpgo.ProtocolVersion20260728: mcp.NewHandler(s, r),
	} {
		t.Run(rev, func(t *testing.T) {
			var args []string
			if mcpgo.IsModernProtocol(rev) {
				args = []string{"--expected-failures", filepath.Join(suite, "with-fixtures-"+rev+".yml")}
			}
			conform(t, listen(t, demanding(h)), rev, args...)
		})
	}
}

func conform(t *testing.T, url, rev string, args ...string) {
	t.Helper()
	in := node.Install(t, suite)
	args = append([]string{filepath.Join(in, "node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js"),
		"server", "--url", url, "-o", t.TempDir(), "--requirements", rev}, args...)
	out, err := exec.CommandContext(t.Context(), node.Binary(in), args...).CombinedOutput()
	_, summary, _ := strings.Cut(string(out), "=== SUMMARY ===")
	if err != nil || !strings.Contains(summary, "passed") {
		t.Errorf("%v:\n%s", err, summary)
	}
	t.Log(strings.TrimSpace(summary))
}

// listen serves h on a port of its own, as the viewer ann.
func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(resolvers.WithViewer(r.Context(), resolvers.Viewer{Who: "ann", Agent: r.UserAgent()})))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// demanding refuses test_missing_capability to who does not declare sampling,
// which mcp-go leaves a tool no way to do; and origins that are not local, as
// what serves the product does.
func demanding(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o := r.Header.Get("Origin"); o != "" && !strings.Contains(o, "//localhost") && !strings.Contains(o, "//127.0.0.1") {
			http.Error(w, "origin", http.StatusForbidden)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		var m struct {
			ID     json.RawMessage `json:"id"`
			Params struct {
				Name string `json:"name"`
				Meta struct {
					Capabilities map[string]any `json:"io.modelcontextprotocol/clientCapabilities"`
				} `json:"_meta"`
			} `json:"params"`
		}
		_ = json.Unmarshal(body, &m)
		if c := m.Params.Meta.Capabilities; m.Params.Name == "test_missing_capability" && c != nil && c["sampling"] == nil {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": m.ID, "error": map[string]any{"code": mcpgo.MISSING_REQUIRED_CLIENT_CAPABILITY,
				"message": "missing: sampling", "data": map[string]any{"requiredCapabilities": map[string]any{"sampling": map[string]any{}}}}})
			return
		}
		next.ServeHTTP(w, r)
	})
}
