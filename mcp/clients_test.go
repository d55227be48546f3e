package mcp_test

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"whatchanged.dev/whatchanged/fixtures/node"
	own "whatchanged.dev/whatchanged/mcp"
	"whatchanged.dev/whatchanged/resolvers"
)

// TestTypeScriptClients: the official ones, in both eras.
func TestTypeScriptClients(t *testing.T) {
	s := serve(t, newWorld(30), discard())
	in := node.Install(t, suite)
	out, err := exec.CommandContext(t.Context(), node.Binary(in), filepath.Join(suite, "clients.mjs"), filepath.Join(in, "node_modules"), s.URL,
		"what_changed", `{"scope":["web"],"limit":3}`).CombinedOutput()
	if err != nil || strings.Count(string(out), "ok ") != 4 {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestInspector: its lint finds no error in the schemas of the tools.
func TestInspector(t *testing.T) {
	s := serve(t, newWorld(3), discard())
	in := node.Install(t, suite)
	for _, era := range []string{"legacy", "modern"} {
		cmd := exec.CommandContext(t.Context(), node.Binary(in), filepath.Join(in, "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"),
			"--cli", s.URL, "--transport", "http", "--protocol-era", era, "--method", "tools/list", "--strict")
		cmd.Env = append(cmd.Environ(), "MCP_CATALOG_PATH="+filepath.Join(t.TempDir(), "mcp.json"))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "\n0 errors") {
			t.Errorf("%s: %v:\n%s", era, err, out)
		}
	}
}

// TestGoClient: the official one, over HTTP and over the bridge of standard
// input and output.
func TestGoClient(t *testing.T) {
	w := newWorld(30)
	s := serve(t, w, discard())
	toServer, fromClient := io.Pipe()
	toClient, fromServer := io.Pipe()
	ctx, cancel := context.WithCancel(resolvers.WithViewer(t.Context(), resolvers.Viewer{Who: "ann"}))
	bridged := make(chan error, 1)
	go func() {
		bridged <- own.Bridge(ctx, toServer, fromServer, own.Within(handler(resolver(t, w, discard()), discard())))
	}()
	for name, transport := range map[string]mcp.Transport{
		"http":  &mcp.StreamableClientTransport{Endpoint: s.URL},
		"stdio": &mcp.IOTransport{Reader: toClient, Writer: fromClient},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := mcp.NewClient(&mcp.Implementation{Name: "clients", Version: "0"}, nil).Connect(ctx, transport, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			list, err := c.ListTools(ctx, nil)
			if err != nil || len(list.Tools) != len(resolvers.Questions) {
				t.Errorf("%v %v", list, err)
			}
			if p, err := c.ListPrompts(ctx, nil); err != nil || len(p.Prompts) != 4 {
				t.Errorf("%v %v", p, err)
			}
			if r, err := c.ReadResource(ctx, &mcp.ReadResourceParams{URI: "prod://change/deploy/003"}); err != nil || !strings.Contains(r.Contents[0].Text, "deploy/003") {
				t.Errorf("%v %v", r, err)
			}
			r, err := c.CallTool(ctx, &mcp.CallToolParams{Name: "what_changed", Arguments: map[string]any{"scope": []string{"web"}}})
			if err != nil || r.IsError || r.StructuredContent == nil {
				t.Errorf("%v %v", r, err)
			}
		})
	}
	cancel()
	_ = fromClient.Close()
	if err := <-bridged; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
