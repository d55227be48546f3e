package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOnlyWhatTellsNothingOrProvesItselfIsOpen(t *testing.T) {
	s := &Server{config: Config{Secrets: func(source string) bool { return source == "github" }}}
	for path, want := range map[string]bool{
		"/healthz":                  true,
		"/readyz":                   true,
		"/graphiql":                 true,
		"/graphiql/":                true,
		"/graphiql/start.js":        true,
		"/v1/webhooks/github":       true,
		"/v1/webhooks/other":        false,
		"/v1/events":                false,
		"/v1/import/git":            false,
		"/v1/import/git/stored":     false,
		"/graphql":                  false,
		"/graphiqlx":                false,
		"/mcp":                      false,
		"/metrics":                  false,
		"/":                         false,
		"/v1/webhooks/github/other": false,
	} {
		if got := s.open(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)); got != want {
			t.Errorf("%s: open %v, want %v", path, got, want)
		}
	}
}
