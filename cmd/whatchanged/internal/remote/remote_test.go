package remote_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/remote"
	"whatchanged.dev/whatchanged/resolvers"
)

// serving answers every request alike.
func serving(t *testing.T, status int, body string) *remote.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" || r.UserAgent() != "agent" {
			t.Errorf("headers %v", r.Header)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return &remote.Server{URL: s.URL + "/", Token: "token", Agent: "agent"}
}

const problem = `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"want a token","code":"UNAUTHENTICATED"}`

// TestAsk: whatever a server answers, the error has a code with an exit status
// of its own.
func TestAsk(t *testing.T) {
	find, _ := resolvers.Lookup("find")
	for _, tt := range []struct {
		claim  string
		status int
		body   string
		code   whatchanged.Code
		text   string
	}{
		{"an answer", 200, `{"data":{"find":{"verdict":"yes"}}}`, "", ""},
		{"a refusal", 200, `{"errors":[{"message":"query: empty","extensions":{"code":"INVALID_ARGUMENT","field":"query"}}]}`, whatchanged.CodeInvalidArgument, "query: empty"},
		{"turned away at the door", 401, problem, whatchanged.CodeUnauthenticated, "want a token"},
		{"a code we do not know", 200, `{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"}}]}`, whatchanged.CodeInternal, "no"},
		{"no code", 200, `{"errors":[{"message":"no"}]}`, whatchanged.CodeInternal, "no"},
		{"a page of something else", 200, `<html>`, whatchanged.CodeUnavailable, ""},
		{"JSON of something else", 404, `{"error":"not found"}`, whatchanged.CodeUnavailable, ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a, err := serving(t, tt.status, tt.body).Ask(t.Context(), find, map[string]any{"query": "x"})
			if whatchanged.CodeOf(err) != tt.code || tt.text != "" && err.Error() != tt.text {
				t.Errorf("got %s: %v", whatchanged.CodeOf(err), err)
			}
			if tt.code == "" && a.Head().Verdict != "yes" {
				t.Errorf("got %+v", a)
			}
		})
	}
	for _, url := range []string{"http://127.0.0.1:1", "ftp://x", "::"} {
		if _, err := (remote.Server{URL: url}).Ask(t.Context(), find, nil); !errors.Is(err, whatchanged.ErrUnavailable) && !errors.Is(err, whatchanged.ErrInvalid) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
