package mcp_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/mcp"
)

// TestExchange: whatever a server answers, an assistant takes nothing for an
// answer that is none.
func TestExchange(t *testing.T) {
	const problem = `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"want a token","code":"UNAUTHENTICATED"}`
	for _, tt := range []struct {
		claim        string
		status       int
		kind, body   string
		want, before string
		code         whatchanged.Code
	}{
		{"an answer", 200, "application/json", `{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":1,"result":{}}`, "", ""},
		{"an error of the protocol", 400, "application/json", `{"jsonrpc":"2.0","id":1,"error":{}}`, `{"jsonrpc":"2.0","id":1,"error":{}}`, "", ""},
		{"nothing to a notification", 202, "", ``, "", "", ""},
		{"turned away at the door", 401, "application/problem+json", problem, "", "", whatchanged.CodeUnauthenticated},
		{"a page", 502, "text/html", `<html>`, "", "", whatchanged.CodeUnavailable},
		{"a stream, what is told before and the answer", 200, "text/event-stream",
			": hello\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"method\":\"a\"}\n\ndata:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\ndata: {\"method\":\"late\"}\n\n",
			`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","method":"a"}`, ""},
		{"a stream that breaks off", 200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n\n", "", `{"jsonrpc":"2.0","method":"a"}`, whatchanged.CodeUnavailable},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			exchange := mcp.Over(func(context.Context, http.Header, []byte) (*http.Response, error) {
				return &http.Response{StatusCode: tt.status, Header: http.Header{"Content-Type": {tt.kind}}, Body: io.NopCloser(strings.NewReader(tt.body))}, nil
			})
			var told []string
			got, err := exchange(t.Context(), nil, []byte(`{}`), func(b []byte) { told = append(told, string(b)) })
			if err != nil {
				got = nil
			}
			if string(got) != tt.want || strings.Join(told, "|") != tt.before || whatchanged.CodeOf(err) != tt.code {
				t.Errorf("got %s after %v, %v", got, told, err)
			}
		})
	}
}
