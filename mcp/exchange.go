package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"whatchanged.dev/whatchanged"
)

// An Exchange sends one JSON-RPC message to the /mcp of a server and returns
// its answer, empty when there is none to be had (it was a notification). What
// the server tells before, it hands to tell, one message at a time.
type Exchange func(ctx context.Context, header map[string]string, message []byte, tell func([]byte)) ([]byte, error)

// maxAnswer bounds one message of a server, in bytes.
const maxAnswer = 64 << 20

// Over returns an Exchange that reads the responses which open gives.
func Over(open func(ctx context.Context, header http.Header, message []byte) (*http.Response, error)) Exchange {
	return func(ctx context.Context, header map[string]string, message []byte, tell func([]byte)) ([]byte, error) {
		h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
		for k, v := range header {
			h.Set(k, v)
		}
		res, err := open(ctx, h, message)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		switch {
		case res.StatusCode == http.StatusAccepted:
			return nil, nil
		case strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream"):
			return events(res.Body, tell)
		}
		body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		if err != nil {
			return nil, err
		}
		return body, turnedAway(res.StatusCode, body)
	}
}

// turnedAway returns why a body is no answer of JSON-RPC: who sent it did not
// read the message. No assistant takes that for an answer.
func turnedAway(status int, body []byte) error {
	var m struct {
		Version string           `json:"jsonrpc"`
		Code    whatchanged.Code `json:"code"`
		Detail  string           `json:"detail"`
	}
	switch err := json.Unmarshal(body, &m); {
	case m.Version != "":
		return nil
	case err == nil && m.Code != "":
		return &whatchanged.Error{Code: m.Code, Message: m.Detail}
	}
	return whatchanged.Errorf(whatchanged.CodeUnavailable, "the server answered %d without JSON-RPC", status).In("server")
}

// events reads server-sent events (WHATWG HTML, 9.2.6), of which each holds a
// message, until that which answers. A stream that ends without one was broken
// off.
func events(r io.Reader, tell func([]byte)) ([]byte, error) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxAnswer)
	var data []byte
	for s.Scan() {
		line := s.Bytes()
		if part, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(data, bytes.TrimPrefix(part, []byte(" "))...)
			continue
		}
		if len(line) > 0 || len(data) == 0 {
			continue // another field, or a comment
		}
		if m := read(data); m.Method == "" {
			return data, nil
		}
		tell(data)
		data = nil
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "the server ended the stream").In("server")
}

// Within returns an Exchange with a handler in this process. mcp-go has a server
// on standard input and output too, but it drops what it was asked when its
// input ends.
func Within(h http.Handler) Exchange {
	return Over(func(ctx context.Context, header http.Header, message []byte) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/mcp", bytes.NewReader(message))
		if err != nil {
			return nil, err
		}
		req.Header = header
		out, in := io.Pipe()
		w := &pipe{header: http.Header{}, body: in, begun: make(chan struct{})}
		go func() {
			h.ServeHTTP(w, req)
			w.WriteHeader(http.StatusOK)
			_ = in.Close()
		}()
		select {
		case <-w.begun:
			return &http.Response{StatusCode: w.status, Header: w.header, Body: out}, nil
		case <-ctx.Done():
			_ = out.Close()
			return nil, ctx.Err()
		}
	})
}

// A pipe is a response whose body is read as it is written.
type pipe struct {
	header http.Header
	status int
	body   *io.PipeWriter
	begun  chan struct{}
}

// Header implements [http.ResponseWriter].
func (p *pipe) Header() http.Header { return p.header }

// WriteHeader implements [http.ResponseWriter].
func (p *pipe) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
		close(p.begun)
	}
}

// Write implements [http.ResponseWriter].
func (p *pipe) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.body.Write(b)
}

// Flush implements [http.Flusher]: nothing is kept back.
func (p *pipe) Flush() {}
