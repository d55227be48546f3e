package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"whatchanged.dev/whatchanged/resolvers"
)

// maxBody bounds one request. Arguments are short.
const maxBody = 256 << 10

// NewHandler serves s over stateless streamable HTTP; r is who follows what
// clients listen to. What mcp-go leaves open is closed here: bodies are
// bounded, other methods than the transport's are refused, failures are told as
// the protocol has them, and a cancellation by id is dropped, because without
// sessions all callers share one space of ids (they cancel by closing the
// request). Streams end when r drains.
// Origins and identity are checked further out, for all surfaces alike.
func NewHandler(s *server.MCPServer, r *resolvers.Resolver) http.Handler {
	return &handler{server: s, next: server.NewStreamableHTTPServer(s, server.WithStateLess(true)), resolver: r}
}

type handler struct {
	server   *server.MCPServer
	next     http.Handler
	resolver *resolvers.Resolver
}

// listsChange says whether the lists of tools or of prompts may change while
// the server runs.
func (h *handler) listsChange(ctx context.Context) bool {
	b, err := json.Marshal(h.server.HandleMessage(ctx, []byte(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"self","version":"0"}}}`)))
	return err == nil && bytes.Contains(b, []byte(`"listChanged":true`))
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost { // no session to resume or to end
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "want POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request body: want at most 256 KiB", http.StatusRequestEntityTooLarge)
		return
	}
	m := read(body)
	r.Body = inMemory(body)
	switch {
	case m.Method == "notifications/cancelled":
		w.WriteHeader(http.StatusAccepted)
	case m.Method == "resources/subscribe", m.Method == "resources/unsubscribe":
		// There is no session to keep it in, so nothing would ever be told.
		w.Header().Set("Content-Type", "application/json")
		if m.modern() {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write(methodNotFound(m.ID))
	case m.Method == listen:
		h.listening(w, r, m, body)
	case m.faulty():
		serveMended(w, r, m, h.next)
	default:
		h.next.ServeHTTP(w, r)
	}
}

// methodNotFound answers a JSON-RPC request as one of a method there is not.
func methodNotFound(id json.RawMessage) []byte {
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": mcpgo.METHOD_NOT_FOUND, "message": "method not found"}})
	if err != nil {
		return nil // id was JSON
	}
	return b
}

// A memory is a body that has been read.
type memory struct{ *bytes.Reader }

func inMemory(body []byte) *memory { return &memory{bytes.NewReader(body)} }

// Close implements [io.Closer].
func (*memory) Close() error { return nil }
