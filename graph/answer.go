package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

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

	refused int // status of an operation that was turned away
}

type answerKey struct{}

// withAnswer lets what runs an operation say how its answer is to be sent.
func withAnswer(ctx context.Context, c *conforming) context.Context {
	return context.WithValue(ctx, answerKey{}, c)
}

// turnAway has an answer sent with the status of a code, where the media type
// has room for that, and says when to ask again.
func turnAway(ctx context.Context, code whatchanged.Code, again time.Duration) {
	if c, ok := ctx.Value(answerKey{}).(*conforming); ok {
		c.refused = whatchanged.Codes[code].HTTP
		c.Header().Set("Retry-After", strconv.Itoa(int(again/time.Second)))
	}
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
	if c.status == 0 && c.refused != 0 && c.Header().Get("Content-Type") == typeResponse {
		c.WriteHeader(c.refused)
	}
	c.WriteHeader(http.StatusOK) // unless another was written
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
