package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func TestOnlyWhatTellsNothingOrProvesItselfIsOpen(t *testing.T) {
	s := &Server{config: Config{Secrets: func(source string) bool { return source == "github" }}}
	for path, want := range map[string]bool{
		"/healthz":                              true,
		"/readyz":                               true,
		"/graphiql":                             true,
		"/graphiql/":                            true,
		"/graphiql/start.js":                    true,
		"/.well-known/oauth-protected-resource": true,
		"/.well-known/oauth-protected-resource/mcp": true,
		"/.well-known":              false,
		"/v1/webhooks/github":       true,
		"/v1/webhooks/other":        false,
		"/v1/events":                false,
		"/v1/import/git":            false,
		"/v1/import/git/stored":     false,
		"/v1/import/git/report":     false,
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

func TestARequestIsPartOfTheCallersTrace(t *testing.T) {
	otel.SetTextMapPropagator(propagation.TraceContext{}) // as package telemetry does
	const caller = "4bf92f3577b34da6a3ce929d0e0e4736"
	for header, want := range map[string]string{"00-" + caller + "-00f067aa0ba902b7-01": caller, "": trace.TraceID{}.String(), "nonsense": trace.TraceID{}.String()} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", nil)
		r.Header.Set("Traceparent", header)
		traced(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := trace.SpanContextFromContext(r.Context()).TraceID().String(); got != want {
				t.Errorf("%q: trace %s, want %s", header, got, want)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
}
