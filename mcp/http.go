package mcp

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/mark3labs/mcp-go/server"
)

// maxBody bounds one request. Arguments are short.
const maxBody = 256 << 10

// NewHandler serves s over stateless streamable HTTP. What mcp-go leaves open
// is closed here: bodies are bounded, other methods than the transport's are
// refused, so are streams of news, since there are none, and a cancellation by
// id is dropped, because without sessions all callers share one space of ids
// (they cancel by closing the request).
// Origins and identity are checked further out, for all surfaces alike.
func NewHandler(s *server.MCPServer) http.Handler {
	next := server.NewStreamableHTTPServer(s, server.WithStateLess(true))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost { // no stream to open, no session to end
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
		r.Body = io.NopCloser(bytes.NewReader(body))
		switch {
		case m.Method == "notifications/cancelled":
			w.WriteHeader(http.StatusAccepted)
		case m.Method == listen:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write(methodNotFound(m.ID))
		case m.faulty():
			serveMended(w, r, m, next)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// listen is the method that asks for a stream of news.
const listen = "subscriptions/listen"

// methodNotFound answers a JSON-RPC request as one of a method there is not.
func methodNotFound(id json.RawMessage) []byte {
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": -32601, "message": "method not found"}})
	if err != nil {
		return nil // id was JSON
	}
	return b
}
