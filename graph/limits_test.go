package graph_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/resolvers"
)

// A reply is an answer of the server with what its errors say.
type reply struct {
	status int
	header http.Header
	body   string
	Data   map[string]json.RawMessage
	Errors []struct {
		Message    string
		Extensions struct {
			Code, Field       string
			RetryAfterSeconds int
			Cost              struct {
				Total, Depth int
				Fields       []struct {
					Field string
					Cost  int
				}
			}
		}
	}
}

// post sends a request as a client of the newer media type does.
func (w *walker) post(request map[string]any) reply {
	w.t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		w.t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "/graphql", strings.NewReader(string(body)))
	req.Header = http.Header{"Content-Type": {oldType}, "Accept": {newType}}
	return w.do(req)
}

func (w *walker) do(req *http.Request) (out reply) {
	w.t.Helper()
	res := httptest.NewRecorder()
	w.ServeHTTP(res, req.WithContext(resolvers.WithViewer(req.Context(), resolvers.Viewer{Who: "ann"})))
	if err := json.Unmarshal(res.Body.Bytes(), &out); err != nil {
		w.t.Errorf("%d %s: %v", res.Code, res.Body, err)
	}
	out.status, out.header, out.body = res.Code, res.Header(), res.Body.String()
	return out
}

// says fails the test unless a reply refuses with a code and holds a text.
func (r reply) says(t testing.TB, status int, code, text string) {
	t.Helper()
	if r.status != status || len(r.Errors) != 1 || r.Errors[0].Extensions.Code != code || !strings.Contains(r.Errors[0].Message, text) {
		t.Errorf("%d %.400s, want %d %s with %q", r.status, r.body, status, code, text)
	}
}

// TestWhatCostsTooMuchIsRefusedBeforeItRuns: and it is told which fields cost
// what.
func TestWhatCostsTooMuchIsRefusedBeforeItRuns(t *testing.T) {
	const around = `entities(first:100){edges{node{dependencies(first:100){edges{node{dependents(first:%s){edges{node{ref}}}}}}}}}`
	deep := strings.Repeat("owner{entity{", 10) + "ref" + strings.Repeat("}}", 10)
	var twice strings.Builder
	for i := range 40 {
		fmt.Fprintf(&twice, "fragment f%d on Entity{a:owner{entity{...f%d}} b:owner{entity{...f%d}}}", i, i+1, i+1)
	}
	for _, tt := range []struct {
		claim, query string
		vars         map[string]any
		status       int
		code, says   string
		field        string // that which costs most
	}{
		{"pages of pages of pages", "{" + fmt.Sprintf(around, "100") + "}", nil, 400, "TOO_LARGE", "want at most 150000; most of them entities 3", "entities"},
		{"where nothing says how long they are", "{" + strings.ReplaceAll(fmt.Sprintf(around, "20"), "(first:20)", "") + "}", nil, 400, "TOO_LARGE", "entities.edges.node.dependencies.edges.node.dependents 6", "entities"},
		{"also by variables", `query($n:Int){` + fmt.Sprintf(around, "$n") + "}", map[string]any{"n": 100}, 400, "TOO_LARGE", "smaller pages", "entities"},
		{"but not those that are short", `query($n:Int){` + fmt.Sprintf(around, "$n") + "}", map[string]any{"n": 2}, 200, "", "", ""},
		{"many questions at once, under their own names", "{" + fmt.Sprintf(around, "1") + aliases(20, `whatChanged(input:{limit:100})`+schema.Selection("whatChanged")) + "}", nil, 400, "TOO_LARGE", "a0 1", "entities"},
		{"fields in fields in fields", `{entity(ref:"service:shop/web"){` + deep + "}}", nil, 400, "TOO_LARGE", "22 fields deep: want at most 20", "entity"},
		{"fragments that name each other", `{entity(ref:"service:shop/web"){...f0}}` + twice.String() + `fragment f40 on Entity{ref}`, nil, 400, "TOO_LARGE", "fields deep", "entity"},
		{"a page that is too long, wherever it is", `{entities(first:1){edges{node{dependencies(last:101){totalCount}}}}}`, nil, 400, "INVALID_ARGUMENT", "last: 101: want 0 to 100, such as 20", ""},
		{"or too short", `{entities(first:-1){totalCount}}`, nil, 400, "INVALID_ARGUMENT", "first: -1: want 0 to 100", ""},
		{"or two of them", `{entities(first:1,last:1){totalCount}}`, nil, 400, "INVALID_ARGUMENT", "last: want first or last, not both", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWalker(t, village()...)
			r := w.post(map[string]any{"query": tt.query, "variables": tt.vars})
			if tt.code == "" {
				if r.status != tt.status || len(r.Errors) > 0 {
					t.Errorf("%d %s", r.status, r.body)
				}
				return
			}
			r.says(t, tt.status, tt.code, tt.says)
			if len(w.index.reads) > 0 {
				t.Errorf("it was read: %v", w.index.reads)
			}
			if c := r.Errors[0].Extensions.Cost; tt.field != "" && (c.Depth == 0 || c.Total == 0 || len(c.Fields) == 0 || c.Fields[0].Field != tt.field) {
				t.Errorf("costs %+v, want %s first", c, tt.field)
			}
		})
	}
}

func aliases(n int, field string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d:%s", i, field)
	}
	return b.String()
}

// TestEveryQuestionMayBeAskedInFull: all fields of the longest page.
func TestEveryQuestionMayBeAskedInFull(t *testing.T) {
	w := newWalker(t, village()...)
	given := map[string]map[string]any{
		"change": {"ids": []string{"eu"}}, "config": {"key": []string{"flag:shop/banner"}}, "find": {"query": "web"}, "service": {"service": "web"},
		"topology": {"scope": []string{"web"}}, "findCommit": {"commit": "0123456789abcdef"}, "compare": {"left": map[string]any{}, "right": map[string]any{}},
		"impact": {"target": "web"}, "incidentBrief": {"scope": []string{"web"}},
	}
	for _, q := range resolvers.Questions {
		_, input := schema.Input(q.Field)
		args := map[string]any{}
		for k, v := range given[q.Field] {
			args[k] = v
		}
		for _, limit := range []int{500, 100, 10} {
			if q.Field == "incidentBrief" && limit > 10 {
				continue // it has no longer page
			}
			if input.Fields.ForName("limit") != nil {
				args["limit"] = limit
			}
			r := w.post(map[string]any{"query": schema.Query(q.Field), "variables": map[string]any{"input": args}})
			if len(r.Errors) > 0 && r.Errors[0].Extensions.Code == "TOO_LARGE" {
				t.Errorf("%s of %d: %s", q.Field, limit, r.Errors[0].Message)
			}
		}
	}
}

// gate is an index whose lists wait until it is opened.
type gate struct {
	*counting
	asked, open chan struct{}
}

// List implements [resolvers.Index].
func (g *gate) List(ctx context.Context, v whatchanged.View, q whatchanged.EntityList) (whatchanged.Listing, error) {
	g.asked <- struct{}{}
	<-g.open
	return g.counting.List(ctx, v, q)
}

// TestHeavyOperationsTakeTurns: one runs, one waits, and the next is turned away
// and told when to ask again; a light one passes them all.
func TestHeavyOperationsTakeTurns(t *testing.T) {
	g := &gate{&counting{Tier: hot.Open(hot.Base{})}, make(chan struct{}, 9), make(chan struct{})}
	w := newWalkerOf(t, resolvers.Config{Index: g}, graph.Options{HeavyAtOnce: 1, HeavyWaiting: 1})
	w.index = g.counting
	w.tell(changed("a", web, 1))
	heavy := map[string]any{"query": `{entities(first:100){edges{node{ref changes(first:100){edges{node{id kind}}}}}}}`}
	done := make(chan reply, 2)
	go func() { done <- w.post(heavy) }()
	<-g.asked
	go func() {
		r := w.post(heavy)
		for r.status == http.StatusTooManyRequests { // that below was quicker
			r = w.post(heavy)
		}
		done <- r
	}()
	var away reply
	w.until("one runs and one waits", func() bool {
		ctx, leave := context.WithCancel(t.Context())
		leave() // it does not wait, in case nobody else does yet
		body, _ := json.Marshal(heavy)
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(string(body)))
		req.Header = http.Header{"Content-Type": {oldType}, "Accept": {newType}}
		away = w.do(req)
		return len(away.Errors) == 1 && away.Errors[0].Extensions.Code == "RATE_LIMITED"
	})
	away.says(t, 429, "RATE_LIMITED", "1 heavy operations wait already; ask again in 2s")
	if away.header.Get("Retry-After") != "2" || away.Errors[0].Extensions.RetryAfterSeconds != 2 {
		t.Errorf("%v %s", away.header, away.body)
	}
	if r := w.post(map[string]any{"query": `{timeline(input:{}){total}}`}); len(r.Errors) > 0 {
		t.Errorf("a light one: %s", r.body)
	}
	close(g.open)
	for range 2 {
		if r := <-done; len(r.Errors) > 0 || r.status != 200 {
			t.Errorf("a heavy one: %d %s", r.status, r.body)
		}
	}
}

// TestNobodyWaitsForEver: nor longer than they would.
func TestNobodyWaitsForEver(t *testing.T) {
	g := &gate{&counting{Tier: hot.Open(hot.Base{})}, make(chan struct{}), make(chan struct{})}
	w := newWalkerOf(t, resolvers.Config{Index: g}, graph.Options{HeavyAtOnce: 1, HeavyPatience: time.Millisecond})
	heavy := map[string]any{"query": `{entities(first:100){edges{node{ref changes(first:100){edges{node{id kind}}}}}}}`}
	done := make(chan reply)
	go func() { done <- w.post(heavy) }()
	<-g.asked
	w.post(heavy).says(t, 503, "UNAVAILABLE", "waited 1ms for its turn; ask again in 2s")
	close(g.open)
	<-done
}

func sha(query string) map[string]any {
	sum := sha256.Sum256([]byte(query))
	return map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hex.EncodeToString(sum[:])}}
}

// TestPersistedQueries: a hash alone asks for what was once sent with it.
func TestPersistedQueries(t *testing.T) {
	w := newWalker(t, village()...)
	const query = `{timeline(input:{}){total}}`
	w.post(map[string]any{"extensions": sha(query)}).says(t, 200, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
	w.post(map[string]any{"query": `{__typename}`, "extensions": sha(query)}).says(t, 400, "INVALID_ARGUMENT", "hash does not match")
	w.post(map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"version": 2}}}).says(t, 400, "INVALID_ARGUMENT", "unsupported APQ version")
	for _, request := range []map[string]any{{"query": query, "extensions": sha(query)}, {"extensions": sha(query)}} {
		if r := w.post(request); len(r.Errors) > 0 || r.Data["timeline"] == nil {
			t.Errorf("%s", r.body)
		}
	}
	extensions, _ := json.Marshal(sha(query))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/graphql?extensions="+url.QueryEscape(string(extensions)), nil)
	if r := w.do(req); len(r.Errors) > 0 || r.Data["timeline"] == nil {
		t.Errorf("by GET: %s", r.body)
	}
	long := query + strings.Repeat(" ", 40<<10)
	if r := w.post(map[string]any{"query": long, "extensions": sha(long)}); len(r.Errors) > 0 {
		t.Errorf("a long one: %s", r.body)
	}
	w.post(map[string]any{"extensions": sha(long)}).says(t, 200, "PERSISTED_QUERY_NOT_FOUND", "")
}

// TestOnlyListedOperationsAreAnswered: however they are laid out, and whoever
// names them.
func TestOnlyListedOperationsAreAnswered(t *testing.T) {
	const document = `query Last($n: Int!) { timeline(input: {limit: $n}) { ...Short } } fragment Short on Timeline { total verdict }`
	for name, list := range map[string]string{"a document": document + " query Other {__typename}", "a list by hash": string(must(json.Marshal(map[string]string{"abc": document})))} {
		t.Run(name, func(t *testing.T) {
			o, err := graph.ParseOperations([]byte(list))
			if err != nil {
				t.Fatal(err)
			}
			w := newWalkerOf(t, resolvers.Config{}, graph.Options{Operations: o}, village()...)
			one := map[string]any{"n": 1}
			for claim, request := range map[string]map[string]any{
				"as listed":       {"query": document, "operationName": "Last", "variables": one},
				"laid out anew":   {"query": "fragment Short on Timeline{total,verdict}\n query Last($n:Int!){timeline(input:{limit:$n}){...Short}} # note", "operationName": "Last", "variables": one},
				"the CLI's own":   {"query": schema.Query("timeline"), "variables": map[string]any{"input": map[string]any{}}},
				"by the CLI hash": {"extensions": sha(schema.Query("timeline")), "variables": map[string]any{"input": map[string]any{}}},
			} {
				if r := w.post(request); len(r.Errors) > 0 || r.Data["timeline"] == nil {
					t.Errorf("%s: %s", claim, r.body)
				}
			}
			if name == "a list by hash" {
				named := map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": "abc"}}
				if r := w.post(map[string]any{"extensions": named, "variables": one}); len(r.Errors) > 0 {
					t.Errorf("by its name: %s", r.body)
				}
			}
			w.post(map[string]any{"query": `query Last { timeline(input: {}) { total } }`}).says(t, 400, "INVALID_ARGUMENT", `the operation "Last" is not on the list`)
			w.post(map[string]any{"query": `{__schema{types{name}}}`}).says(t, 400, "INVALID_ARGUMENT", `the operation is not on the list`)
			w.post(map[string]any{"query": `{__typename}`, "extensions": sha(`{__typename}`)}).says(t, 400, "INVALID_ARGUMENT", `not on the list`)
			w.post(map[string]any{"extensions": sha(`{__typename}`)}).says(t, 200, "PERSISTED_QUERY_NOT_FOUND", "")
		})
	}
	for _, bad := range []string{`query A {nobody}`, `{"abc": "query A {nobody}"}`, `{"abc": 1}`, `{"abc`, `what`} {
		if _, err := graph.ParseOperations([]byte(bad)); whatchanged.CodeOf(err) != whatchanged.CodeInvalidArgument {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
