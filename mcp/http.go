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
// refused, and a cancellation by id is dropped, because without sessions all
// callers share one space of ids (they cancel by closing the request).
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
		var m struct {
			Method string `json:"method"`
		}
		if json.Unmarshal(body, &m) == nil && m.Method == "notifications/cancelled" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}
