package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"whatchanged.dev/whatchanged"
)

// A fault is where the handler of a resource or of a prompt leaves why it
// refused. Tools refuse with a result; these can only fail, and mcp-go tells of
// every failure as an internal error, so its response is put right afterwards.
type fault struct{ err *whatchanged.Error }

type faultKey struct{}

// faulty says whether m asks for what may fail in a handler of ours.
func (m message) faulty() bool { return m.Method == "resources/read" || m.Method == "prompts/get" }

func withFault(ctx context.Context) (context.Context, *fault) {
	f := &fault{}
	return context.WithValue(ctx, faultKey{}, f), f
}

// fail notes why a handler refuses, and returns what it may tell of it.
func fail(ctx context.Context, err error) error {
	e := whatchanged.AsError(err)
	if f, ok := ctx.Value(faultKey{}).(*fault); ok {
		f.err = e
	}
	return e
}

// mend gives the failure in a response the code that the protocol has for it,
// and says in its data which resource was asked for and why it was refused. A
// response that is none is left as it is.
func (f *fault) mend(m message, response []byte) (mended []byte, failed bool) {
	var r struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   *struct {
			Code    int            `json:"code"`
			Message string         `json:"message"`
			Data    map[string]any `json:"data,omitempty"`
		} `json:"error"`
	}
	if json.Unmarshal(response, &r) != nil || r.Error == nil {
		return response, false
	}
	if r.Error.Data = map[string]any{}; m.Params.URI != "" {
		r.Error.Data["uri"] = m.Params.URI
	}
	if f.err != nil {
		r.Error.Code = f.code(m)
		r.Error.Data["code"] = f.err.Code
		if len(f.err.Suggest) > 0 {
			r.Error.Data["suggest"] = f.err.Suggest
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return response, false // it was JSON
	}
	return b, true
}

// code is what the era of the client has for the refusal. That a resource does
// not exist is an invalid parameter since 2026-07-28.
func (f *fault) code(m message) int {
	switch f.err.Code {
	case whatchanged.CodeNotFound:
		if m.Method == "resources/read" && !m.modern() {
			return mcpgo.RESOURCE_NOT_FOUND
		}
		return mcpgo.INVALID_PARAMS
	case whatchanged.CodeInvalidArgument, whatchanged.CodeAmbiguous, whatchanged.CodeTooLarge:
		return mcpgo.INVALID_PARAMS
	}
	return mcpgo.INTERNAL_ERROR
}

// A recorder keeps a response until it has been put right.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// serveMended lets next answer r, and puts the failure in its response right.
func serveMended(w http.ResponseWriter, r *http.Request, m message, next http.Handler) {
	ctx, f := withFault(r.Context())
	rec := recorder{header: w.Header(), status: http.StatusOK}
	next.ServeHTTP(&rec, r.WithContext(ctx))
	body, failed := f.mend(m, rec.body.Bytes())
	if failed && f.err != nil && m.modern() && f.code(m) == mcpgo.INVALID_PARAMS { // older clients take another status for a broken connection
		rec.status = http.StatusBadRequest
	}
	w.WriteHeader(rec.status)
	_, _ = w.Write(body)
}
