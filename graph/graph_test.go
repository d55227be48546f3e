package graph_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/resolvers"
)

// index is an empty one in memory; asked of deliveries it panics.
type index struct{ *hot.Tier }

// Deliveries implements [resolvers.Index].
func (index) Deliveries(context.Context, whatchanged.View, []uint64) ([]whatchanged.Delivery, error) {
	panic("secret text")
}

func handler(t *testing.T) http.Handler {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	tier := hot.Open(hot.Base{})
	tier.Apply([]whatchanged.Delivery{{Sequence: 1, Source: "test"}})
	r, err := resolvers.New(resolvers.Config{Index: index{tier}, Log: log, Tracer: tracenoop.NewTracerProvider(), Meter: metricnoop.NewMeterProvider()})
	if err != nil {
		t.Fatal(err)
	}
	h := graph.NewHandler(graph.Options{Resolver: r, Log: log})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(resolvers.WithViewer(r.Context(), resolvers.Viewer{Who: "ann"})))
	})
}

const (
	oldType = "application/json"
	newType = "application/graphql-response+json"
)

// TestOverHTTP holds what the GraphQL-over-HTTP specification says of statuses
// and bodies, and our codes in them.
func TestOverHTTP(t *testing.T) {
	h := handler(t)
	ask := func(query string) string {
		b, _ := json.Marshal(map[string]any{"query": query})
		return string(b)
	}
	everything := `{whatChanged(input:{limit:100})` + schema.Selection("whatChanged") + `}`
	var often strings.Builder
	for i := range 40 {
		often.WriteString(" a" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ":" + strings.Trim(everything, "{}") + "}")
	}
	for _, tt := range []struct {
		claim, method, contentType, accept, body string
		status                                   int
		code                                     string // "" when there are no errors
		field                                    string
		data                                     bool
	}{
		{"a question", "POST", oldType, newType, ask(`{timeline(input:{}){verdict}}`), 200, "", "", true},
		{"with every field of its answer", "POST", oldType, newType, ask(everything), 200, "", "", true},
		{"to an older client", "POST", oldType, oldType, ask(`{timeline(input:{}){verdict}}`), 200, "", "", true},
		{"in the address", "GET", "", newType, `{timeline(input:{}){verdict}}`, 200, "", "", true},
		{"the schema itself", "POST", oldType, newType, ask(`{__schema{queryType{name}}}`), 200, "", "", true},
		{"a word for a number, written in place", "POST", oldType, newType, ask(`{timeline(input:{limit:many}){verdict}}`), 400, "INVALID_ARGUMENT", "", false},
		{"no moment, written in place", "POST", oldType, newType, ask(`{timeline(input:{since:"soon"}){verdict}}`), 200, "INVALID_ARGUMENT", "since", false},
		{"a list for a moment, written in place", "POST", oldType, newType, ask(`{timeline(input:{since:["-1h"]}){verdict}}`), 200, "INVALID_ARGUMENT", "since", false},
		{"no such field", "POST", oldType, newType, ask(`{nobody}`), 400, "INVALID_ARGUMENT", "", false},
		{"to an older client", "POST", oldType, oldType, ask(`{nobody}`), 200, "INVALID_ARGUMENT", "", false},
		{"what cannot be parsed", "POST", oldType, newType, ask(`{`), 400, "INVALID_ARGUMENT", "", false},
		{"a refusal", "POST", oldType, newType, ask(`{find(input:{query:" "}){verdict}}`), 200, "INVALID_ARGUMENT", "query", false},
		{"too much at once", "POST", oldType, newType, ask("{" + often.String() + "}"), 400, "TOO_LARGE", "", false},
		{"too long a query", "POST", oldType, newType, ask("{" + strings.Repeat("timeline(input:{}){verdict} ", 2000) + "}"), 400, "TOO_LARGE", "", false},
		{"what is not JSON", "POST", "text/plain", newType, ask(`{timeline(input:{}){verdict}}`), 415, "INVALID_ARGUMENT", "", false},
		{"too long a body", "POST", oldType, newType, ask(strings.Repeat(" ", 2<<20)), 413, "TOO_LARGE", "", false},
		{"another method", "DELETE", oldType, newType, "", 405, "INVALID_ARGUMENT", "", false},
		{"a fault of ours", "POST", oldType, newType, ask(`{timeline(input:{since:"pos:1"}){verdict}}`), 200, "INTERNAL", "", false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			target, body := "/graphql", tt.body
			if tt.method == http.MethodGet {
				target, body = target+"?query="+url.QueryEscape(tt.body), ""
			}
			req := httptest.NewRequestWithContext(t.Context(), tt.method, target, strings.NewReader(body))
			req.Header.Set("Accept", tt.accept)
			if tt.contentType != "" {
				req.Header.Set("Content-Type", tt.contentType)
			}
			res := httptest.NewRecorder()
			h.ServeHTTP(res, req)
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			var out struct {
				Data   json.RawMessage
				Errors []struct {
					Message    string
					Extensions struct{ Code, Field string }
				}
			}
			if err := json.Unmarshal(b, &out); err != nil {
				t.Fatalf("%d %s: %v", res.Code, b, err)
			}
			code, field := "", ""
			if len(out.Errors) > 0 {
				code, field = out.Errors[0].Extensions.Code, out.Errors[0].Extensions.Field
			}
			if res.Code != tt.status || code != tt.code || field != tt.field || (len(out.Data) > 0 && string(out.Data) != "null") != tt.data {
				t.Errorf("got %d %.300s", res.Code, b)
			}
			if strings.Contains(string(b), "secret") {
				t.Errorf("internal text in %s", b)
			}
		})
	}
}

// TestIntrospectionDescribesEverything: what an answer has by its interface is
// described in the answer too.
func TestIntrospectionDescribesEverything(t *testing.T) {
	w := newWalker(t)
	data, errs := w.ask(`{__schema{types{name fields{name description}}}}`)
	var out struct {
		Schema struct {
			Types []struct {
				Name   string
				Fields []struct {
					Name, Description string
				}
			}
		} `json:"__schema"`
	}
	if err := json.Unmarshal([]byte(data), &out); err != nil || errs != nil || len(out.Schema.Types) == 0 {
		t.Fatalf("%v %v", err, errs)
	}
	for _, typ := range out.Schema.Types {
		for _, f := range typ.Fields {
			if f.Description == "" && !strings.HasPrefix(typ.Name, "__") {
				t.Errorf("%s.%s is not described", typ.Name, f.Name)
			}
		}
	}
}
