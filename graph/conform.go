package graph

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"whatchanged.dev/whatchanged"
)

// methods are those a request may have.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodOptions}

// conform closes the gaps between gqlgen's transports and the GraphQL-over-HTTP
// specification: it refuses other methods (405), bounds the body (413), answers 415 to what is not JSON,
// leaves out "data" when nothing was executed, answers 200 in application/json
// and 400 in application/graphql-response+json to what does not validate.
func conform(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			refuse(w, http.StatusMethodNotAllowed, whatchanged.CodeInvalidArgument, "want POST, or GET for a query")
			return
		}
		if r.Method == http.MethodPost {
			if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "application/json" {
				refuse(w, http.StatusUnsupportedMediaType, whatchanged.CodeInvalidArgument, "Content-Type: want application/json")
				return
			}
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
			if err != nil {
				refuse(w, http.StatusRequestEntityTooLarge, whatchanged.CodeTooLarge, "request body: want at most 1 MiB")
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		c := &conforming{ResponseWriter: w, method: r.Method}
		next.ServeHTTP(c, r)
		c.finish()
	})
}

func refuse(w http.ResponseWriter, status int, code whatchanged.Code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{
		map[string]any{"message": message, "extensions": map[string]any{"code": code}}}})
}

// conforming passes good answers through and holds back the others, which are
// small, so that they can be rewritten.
type conforming struct {
	http.ResponseWriter
	method string
	status int
	held   *bytes.Buffer
}

// WriteHeader implements [http.ResponseWriter].
func (c *conforming) WriteHeader(status int) {
	if c.status != 0 {
		return
	}
	c.status = status
	if status >= 400 {
		c.held = &bytes.Buffer{}
		return
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (c *conforming) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	if c.held != nil {
		return c.held.Write(b)
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (c *conforming) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *conforming) finish() {
	if c.held == nil {
		return
	}
	body, status := c.held.Bytes(), c.status
	var m map[string]json.RawMessage
	if json.Unmarshal(body, &m) == nil {
		if string(m["data"]) == "null" {
			delete(m, "data")
			if b, err := json.Marshal(m); err == nil {
				body = b
			}
		}
		status = c.rewrite(status, body)
	}
	c.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.ResponseWriter.WriteHeader(status)
	_, _ = c.ResponseWriter.Write(body)
}

func (c *conforming) rewrite(status int, body []byte) int {
	switch {
	case bytes.Contains(body, []byte(`"no operation provided"`)):
		return http.StatusBadRequest
	case c.method == http.MethodGet && status == http.StatusNotAcceptable:
		c.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed
	case status == http.StatusUnprocessableEntity && strings.HasPrefix(c.Header().Get("Content-Type"), "application/json"):
		return http.StatusOK
	}
	return status
}
