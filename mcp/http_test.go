package mcp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"whatchanged.dev/whatchanged/resolvers"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestClientsOfBothEras: those with a handshake, and those without.
func TestClientsOfBothEras(t *testing.T) {
	s := serve(t, newWorld(3), discard())
	for _, version := range []string{mcpgo.ProtocolVersion20251125, mcpgo.ProtocolVersion20260728} {
		t.Run(version, func(t *testing.T) {
			c, err := client.NewStreamableHttpClient(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			client.WithProtocolVersion(version)(c)
			if err := c.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Initialize(t.Context(), mcpgo.InitializeRequest{}); err != nil {
				t.Fatal(err)
			}
			if c.ProtocolVersion() != version {
				t.Errorf("speaks %s", c.ProtocolVersion())
			}
			list, err := c.ListTools(t.Context(), mcpgo.ListToolsRequest{})
			if err != nil || len(list.Tools) != len(resolvers.Questions) {
				t.Errorf("%d tools, %v", len(list.Tools), err)
			}
			if r := call(t, c, "what_changed", nil); r.isError || len(idsOf(r.content)) != 3 {
				t.Errorf("got %s", r.text)
			}
		})
	}
}

// postModern posts what a client of 2026-07-28 does, headers and all.
func postModern(t *testing.T, url, method string, params map[string]any, change ...func(http.Header)) (int, map[string]any) {
	t.Helper()
	meta := map[string]any{
		"io.modelcontextprotocol/protocolVersion":    "2026-07-28",
		"io.modelcontextprotocol/clientInfo":         map[string]any{"name": "probe", "version": "9"},
		"io.modelcontextprotocol/clientCapabilities": map[string]any{},
	}
	if more, ok := params["_meta"].(map[string]any); ok {
		maps.Copy(meta, more)
	}
	params["_meta"] = meta
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {method}}
	if name, ok := params["name"].(string); ok {
		header.Set("Mcp-Name", name)
	}
	for _, c := range change {
		c(header)
	}
	return post(t, http.MethodPost, url, header, bytes.NewReader(body))
}

func post(t *testing.T, method, url string, header http.Header, body io.Reader) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	_ = json.Unmarshal(b, &m) // some answers are plain text
	return res.StatusCode, m
}

func TestModernRequests(t *testing.T) {
	s := serve(t, newWorld(3), discard())
	status, m := postModern(t, s.URL, "server/discover", map[string]any{})
	result, _ := m["result"].(map[string]any)
	if status != http.StatusOK || result == nil {
		t.Fatalf("discover: %d %v", status, m)
	}
	if _, ok := result["capabilities"].(map[string]any)["tools"]; !ok {
		t.Errorf("capabilities %v", result["capabilities"])
	}
	status, m = postModern(t, s.URL, "tools/list", map[string]any{})
	result, _ = m["result"].(map[string]any)
	if status != http.StatusOK || result["resultType"] != "complete" || result["ttlMs"] != 300_000.0 || result["cacheScope"] != "public" {
		t.Errorf("list: %d %v %v %v", status, result["resultType"], result["ttlMs"], result["cacheScope"])
	}
	status, m = postModern(t, s.URL, "tools/call", map[string]any{"name": "what_changed", "arguments": map[string]any{"limit": 2}})
	result, _ = m["result"].(map[string]any)
	if content, ok := result["structuredContent"].(map[string]any); status != http.StatusOK || !ok || len(idsOf(content)) != 2 {
		t.Errorf("call: %d %v", status, m)
	}
	status, m = postModern(t, s.URL, "tools/call", map[string]any{"name": "what_changed"}, func(h http.Header) { h.Set("Mcp-Name", "timeline") })
	if e, ok := m["error"].(map[string]any); status != http.StatusBadRequest || !ok || e["code"] != -32020.0 {
		t.Errorf("headers that differ from the body: %d %v", status, m)
	}
	status, m = postModern(t, s.URL, "tools/call", map[string]any{"name": "drop_tables"})
	if e, ok := m["error"].(map[string]any); !ok || e["code"] != -32602.0 {
		t.Errorf("an unknown tool: %d %v", status, m)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	s := serve(t, newWorld(0), discard())
	message := `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"pad":"` + strings.Repeat("x", 256<<10) + `"}}`
	if status, _ := post(t, http.MethodPost, s.URL, http.Header{}, strings.NewReader(message)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d", status)
	}
}

// TestNobodyCancelsForAnother: without sessions an id names anybody's request.
func TestNobodyCancelsForAnother(t *testing.T) {
	s := serve(t, newWorld(0), discard())
	status, _ := post(t, http.MethodPost, s.URL, http.Header{}, strings.NewReader(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`))
	if status != http.StatusAccepted {
		t.Errorf("got %d", status)
	}
}
