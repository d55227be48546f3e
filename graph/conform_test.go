package graph_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWhatCannotBeARequestIsRefused: with the status that the specification
// wants, a code, and nothing of what was sent in the answer.
func TestWhatCannotBeARequestIsRefused(t *testing.T) {
	h := handler(t)
	const secret = "hunter2"
	for _, tt := range []struct {
		claim, method, target, contentType, accept, body string
		status                                           int
		code, says                                       string
	}{
		{"no JSON", "POST", "", oldType, newType, `{"query": "` + secret, 400, "INVALID_ARGUMENT", "not JSON from byte"},
		{"something behind the JSON", "POST", "", oldType, newType, `{"query":"{__typename}"} ` + secret, 400, "INVALID_ARGUMENT", "not JSON from byte 26"},
		{"a second object", "POST", "", oldType, newType, `{"query":"{__typename}"}{}`, 400, "INVALID_ARGUMENT", "not JSON"},
		{"nothing", "POST", "", oldType, newType, ``, 400, "INVALID_ARGUMENT", "not JSON"},
		{"several operations", "POST", "", oldType, newType, `[{"query":"{__typename}"}]`, 400, "INVALID_ARGUMENT", "one at a time"},
		{"text", "POST", "", oldType, newType, `"` + secret + `"`, 400, "INVALID_ARGUMENT", "want one object"},
		{"no query", "POST", "", oldType, newType, `{}`, 400, "INVALID_ARGUMENT", "no operation"},
		{"a number for the query", "POST", "", oldType, newType, `{"query":7}`, 400, "INVALID_ARGUMENT", "query: number does not fit"},
		{"a list for the variables", "POST", "", oldType, newType, `{"query":"{__typename}","variables":["` + secret + `"]}`, 400, "INVALID_ARGUMENT", "variables: array does not fit"},
		{"text for the extensions", "POST", "", oldType, newType, `{"query":"{__typename}","extensions":"` + secret + `"}`, 400, "INVALID_ARGUMENT", "extensions: string"},
		{"a number for the operation's name", "POST", "", oldType, newType, `{"query":"{__typename}","operationName":7}`, 400, "INVALID_ARGUMENT", "operationName"},
		{"a form", "POST", "", "application/x-www-form-urlencoded", newType, `query=` + secret, 415, "INVALID_ARGUMENT", "want application/json"},
		{"no type", "POST", "", "", newType, `{"query":"{__typename}"}`, 415, "INVALID_ARGUMENT", "want application/json"},
		{"an answer in HTML", "POST", "", oldType, "text/html", `{"query":"{__typename}"}`, 406, "INVALID_ARGUMENT", "Accept: want"},
		{"an answer in HTML, by address", "GET", "?query={__typename}", "", "text/html", ``, 406, "INVALID_ARGUMENT", "Accept: want"},
		{"another method", "PUT", "", oldType, newType, `{}`, 405, "INVALID_ARGUMENT", "want POST"},
		{"only the head", "HEAD", "?query={__typename}", "", newType, ``, 405, "INVALID_ARGUMENT", "want POST"},
		{"a mutation by address", "GET", "?query=mutation{a}", "", newType, ``, 400, "INVALID_ARGUMENT", "mutation"},
		{"variables that are none", "GET", "?query={__typename}&variables=" + secret, "", newType, ``, 400, "INVALID_ARGUMENT", "variables: want a JSON object"},
		{"extensions that are none", "GET", "?query={__typename}&extensions=[1]", "", newType, ``, 400, "INVALID_ARGUMENT", "extensions: want a JSON object"},
		{"an address that is none", "GET", "?query=%25zz&a=%zz", "", newType, ``, 400, "INVALID_ARGUMENT", "percent-encoded"},
		{"a word that is like a field", "POST", "", oldType, newType, `{"query":"{timelin}"}`, 400, "INVALID_ARGUMENT", `Cannot query field "timelin" on type "Query".`},
		{"a part to come later", "POST", "", oldType, newType, `{"query":"{...@defer{timeline(input:{}){verdict}}}"}`, 400, "INVALID_ARGUMENT", `Unknown directive "@defer"`},
		{"a word that is like an argument", "POST", "", oldType, newType, `{"query":"{timeline(inpu:{}){verdict}}"}`, 400, "INVALID_ARGUMENT", "Unknown argument"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			req := httptest.NewRequestWithContext(t.Context(), tt.method, "/graphql", strings.NewReader(tt.body))
			req.URL.RawQuery = strings.TrimPrefix(tt.target, "?")
			req.Header.Set("Accept", tt.accept)
			if tt.contentType != "" {
				req.Header.Set("Content-Type", tt.contentType)
			}
			res := httptest.NewRecorder()
			h.ServeHTTP(res, req)
			var out struct {
				Errors []struct {
					Message    string
					Extensions struct{ Code string }
				}
			}
			if err := json.Unmarshal(res.Body.Bytes(), &out); err != nil || len(out.Errors) == 0 {
				t.Fatalf("%d %s: %v", res.Code, res.Body, err)
			}
			text := res.Body.String()
			if e := out.Errors[0]; res.Code != tt.status || e.Extensions.Code != tt.code || !strings.Contains(e.Message, tt.says) {
				t.Errorf("%d %s, want %d with %q", res.Code, text, tt.status, tt.says)
			}
			if strings.Contains(text, secret) || strings.Contains(text, "Did you mean") || strings.Contains(text, `"data"`) {
				t.Errorf("in the answer: %s", text)
			}
			if tt.status == http.StatusMethodNotAllowed && !strings.Contains(res.Header().Get("Allow"), "POST") {
				t.Errorf("Allow: %q", res.Header().Get("Allow"))
			}
		})
	}
}
