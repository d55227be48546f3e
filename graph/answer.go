package graph

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"whatchanged.dev/whatchanged"
)

// conforming passes good answers through and holds back the others, which are
// small, so that they can be corrected: it leaves out "data" when nothing was
// executed, answers 200 in application/json and 400 in
// application/graphql-response+json to what does not validate, and gives every
// error a code.
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
	var m struct {
		Errors     []map[string]any `json:"errors"`
		Extensions json.RawMessage  `json:"extensions,omitempty"`
	}
	if json.Unmarshal(body, &m) == nil {
		status = c.rewrite(status, body)
		for _, e := range m.Errors {
			if e["extensions"] == nil {
				e["extensions"] = map[string]any{"code": whatchanged.CodeInvalidArgument}
			}
		}
		body = must(json.Marshal(m))
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
	case status == http.StatusUnprocessableEntity && strings.HasPrefix(c.Header().Get("Content-Type"), typeJSON):
		return http.StatusOK
	}
	return status
}
