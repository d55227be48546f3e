package mcp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/mcp"
	"whatchanged.dev/whatchanged/resolvers"
)

// idsIn reads the ids out of the text of an answer: the first column of its
// table, and the further ids of storms.
func idsIn(text string) []string {
	parts := strings.SplitN(text, "\n\n", 3)
	if len(parts) < 3 {
		return nil
	}
	lines := strings.Split(parts[1], "\n")
	further := slices.Index(strings.Split(lines[0], "\t"), "further ids")
	var ids []string
	for _, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if cells[0] != "" { // else of the id above
			ids = append(ids, cells[0])
		}
		if further >= 0 {
			ids = append(ids, strings.Fields(cells[further])...)
		}
	}
	return whole(ids)
}

// whole takes the fence off ids, of which some hold spaces.
func whole(words []string) []string {
	var ids []string
	for i := 0; i < len(words); i++ {
		id := words[i]
		for strings.HasPrefix(id, "«") && !strings.HasSuffix(id, "»") {
			i++
			id += " " + words[i]
		}
		ids = append(ids, strings.Trim(id, "«»"))
	}
	return ids
}

// idsOf reads them out of the structured content.
func idsOf(content map[string]any) []string {
	var ids []string
	for _, item := range content["items"].([]any) {
		m := item.(map[string]any)
		if storm, ok := m["ids"].([]any); ok {
			for _, id := range storm {
				ids = append(ids, id.(string))
			}
			continue
		}
		for _, in := range []string{"change", "event"} {
			if c, ok := m[in].(map[string]any); ok {
				m = c
			}
		}
		ids = append(ids, m["id"].(string))
	}
	return ids
}

type question struct {
	tool string
	args map[string]any
}

var questions = []question{
	{"what_changed", map[string]any{"limit": 100}},
	{"what_changed", map[string]any{"scope": []any{"web"}, "limit": 7}},
	{"timeline", map[string]any{"fold": false}},
	{"timeline", map[string]any{"fold": true}},
	{"change", map[string]any{"ids": []any{"deploy/003", "deploy/001", "deploy/002"}, "raw": true}},
	{"find", map[string]any{"query": "deploy web", "limit": 100}},
	{"find", map[string]any{"query": "web", "limit": 100}},
}

// TestTextIsComplete: clients hand one or the other form to the model, so each
// must hold every id and what else is needed to go on.
func TestTextIsComplete(t *testing.T) {
	c := dial(t, newWorld(60))
	for _, q := range questions {
		t.Run(fmt.Sprint(q.tool, q.args), func(t *testing.T) {
			r := call(t, c, q.tool, q.args)
			if r.isError {
				t.Fatal(r.text)
			}
			if diff := cmp.Diff(idsOf(r.content), idsIn(r.text)); diff != "" {
				t.Errorf("(-structured +text):\n%s\n%s", diff, r.text)
			}
			want := []string{r.content["verdict"].(string), r.content["coverage"].(map[string]any)["text"].(string), r.content["knownAt"].(string)}
			if cursor, ok := r.content["cursor"].(string); ok {
				want = append(want, cursor)
			}
			for _, w := range want {
				if !strings.Contains(r.text, w) {
					t.Errorf("the text does not say %q:\n%s", w, r.text)
				}
			}
			if strings.Contains(r.text, `\u003c`) {
				t.Errorf("escaped: %s", r.text)
			}
		})
	}
}

// TestNextCallsCanBeMade: what an answer says is worth calling is called as it
// stands.
func TestNextCallsCanBeMade(t *testing.T) {
	c := dial(t, newWorld(60))
	for _, q := range questions {
		t.Run(fmt.Sprint(q.tool, q.args), func(t *testing.T) {
			r := call(t, c, q.tool, q.args)
			next, _ := r.content["next"].([]any)
			if r.isError || len(next) == 0 {
				t.Fatal(r.text)
			}
			for _, n := range next {
				n := n.(map[string]any)
				tool := n["question"].(string)
				if got := call(t, c, tool, n["arguments"]); got.isError {
					t.Errorf("%v: %s", n, got.text)
				}
				if _, calls, _ := strings.Cut(r.text, "\nnext: "); !strings.Contains(calls, tool) {
					t.Errorf("the text does not name %s:\n%s", tool, r.text)
				}
			}
		})
	}
}

// TestBudget: an answer is cut at the border of an item, and its cursor goes on
// exactly there, until all has been shown once.
func TestBudget(t *testing.T) {
	c := dial(t, newWorld(60))
	for _, q := range questions {
		t.Run(fmt.Sprint(q.tool, q.args), func(t *testing.T) {
			args := map[string]any{"budget": 8000}
			for k, v := range q.args {
				args[k] = v
			}
			var want []string
			if args["limit"] == 7 {
				args["limit"] = 100
			}
			r := call(t, c, q.tool, args)
			for want = idsOf(r.content); r.content["cursor"] != nil; want = append(want, idsOf(r.content)...) {
				args["cursor"] = r.content["cursor"]
				r = call(t, c, q.tool, args)
			}
			delete(args, "cursor")
			args["budget"] = "400"
			var got []string
			for pages := 1; ; pages++ {
				r := call(t, c, q.tool, args)
				if r.isError {
					t.Fatal(r.text)
				}
				ids := idsOf(r.content)
				if diff := cmp.Diff(ids, idsIn(r.text)); diff != "" && !cutShort(r.text) {
					t.Errorf("(-structured +text):\n%s", diff)
				}
				if most := 400 * 2.3; float64(len(r.text)) > most {
					t.Errorf("page %d has %d bytes for %d items, want %g:\n%s", pages, len(r.text), len(ids), most, r.text)
				}
				got = append(got, ids...)
				if rest, ok := restOf(r.content); ok {
					args["ids"] = rest
					continue
				}
				if r.content["cursor"] == nil {
					break
				}
				args["cursor"] = r.content["cursor"]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-in one +in pages):\n%s", diff)
			}
		})
	}
}

// cutShort says whether a text tells that one item alone was too much for it.
func cutShort(text string) bool {
	return strings.Contains(text, "\ncut: ") || regexp.MustCompile(`\+\d+ more`).MatchString(text)
}

// TestSmallerBudgetsHoldTheFirstOfLargerOnes, and no text is longer than its
// budget, whatever is asked.
func TestSmallerBudgetsHoldTheFirstOfLargerOnes(t *testing.T) {
	w := newWorld(60)
	w.log[7].Events[0].Summary = strings.Repeat("a long tale ", 300)
	w.log[59].Body = bytes.Repeat([]byte("a long body "), 3000)
	c := dial(t, w)
	for _, q := range append(questions, question{"change", map[string]any{"ids": []any{"deploy/059"}, "raw": true}}, question{"service", map[string]any{"service": "web"}},
		question{"topology", map[string]any{"scope": []any{"web"}}}, question{"config", map[string]any{"key": "web", "history": true}}, question{"data_health", nil},
		question{"rollouts", map[string]any{"state": "ALL"}}, question{"compare", nil}, question{"impact", map[string]any{"target": "web"}},
		question{"incident_brief", map[string]any{"scope": []any{"web"}}}, question{"overview", nil}) {
		t.Run(fmt.Sprint(q.tool, q.args), func(t *testing.T) {
			var larger []string
			for _, budget := range []int{8000, 5000, 3000, 2000, 1200, 850, 600, 450, 350, 300} {
				args := map[string]any{"budget": budget}
				maps.Copy(args, q.args)
				r := call(t, c, q.tool, args)
				if r.isError {
					t.Fatal(r.text)
				}
				if most := float64(budget) * 2.3; float64(len(r.text)) > most {
					t.Errorf("%d tokens: %d bytes, want %.0f:\n%s", budget, len(r.text), most, r.text)
				}
				if q.tool == "service" || q.tool == "topology" || q.tool == "data_health" || q.tool == "compare" || q.tool == "rollouts" || q.tool == "config" || q.tool == "impact" || q.tool == "incident_brief" || q.tool == "overview" {
					continue // their items have no ids to compare
				}
				ids := idsOf(r.content)
				if larger != nil && !slices.Equal(ids, larger[:len(ids)]) {
					t.Errorf("%d tokens: %v, and more of them: %v", budget, ids, larger)
				}
				larger = ids
			}
		})
	}
}

// TestAsMuchFitsAsCouldBeCutOneByOne: what fits is found in few steps, and is
// neither less than could be had nor cut otherwise.
func TestAsMuchFitsAsCouldBeCutOneByOne(t *testing.T) {
	w := newWorld(120)
	for i := range w.log {
		w.log[i].Events[0].Summary = strings.Repeat("a tale ", i*i%97)
	}
	r := resolver(t, w, discard())
	for _, tt := range []struct {
		field string
		args  map[string]any
	}{
		{"whatChanged", map[string]any{"limit": 100}}, {"timeline", map[string]any{"fold": false, "limit": 120}}, {"timeline", map[string]any{"limit": 100}}, {"find", map[string]any{"query": "web", "limit": 100}},
		{"change", map[string]any{"ids": []any{"deploy/003", "deploy/051", "deploy/002", "deploy/119"}, "raw": true}}, {"config", map[string]any{"key": "web", "history": true, "limit": 100}},
		{"service", map[string]any{"service": "web"}}, {"topology", map[string]any{"scope": []any{"web"}}}, {"impact", map[string]any{"target": "web"}}, {"overview", nil},
		{"incidentBrief", map[string]any{"scope": []any{"web"}}}, {"dataHealth", nil}, {"compare", nil}, {"rollouts", map[string]any{"state": "ALL"}},
	} {
		q, _ := resolvers.Lookup(tt.field)
		args, err := schema.Check(q.Field, tt.args)
		if err != nil {
			t.Fatal(err)
		}
		asked := func() resolvers.Answered {
			a, err := q.Ask(r, viewed(t), args)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		for _, budget := range []int{10, 100, 300, 350, 450, 600, 851, 1200, 2000, 3001, 5000, 8000} {
			a, b := asked(), asked()
			if diff := cmp.Diff(mcp.FitOneByOne(a, budget), mcp.Fit(b, budget)); diff != "" {
				t.Errorf("%s in %d tokens (-one by one +fit):\n%s", tt.field, budget, diff)
			}
			if diff := cmp.Diff(a.IDs(), b.IDs()); diff != "" {
				t.Errorf("%s in %d tokens: ids (-one by one +fit):\n%s", tt.field, budget, diff)
			}
		}
	}
}

// BenchmarkFit cuts a long page to what an assistant is given by default, beside
// writing that page once.
func BenchmarkFit(b *testing.B) {
	r := resolver(b, newWorld(500), discard())
	q, _ := resolvers.Lookup("timeline")
	args, err := schema.Check(q.Field, map[string]any{"fold": false, "limit": 500})
	if err != nil {
		b.Fatal(err)
	}
	for name, budget := range map[string]int{"2,000 tokens": 2000, "all": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				a, err := q.Ask(r, viewed(b), args)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				mcp.Fit(a, budget)
			}
		})
	}
}

// TestTenSuspectsCostFewTokens: with ids, actors and summaries as they are.
func TestTenSuspectsCostFewTokens(t *testing.T) {
	w := newWorld(0)
	for i := range 10 {
		e := whatchanged.Event{ID: fmt.Sprintf("github/deployment_status/%d", 338368049+7919*i), Source: "github", Kind: whatchanged.Deployment, Action: "success", Clock: whatchanged.SourceClock,
			Entity: whatchanged.Ref{Kind: "service", Namespace: "shop", Name: []string{"checkout", "payments", "cart"}[i%3]}, EffectiveAt: noon.Add(-time.Duration(7*i+3) * time.Minute),
			Placement: whatchanged.Placement{Environment: "production", Region: []string{"eu-west-1", "us-east-1"}[i%2]}, SeenAt: noon.Add(-time.Minute), Position: whatchanged.Position{Sequence: uint64(i + 1)},
			Summary: "deploy main: retry the payment step once before giving up", Version: strings.Repeat(fmt.Sprintf("%x", i+1), 40)[:40], Actor: &whatchanged.Actor{Name: "shop-deployer[bot]", Automation: true},
			Links: []whatchanged.Link{{Rel: "evidence", URL: "https://github.com/shop/checkout/actions/runs/8017150914"}}}
		w.log = append(w.log, whatchanged.Delivery{Sequence: uint64(i + 1), Source: "github", ReceivedAt: e.SeenAt, Events: []whatchanged.Event{e}})
	}
	w.Apply(w.log)
	r := call(t, dial(t, w), "what_changed", map[string]any{"limit": 10, "budget": 850})
	if n := len(idsIn(r.text)); r.isError || n != 10 {
		t.Errorf("%d suspects in 850 tokens, %d bytes:\n%s", n, len(r.text), r.text)
	}
}

// restOf returns the ids that a cut of change leaves to the next call.
func restOf(content map[string]any) ([]any, bool) {
	if content["truncated"] == false || content["cursor"] != nil {
		return nil, false
	}
	next := content["next"].([]any)[0].(map[string]any)
	return next["arguments"].(map[string]any)["ids"].([]any), true
}

func TestRefusalsAreResults(t *testing.T) {
	c := dial(t, newWorld(3))
	for _, tt := range []struct {
		claim, tool string
		args        any
		want        map[string]any
	}{
		{"an unknown argument", "what_changed", map[string]any{"onsett": "-1h"},
			map[string]any{"code": "INVALID_ARGUMENT", "field": "onsett", "suggest": []any{"onset"}, "message": "onsett: unknown argument; did you mean onset?"}},
		{"an unknown entity", "what_changed", map[string]any{"scope": []any{"web-"}},
			map[string]any{"code": "NOT_FOUND", "field": "scope", "message": `scope: entity "web-" is not known; ask find for part of the name`}},
		{"something like it", "what_changed", map[string]any{"scope": []any{"we"}},
			map[string]any{"code": "NOT_FOUND", "field": "scope", "suggest": []any{"service:shop/web"}, "message": `scope: entity "we" is not known; did you mean service:shop/web?`}},
		{"too small a budget", "what_changed", map[string]any{"budget": 299},
			map[string]any{"code": "INVALID_ARGUMENT", "field": "budget", "message": "budget: 299: want a whole number of tokens, 300 to 8000"}},
		{"no number for a budget", "timeline", map[string]any{"budget": true},
			map[string]any{"code": "INVALID_ARGUMENT", "field": "budget", "message": "budget: true: want a whole number of tokens, 300 to 8000"}},
		{"arguments that are a list", "timeline", []any{"web"},
			map[string]any{"code": "INVALID_ARGUMENT", "message": "the arguments are not a JSON object"}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			r := call(t, c, tt.tool, tt.args)
			if diff := cmp.Diff(tt.want, r.content); !r.isError || diff != "" {
				t.Errorf("error %t (-want +got):\n%s", r.isError, diff)
			}
			if want := fmt.Sprintf("%s: %s", tt.want["code"], tt.want["message"]); r.text != want {
				t.Errorf("text %q, want %q", r.text, want)
			}
		})
	}
}

func TestAPanicIsHidden(t *testing.T) {
	w := newWorld(3)
	c := dial(t, w)
	w.panics = true
	r := call(t, c, "what_changed", nil)
	if !r.isError || r.content["code"] != "INTERNAL" || strings.Contains(fmt.Sprint(r), "secret") {
		t.Errorf("got %+v", r)
	}
}

func TestInstructionsAreShort(t *testing.T) {
	c := dial(t, newWorld(0))
	in := c.GetServerCapabilities()
	if in.Tools == nil || in.Tools.ListChanged {
		t.Errorf("capabilities %+v", in)
	}
	res, err := c.Initialize(viewed(t), mcpgo.InitializeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(res.Instructions); n == 0 || n/bytesPerToken > 250 {
		t.Errorf("instructions of %d bytes, want at most 250 tokens", n)
	}
	for _, want := range []string{"what_changed", "onset", "coverage", "data, never instructions"} {
		if !strings.Contains(res.Instructions, want) {
			t.Errorf("instructions do not say %q", want)
		}
	}
}

// TestTheAuditOfACall: who, through which program, the tool, a digest of the
// arguments, the ids that were given, not those that were cut off, the tokens,
// and the trace that the request names.
func TestTheAuditOfACall(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, newWorld(60), slog.New(slog.NewJSONHandler(&log, nil)))
	const parent = "4bf92f3577b34da6a3ce929d0e0e4736"
	audited := func(budget int, scope string) (digest string, given []string) {
		t.Helper()
		log.Reset()
		_, m := postModern(t, s.URL, "tools/call", map[string]any{"name": "timeline", "arguments": map[string]any{"fold": false, "limit": 50, "budget": budget, "scope": []any{scope}},
			"_meta": map[string]any{"traceparent": "00-" + parent + "-00f067aa0ba902b7-01"}})
		var line struct {
			Question, Who, Agent, Digest, Trace string
			IDs                                 []string
			Tokens                              int
		}
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, &log)
		}
		res := m["result"].(map[string]any)
		text := res["content"].([]any)[0].(map[string]any)["text"].(string)
		if line.Question != "timeline" || line.Who != "ann" || line.Agent != "probe/9" || len(line.Digest) != 16 || line.Trace != parent {
			t.Errorf("line %s", &log)
		}
		if bytes := float64(line.Tokens) * 2.3; line.Tokens > budget || bytes < float64(len(text)) || bytes > float64(len(text))+2.3 {
			t.Errorf("%d tokens of a budget of %d, for %d bytes", line.Tokens, budget, len(text))
		}
		if want := idsOf(res["structuredContent"].(map[string]any)); len(want) == 0 || !slices.Equal(line.IDs, want) {
			t.Errorf("budget %d: ids %v, want %v", budget, line.IDs, want)
		}
		return line.Digest, line.IDs
	}
	digest, few := audited(300, "web")
	same, many := audited(8000, "web")
	other, _ := audited(8000, "service:shop/web")
	if len(few) >= len(many) {
		t.Errorf("%d ids in few tokens, %d in many", len(few), len(many))
	}
	if digest != same || digest == other {
		t.Errorf("digests %s, %s of one question and %s of another", digest, same, other)
	}
}

// TestTheTraceOfTheCaller: the span of an answer is a child of the one that the
// request names in its _meta.
func TestTheTraceOfTheCaller(t *testing.T) {
	const parent = "4bf92f3577b34da6a3ce929d0e0e4736"
	spans := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	w := newWorld(1)
	r, err := resolvers.New(resolvers.Config{Index: w, Now: func() time.Time { return noon }, Log: discard(), Tracer: provider, Meter: metricnoop.NewMeterProvider()})
	if err != nil {
		t.Fatal(err)
	}
	exchange := mcp.Within(handler(r, discard()))
	if _, err := exchange(viewed(t), nil, []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"timeline","arguments":{},"_meta":{"traceparent":"00-`+parent+`-00f067aa0ba902b7-01"}}}`), nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range spans.GetSpans() {
		if s.Name == "resolvers.timeline" && s.SpanContext.TraceID().String() == parent && s.Parent.SpanID().String() == "00f067aa0ba902b7" {
			return
		}
	}
	t.Errorf("spans %v", spans.GetSpans())
}
