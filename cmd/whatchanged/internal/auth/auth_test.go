package auth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/auth"
)

func TestOnlyLoopbackIsServedWithoutTokens(t *testing.T) {
	tokens := map[string]string{"ci": "secret"}
	for _, tt := range []struct {
		listen string
		tokens map[string]string
		ok     bool
	}{
		{"127.0.0.1:8080", nil, true},
		{"127.9.9.9:8080", nil, true},
		{"[::1]:8080", nil, true},
		{"localhost:0", nil, true},
		{":8080", nil, false},
		{"0.0.0.0:8080", nil, false},
		{"[::]:8080", nil, false},
		{"10.0.0.1:8080", nil, false},
		{"example.com:8080", nil, false},
		{"8080", nil, false},
		{"0.0.0.0:8080", tokens, true},
		{":8080", tokens, true},
		{"8080", tokens, false},
		{"127.0.0.1:8080", map[string]string{"ci": " "}, false},
	} {
		err := auth.Config{Tokens: tt.tokens}.CheckListen(tt.listen)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, whatchanged.ErrInvalid) {
			t.Errorf("%s with %d tokens: %v", tt.listen, len(tt.tokens), err)
		}
	}
}

func TestGuard(t *testing.T) {
	tokens := map[string]string{"ann": "first", "ci": "second"}
	bearer := func(s string) http.Header { return http.Header{"Authorization": {s}} }
	origin := func(s string) http.Header { return http.Header{"Origin": {s}} }
	for _, tt := range []struct {
		claim  string
		tokens map[string]string
		host   string
		path   string
		header http.Header
		status int
		who    string // as the handler sees it, "" for nobody
	}{
		{"on loopback whoever asks is local", nil, "127.0.0.1:8080", "/graphql", nil, 200, "local"},
		{"by any name of it", nil, "localhost:8080", "/graphql", nil, 200, "local"},
		{"in IPv6 too", nil, "[::1]:8080", "/graphql", nil, 200, "local"},
		{"and without a port", nil, "[::1]", "/graphql", nil, 200, "local"},
		{"a name that somebody made point here is refused", nil, "evil.example:8080", "/graphql", nil, 403, ""},
		{"one that looks like it too", nil, "127.0.0.1.nip.io", "/graphql", nil, 403, ""},
		{"a page of ours may ask", nil, "localhost:8080", "/graphql", origin("http://localhost:8080"), 200, "local"},
		{"a page of another site not", nil, "localhost:8080", "/graphql", origin("https://evil.example"), 403, ""},
		{"nor one that hides where it is from", nil, "localhost:8080", "/mcp", origin("null"), 403, ""},
		{"nor one whose origin cannot be read", nil, "localhost:8080", "/mcp", origin("http://[::1"), 403, ""},

		{"with tokens, one is wanted", tokens, "whatchanged.example", "/graphql", nil, 401, ""},
		{"on loopback too", tokens, "127.0.0.1:8080", "/graphql", nil, 401, ""},
		{"its holder is who asks", tokens, "whatchanged.example", "/graphql", bearer("Bearer first"), 200, "ann"},
		{"whichever it is", tokens, "whatchanged.example", "/graphql", bearer("bearer second"), 200, "ci"},
		{"a wrong one is refused", tokens, "whatchanged.example", "/graphql", bearer("Bearer third"), 401, ""},
		{"so is an empty one", tokens, "whatchanged.example", "/graphql", bearer("Bearer "), 401, ""},
		{"even if one was set", map[string]string{"nobody": ""}, "whatchanged.example", "/graphql", bearer("Bearer "), 401, ""},
		{"so is another scheme", tokens, "whatchanged.example", "/graphql", bearer("Basic first"), 401, ""},
		{"health needs none, and nobody asks", tokens, "whatchanged.example", "/healthz", nil, 200, ""},
		{"with a token somebody does", tokens, "whatchanged.example", "/healthz", bearer("Bearer first"), 200, "ann"},
		{"a foreign page is refused though its token is right", tokens, "whatchanged.example", "/graphql", http.Header{"Authorization": {"Bearer first"}, "Origin": {"https://evil.example"}}, 403, ""},
		{"and on open paths", tokens, "whatchanged.example", "/healthz", origin("https://evil.example"), 403, ""},
		{"a page of the same host may ask", tokens, "whatchanged.example", "/graphql", http.Header{"Authorization": {"Bearer first"}, "Origin": {"https://whatchanged.example"}}, 200, "ann"},
		{"and one that was allowed", tokens, "whatchanged.example", "/graphql", http.Header{"Authorization": {"Bearer first"}, "Origin": {"https://portal.example"}}, 200, "ann"},
		{"not one that begins like it", tokens, "whatchanged.example", "/graphql", http.Header{"Authorization": {"Bearer first"}, "Origin": {"https://portal.example.evil.example"}}, 403, ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			c := auth.Config{Tokens: tt.tokens, Origins: []string{"https://portal.example"}, Open: func(r *http.Request) bool { return r.URL.Path == "/healthz" }}
			reached, who := false, ""
			h := c.Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached, who = true, viewer(t, r.Context()) }))
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+tt.host+tt.path, nil)
			req.Host = tt.host
			for k, v := range tt.header {
				req.Header[k] = v
			}
			res := httptest.NewRecorder()
			h.ServeHTTP(res, req)
			if res.Code != tt.status || who != tt.who || reached != (tt.status == 200) {
				t.Errorf("got %d as %q (reached: %t), want %d as %q", res.Code, who, reached, tt.status, tt.who)
			}
			if tt.status == 401 && !strings.HasPrefix(res.Header().Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("no challenge in %v", res.Header())
			}
			if tt.status != 200 && !strings.Contains(res.Body.String(), `"code":"UNAUTHENTICATED"`) {
				t.Errorf("body %s", res.Body)
			}
		})
	}
}
