package mcp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/mcp"

	"whatchanged.dev/whatchanged/resolvers"
)

// over exchanges with a server over HTTP.
func over(url string) mcp.Exchange {
	return mcp.Over(func(ctx context.Context, header http.Header, message []byte) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(message))
		if err != nil {
			return nil, err
		}
		req.Header = header
		return http.DefaultClient.Do(req)
	})
}

// bridge sends lines and returns the answers by id.
func bridge(t *testing.T, exchange mcp.Exchange, lines ...string) map[string]map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := mcp.Bridge(t.Context(), strings.NewReader(strings.Join(lines, "\n")+"\n"), &out, exchange); err != nil {
		t.Fatal(err)
	}
	answers := map[string]map[string]any{}
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		id, _ := json.Marshal(m["id"])
		answers[string(id)] = m
	}
	return answers
}

func TestBridge(t *testing.T) {
	t.Run("to a server elsewhere", func(t *testing.T) { testBridge(t, over(serve(t, newWorld(3), discard()).URL)) })
	t.Run("to one in this process", func(t *testing.T) {
		within := mcp.Within(handler(resolver(t, newWorld(3), discard()), discard()))
		testBridge(t, func(ctx context.Context, header map[string]string, message []byte, tell func([]byte)) ([]byte, error) {
			return within(resolvers.WithViewer(ctx, resolvers.Viewer{Who: "ann"}), header, message, tell)
		})
	})
}

// testBridge: all that was asked is answered, though the input ends meanwhile.
func testBridge(t *testing.T, exchange mcp.Exchange) {
	answers := bridge(t, exchange,
		// a client with a handshake
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"old","version":"1"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		``,
		`{"jsonrpc":"2.0","id":"two","method":"tools/list"}`,
		`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"what_changed","arguments":{}}}`,
		// and one without
		`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"timeline","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"new","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`,
		`not JSON`)
	if len(answers) != 5 {
		t.Errorf("%d answers: %v", len(answers), answers)
	}
	if r, ok := answers["1"]["result"].(map[string]any); !ok || r["protocolVersion"] != "2025-11-25" {
		t.Errorf("initialize: %v", answers["1"])
	}
	if r, ok := answers[`"two"`]["result"].(map[string]any); !ok || len(r["tools"].([]any)) != len(resolvers.Questions) {
		t.Errorf("list: %v", answers[`"two"`])
	}
	for _, id := range []string{"3", "4"} {
		if r, ok := answers[id]["result"].(map[string]any); !ok || r["structuredContent"] == nil {
			t.Errorf("call %s: %v", id, answers[id])
		}
	}
	if e, ok := answers["null"]["error"].(map[string]any); !ok || e["code"] != -32700.0 {
		t.Errorf("what is not JSON: %v", answers["null"])
	}
}

func TestBridgeTellsOfAServerThatIsAway(t *testing.T) {
	away := func(context.Context, map[string]string, []byte, func([]byte)) ([]byte, error) {
		return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "no answer").In("server")
	}
	answers := bridge(t, away, `{"jsonrpc":"2.0","id":1,"method":"ping"}`, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	e, _ := answers["1"]["error"].(map[string]any)
	if len(answers) != 1 || e["code"] != -32603.0 || e["message"] != "server: no answer" {
		t.Errorf("got %v", answers)
	}
	page := func(context.Context, map[string]string, []byte, func([]byte)) ([]byte, error) {
		return []byte("<html>\n"), nil
	}
	if e, _ := bridge(t, page, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)["1"]["error"].(map[string]any); e["message"] != "internal error" {
		t.Errorf("got %v", e)
	}
}

// TestBridgeCancels: the client's cancellation ends its own request, and there
// is no answer to it; others go on.
func TestBridgeCancels(t *testing.T) {
	in, client := io.Pipe()
	answers, out := io.Pipe()
	begun := make(chan struct{})
	exchange := func(ctx context.Context, _ map[string]string, message []byte, _ func([]byte)) ([]byte, error) {
		if !bytes.Contains(message, []byte(`"slow"`)) {
			return []byte("{\"jsonrpc\":\"2.0\",\n\"id\":2,\"result\":{}}"), nil
		}
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ended := make(chan error)
	go func() { ended <- mcp.Bridge(t.Context(), in, out, exchange); _ = out.Close() }()
	write := func(line string) {
		if _, err := io.WriteString(client, line+"\n"); err != nil {
			t.Error(err)
		}
	}
	write(`{"jsonrpc":"2.0","id":"slow","method":"tools/call"}`)
	<-begun
	write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"other"}}`)
	write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"slow"}}`)
	write(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	lines := bufio.NewScanner(answers)
	if !lines.Scan() || lines.Text() != `{"jsonrpc":"2.0","id":2,"result":{}}` {
		t.Errorf("got %q", lines.Text())
	}
	_ = client.Close() // ends only once the slow one has
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if lines.Scan() {
		t.Errorf("a further answer %q", lines.Text())
	}
}

// TestBridgeStopsWhenTold, though the client neither writes nor goes away.
func TestBridgeStopsWhenTold(t *testing.T) {
	in, client := io.Pipe()
	defer client.Close()
	begun := make(chan struct{})
	exchange := func(ctx context.Context, _ map[string]string, _ []byte, _ func([]byte)) ([]byte, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- mcp.Bridge(ctx, in, io.Discard, exchange) }()
	if _, err := io.WriteString(client, `{"jsonrpc":"2.0","id":1,"method":"tools/call"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestBridgeRefusesALineWithoutEnd(t *testing.T) {
	line := slices.Repeat([]byte("x"), 300<<10)
	if err := mcp.Bridge(t.Context(), bytes.NewReader(line), io.Discard, over("")); err == nil {
		t.Error("a line of 300 KiB was taken")
	}
}
