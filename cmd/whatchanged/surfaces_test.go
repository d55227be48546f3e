package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/client"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/vektah/gqlparser/v2/ast"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/auth"
	"whatchanged.dev/whatchanged/graph"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/mcp"
	"whatchanged.dev/whatchanged/resolvers"
)

// surfacesNow is when the questions of TestSurfacesAgree are asked.
var surfacesNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// surfacesIndex is an index in memory, with bodies.
type surfacesIndex struct {
	*hot.Tier
	log []whatchanged.Delivery
}

// Deliveries implements [resolvers.Index].
func (x surfacesIndex) Deliveries(_ context.Context, v whatchanged.View, sequences []uint64) (out []whatchanged.Delivery, _ error) {
	for _, d := range x.log {
		if slices.Contains(sequences, d.Sequence) && d.Sequence <= v.KnownAt.Sequence {
			out = append(out, d)
		}
	}
	return out, nil
}

// surfacesLog is a small history in which every field of a change is filled at
// least once, and left empty at least once.
func surfacesLog() []whatchanged.Delivery {
	ref := func(s string) whatchanged.Ref {
		r, err := whatchanged.ParseRef(s)
		if err != nil {
			panic(err)
		}
		return r
	}
	at := func(minutes int) time.Time { return surfacesNow.Add(-time.Duration(minutes) * time.Minute) }
	share, written := 0.25, at(70)
	before, after := whatchanged.ValueOf(map[string]any{"percentage": 5, "html": "<b>&"}), whatchanged.ValueOf(map[string]any{"percentage": 100.5, "on": nil})
	events := []whatchanged.Event{
		{ID: "edge", Kind: whatchanged.Topology, Action: "declared", Entity: ref("service:shop/web"), EffectiveAt: at(3000), Dependency: &whatchanged.Dependency{To: ref("service:shop/cart"), Evidence: whatchanged.Observed}},
		{ID: "flag", Kind: whatchanged.Flag, Action: "changed", Entity: ref("flag:shop/new-cart"), EffectiveAt: at(60).Add(-123456 * time.Microsecond), WrittenAt: &written,
			Placement: whatchanged.Placement{Environment: "prod", Region: "eu", Cluster: "c1", Cell: "a"}, Actor: &whatchanged.Actor{Name: "ann \"quoted\" <b>", Automation: true},
			Before: before, After: after, Diff: whatchanged.Diff(before, after), Version: "8", PreviousVersion: "7", Commits: []string{"0123456789abcdef"}, Reverts: "older",
			Summary: "line one\nand\ttwo", Approval: &whatchanged.Approval{By: "bob", Policy: "four eyes", BreakGlass: true}, Validation: &whatchanged.Validation{Result: "passed"},
			Links: []whatchanged.Link{{Rel: "evidence", URL: "https://flags.example/?a=1&b=2"}}, Parent: "edge", Attributes: map[string]string{"ticket": "OPS-1"}},
		{ID: "bare", Kind: whatchanged.Deployment, Action: "deployed", Entity: ref("service:shop/web"), EffectiveAt: at(50)},
		{ID: "step-1", Kind: whatchanged.RolloutKind, Action: "progressed", Entity: ref("service:shop/cart"), EffectiveAt: at(45), Rollout: &whatchanged.RolloutStep{ID: "r", Phase: whatchanged.PhaseProgressing, Share: &share}},
		{ID: "step-2", Kind: whatchanged.RolloutKind, Action: "paused", Entity: ref("service:shop/cart"), EffectiveAt: at(40), Rollout: &whatchanged.RolloutStep{ID: "r", Phase: whatchanged.PhasePaused}},
		{ID: "inc", Kind: whatchanged.Incident, Action: "detected", Entity: ref("incident:default/inc-7"), EffectiveAt: at(39)},
		{ID: "api-eu", Kind: whatchanged.Config, Action: "changed", Entity: ref("service:eu/api"), EffectiveAt: at(30), After: whatchanged.Value("null")},
		{ID: "api-us", Kind: whatchanged.Config, Action: "changed", Entity: ref("service:us/api"), EffectiveAt: at(29)},
	}
	var log []whatchanged.Delivery
	for i, e := range events {
		d := whatchanged.Delivery{Sequence: uint64(i + 1), Source: "test", Type: "told", ID: fmt.Sprint("d", i), Outcome: whatchanged.Accepted, ReceivedAt: at(20), Body: []byte("{\"n\":\t1}\xff")}
		e.Position, e.SeenAt, e.Source, e.Clock = whatchanged.Position{Sequence: d.Sequence}, d.ReceivedAt, d.Source, whatchanged.SourceClock
		d.Events = []whatchanged.Event{e}
		log = append(log, d)
	}
	return log
}

// surfaces are the ways to ask one resolver.
type surfaces struct {
	url       string
	overHTTP  *client.Client
	inProcess *client.Client
}

func openSurfaces(t *testing.T) surfaces {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	index := surfacesIndex{hot.Open(hot.Base{}), surfacesLog()}
	index.Apply(index.log)
	r, err := resolvers.New(resolvers.Config{Index: index, Now: func() time.Time { return surfacesNow }, Log: log, Timeout: 200 * time.Millisecond,
		Tracer: tracenoop.NewTracerProvider(), Meter: metricnoop.NewMeterProvider()})
	if err != nil {
		t.Fatal(err)
	}
	tools := mcp.NewServer(r, "test", log)
	mux := http.NewServeMux()
	mux.Handle("/graphql", graph.NewHandler(graph.Options{Resolver: r, Log: log}))
	mux.Handle("/mcp", mcp.NewHandler(tools, r))
	s := httptest.NewServer(auth.Config{}.Guard(mux))
	t.Cleanup(s.Close)
	all := surfaces{url: s.URL}
	if all.overHTTP, err = client.NewStreamableHttpClient(s.URL + "/mcp"); err != nil {
		t.Fatal(err)
	}
	if all.inProcess, err = client.NewInProcessClient(tools); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client.Client{all.overHTTP, all.inProcess} {
		t.Cleanup(func() { _ = c.Close() })
		if err := c.Start(viewing(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Initialize(viewing(t), mcpgo.InitializeRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func viewing(t *testing.T) context.Context {
	return resolvers.WithViewer(t.Context(), resolvers.Viewer{Who: "local", Agent: "test"})
}

// An outcome is an answer as plain JSON, or a refusal.
type outcome struct {
	Answer  any
	Code    whatchanged.Code
	Field   string
	Message string
	Suggest []string
}

// plainJSON keeps numbers as they were written.
func plainJSON(t *testing.T, b []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

func (s surfaces) graphql(t *testing.T, field string, args any) outcome {
	t.Helper()
	_, input := schema.Input(field)
	body, err := json.Marshal(map[string]any{"variables": map[string]any{"input": args},
		"query": fmt.Sprintf("query($input: %s!){%s(input:$input)%s}", input.Name, field, schema.Selection(field))})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/graphql-response+json"}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Data   map[string]json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct {
				Code    whatchanged.Code
				Field   string
				Suggest []string
			}
		}
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if len(out.Errors) > 0 {
		e := out.Errors[0]
		return outcome{Code: e.Extensions.Code, Field: e.Extensions.Field, Message: e.Message, Suggest: e.Extensions.Suggest}
	}
	return outcome{Answer: plainJSON(t, out.Data[field])}
}

func (s surfaces) mcp(t *testing.T, c *client.Client, field string, args any) outcome {
	t.Helper()
	var req mcpgo.CallToolRequest
	req.Params.Name, req.Params.Arguments = mcp.Name(field), args
	if m, ok := args.(map[string]any); ok {
		m = maps.Clone(m)
		m["budget"] = 8000
		req.Params.Arguments = m
	}
	res, err := c.CallTool(viewing(t), req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(res.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	if !res.IsError {
		return outcome{Answer: asFields(plainJSON(t, b))}
	}
	var e struct {
		Code           whatchanged.Code
		Field, Message string
		Suggest        []string
	}
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	return outcome{Code: e.Code, Field: e.Field, Message: e.Message, Suggest: e.Suggest}
}

// asFields spells the calls that an MCP answer proposes as fields of the
// schema: their names are all in which it may differ.
func asFields(answer any) any {
	m, _ := answer.(map[string]any)
	next, _ := m["next"].([]any)
	for _, n := range next {
		n := n.(map[string]any)
		for _, q := range resolvers.Questions {
			if mcp.Name(q.Field) == n["question"] {
				n["question"] = q.Field
			}
		}
	}
	return answer
}

// words are args as one writes them on the command line; ok is false for what
// cannot be written there.
func words(field string, args map[string]any) (line []string, ok bool) {
	line = []string{"ask", field}
	_, input := schema.Input(field)
	for _, name := range slices.Sorted(maps.Keys(args)) {
		values, isList := args[name].([]any)
		if !isList {
			values = []any{args[name]}
		}
		for _, v := range values {
			switch v := v.(type) {
			case nil, []any:
				return nil, false
			case map[string]any:
				if f := input.Fields.ForName(name); len(v) == 0 || f == nil || schema.Parsed.Types[f.Type.Name()].Kind != ast.InputObject {
					return nil, false
				}
				for _, key := range slices.Sorted(maps.Keys(v)) {
					switch v[key].(type) {
					case nil, map[string]any, []any:
						return nil, false
					}
					line = append(line, fmt.Sprintf("--%s=%s=%v", name, key, v[key]))
				}
				continue
			}
			line = append(line, fmt.Sprintf("--%s=%v", name, v))
		}
		if f := input.Fields.ForName(name); isList && (len(values) == 0 || f.Type.Elem == nil) {
			return nil, false
		}
	}
	return line, true
}

func (s surfaces) cli(t *testing.T, line []string) outcome {
	t.Helper()
	var stdout bytes.Buffer
	root := newRoot()
	root.SetOut(&stdout)
	root.SetArgs(append(line, "--json", "--server", s.url))
	err := root.ExecuteContext(t.Context())
	if err == nil {
		return outcome{Answer: plainJSON(t, stdout.Bytes())}
	}
	if unknown, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok { // the parser of flags is first to see it
		return outcome{Code: whatchanged.CodeInvalidArgument, Field: unknown, Message: err.Error()}
	}
	var e *whatchanged.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v: %v", line, err)
	}
	return outcome{Code: e.Code, Field: e.Field, Message: e.Error(), Suggest: e.Suggest}
}

// TestSurfacesAgree asks every surface the same: the same answer, field by
// field, or the same refusal.
func TestSurfacesAgree(t *testing.T) {
	s := openSurfaces(t)
	first := s.graphql(t, "whatChanged", map[string]any{"limit": 1})
	page, ok := first.Answer.(map[string]any)
	if !ok {
		t.Fatalf("got %+v", first)
	}
	type args = map[string]any
	list := func(s ...any) []any { return s }
	for _, tt := range []struct {
		claim, field string
		args         args
		code         whatchanged.Code // "" for an answer
		at           string           // the argument at fault
	}{
		{"nothing asked in particular", "whatChanged", args{}, "", ""},
		{"everything asked", "whatChanged", args{"scope": list("service:shop/web", "cart"), "environment": "prod", "regions": list("eu", "us"), "onset": "inc:INC-7", "since": "-3d", "until": "2026-03-01T11:59:00Z",
			"kinds": list("flag", "deployment", "rollout"), "hops": 5, "asOf": "-10m", "knownAt": "pos:7", "after": "pos:1.0", "limit": 3}, "", ""},
		{"a second page", "whatChanged", args{"limit": 2, "cursor": page["cursor"]}, "", ""},
		{"one value where a list is wanted", "whatChanged", args{"scope": "web"}, "", ""},
		{"an empty list", "whatChanged", args{"scope": list()}, "", ""},
		{"null where nothing need be given", "whatChanged", args{"scope": nil, "onset": nil}, "", ""},
		{"a number as text", "whatChanged", args{"limit": "5", "hops": "1"}, "", ""},
		{"an empty window of coverage", "whatChanged", args{"since": "-1m"}, "", ""},
		{"in order of time", "timeline", args{"fold": false, "since": "-3d"}, "", ""},
		{"in full", "change", args{"ids": list("flag", "bare", "step-1", "edge", "api-eu"), "raw": true}, "", ""},
		{"in full as known then", "change", args{"ids": list("flag"), "knownAt": "pos:2.0"}, "", ""},
		{"found", "find", args{"query": "cart"}, "", ""},
		{"a card", "service", args{"service": "web", "limit": 3}, "", ""},
		{"a card of nobody", "service", args{"service": "nobody"}, whatchanged.CodeNotFound, "service"},
		{"a value", "config", args{"key": "shop/new-cart", "history": true}, "", ""},
		{"a part of values, where they hold", "config", args{"key": list("flag:shop/*", "service:eu/api"), "path": "/percentage", "environment": "prod", "regions": list("eu"), "asOf": "-1m", "knownAt": "pos:7", "limit": 2}, "", ""},
		{"a value before it was set", "config", args{"key": "flag:shop/new-cart", "asOf": "-3d"}, "", ""},
		{"no such key", "config", args{"key": "flag:shop/new"}, whatchanged.CodeNotFound, "key"},
		{"no such path", "config", args{"key": "flag:shop/new-cart", "path": "a..b"}, whatchanged.CodeInvalidArgument, "path"},
		{"what is around it", "topology", args{"scope": list("web", "cart"), "hops": 3, "direction": "dependsOn"}, "", ""},
		{"no such direction", "topology", args{"scope": list("web"), "direction": "up"}, whatchanged.CodeInvalidArgument, "direction"},
		{"what a change could hurt", "impact", args{"target": "cart", "hops": 1, "limit": 1}, "", ""},
		{"whether it can be taken back", "impact", args{"target": "flag", "action": "revert", "asOf": "-1m", "knownAt": "pos:7"}, "", ""},
		{"whether a step can be taken back", "impact", args{"target": "step-1", "action": "revert"}, "", ""},
		{"no such action", "impact", args{"target": "cart", "action": "burn"}, whatchanged.CodeInvalidArgument, "action"},
		{"no such target", "impact", args{"target": "nobody"}, whatchanged.CodeNotFound, "target"},
		{"a briefing on an incident", "incidentBrief", args{"incident": "INC-7", "limit": 2}, "", ""},
		{"a briefing on trouble", "incidentBrief", args{"scope": list("web", "flag:shop/new-cart"), "onset": "-30m", "environment": "prod", "regions": list("eu"), "asOf": "-1m", "knownAt": "pos:7"}, "", ""},
		{"a briefing on nothing", "incidentBrief", args{}, whatchanged.CodeInvalidArgument, "incident"},
		{"a briefing on what nobody told of", "incidentBrief", args{"incident": "INC-99"}, whatchanged.CodeNotFound, "incident"},
		{"what is going on", "overview", args{"limit": 2}, "", ""},
		{"what is going on in a place", "overview", args{"environment": "prod", "regions": list("eu"), "since": "-3d", "asOf": "-1m", "knownAt": "pos:7"}, "", ""},
		{"what is going on for nobody", "overview", args{"team": "nobody"}, whatchanged.CodeNotFound, "team"},
		{"what is going out", "rollouts", args{"scope": list("web"), "hops": 2, "state": "ALL", "since": "-3d"}, "", ""},
		{"no such state", "rollouts", args{"state": "MOVING"}, whatchanged.CodeInvalidArgument, "state"},
		{"where a commit is live", "findCommit", args{"commit": "0123456", "environment": "prod", "limit": 1}, "", ""},
		{"a commit nobody told of", "findCommit", args{"commit": "fedcba9"}, whatchanged.CodeNotFound, "commit"},
		{"how sources were heard", "dataHealth", args{"since": "-3d", "sources": list("github", "nobody")}, "", ""},
		{"no moment of arrival", "dataHealth", args{"until": "soon"}, whatchanged.CodeInvalidArgument, "until"},
		{"a number is text where text is wanted", "find", args{"query": 123}, "", ""},
		{"what differs in two places", "compare", args{"left": args{"region": "eu", "asOf": "-10m"}, "right": args{"region": "us", "live": false}, "scope": list("web", "flag:shop/*"), "aspects": list("flags"), "driftOnly": true, "limit": 3}, "", ""},
		{"what is declared and what is live", "compare", args{}, "", ""},
		{"what differs from an hour and a half ago", "compare", args{"left": args{"asOf": "-90m"}}, "", ""},
		{"a side of which nothing is asked", "compare", args{"left": args{}, "right": nil}, "", ""},
		{"a side with no moment", "compare", args{"left": args{"asOf": "yesterday"}}, whatchanged.CodeInvalidArgument, "left.asOf"},
		{"a side with an unknown incident", "compare", args{"right": args{"asOf": "inc:nobody"}}, whatchanged.CodeNotFound, "right.asOf"},
		{"a side with an attribute that is none", "compare", args{"right": args{"attribute": "store"}}, whatchanged.CodeInvalidArgument, "right.attribute"},
		{"an unknown word for a side", "compare", args{"right": args{"zone": "eu"}}, whatchanged.CodeInvalidArgument, "right.zone"},
		{"text for a side", "compare", args{"right": "eu"}, whatchanged.CodeInvalidArgument, "right"},
		{"no such aspect", "compare", args{"aspects": list("owners")}, whatchanged.CodeInvalidArgument, "aspects"},
		{"a star for everything", "compare", args{"scope": list("shop*")}, whatchanged.CodeInvalidArgument, "scope"},
		{"a commit", "find", args{"query": "0123456", "kinds": list("flag")}, "", ""},

		{"an unknown argument", "whatChanged", args{"onsett": "-1h"}, whatchanged.CodeInvalidArgument, "onsett"},
		{"a malformed reference", "whatChanged", args{"scope": list(":web")}, whatchanged.CodeInvalidArgument, "scope"},
		{"no moment", "whatChanged", args{"onset": "yesterday"}, whatchanged.CodeInvalidArgument, "onset"},
		{"a number for a moment", "whatChanged", args{"onset": 5}, whatchanged.CodeInvalidArgument, "onset"},
		{"a switch for a moment", "whatChanged", args{"asOf": true}, whatchanged.CodeInvalidArgument, "asOf"},
		{"an object for a moment", "whatChanged", args{"asOf": args{}}, whatchanged.CodeInvalidArgument, "asOf"},
		{"a list of moments", "timeline", args{"since": list("-1h")}, whatchanged.CodeInvalidArgument, "since"},
		{"a fraction for a position", "timeline", args{"after": 1.5}, whatchanged.CodeInvalidArgument, "after"},
		{"a moment before all times", "whatChanged", args{"since": "-99999d"}, whatchanged.CodeInvalidArgument, "since"},
		{"a window backwards", "whatChanged", args{"since": "-1h", "until": "-2h"}, whatchanged.CodeInvalidArgument, "since"},
		{"the wrong type", "whatChanged", args{"limit": "many"}, whatchanged.CodeInvalidArgument, "limit"},
		{"a fraction", "whatChanged", args{"limit": 1.5}, whatchanged.CodeInvalidArgument, "limit"},
		{"an object for text", "whatChanged", args{"environment": args{"a": 1}}, whatchanged.CodeInvalidArgument, "environment"},
		{"a list of lists", "whatChanged", args{"scope": list(list("web"))}, whatchanged.CodeInvalidArgument, "scope.0"},
		{"null in a list", "change", args{"ids": list("flag", nil)}, whatchanged.CodeInvalidArgument, "ids.1"},
		{"null for what has a default", "timeline", args{"fold": nil}, whatchanged.CodeInvalidArgument, "fold"},
		{"text for a switch", "timeline", args{"fold": "maybe"}, whatchanged.CodeInvalidArgument, "fold"},
		{"a missing argument", "change", args{}, whatchanged.CodeInvalidArgument, "ids"},
		{"an unknown entity", "whatChanged", args{"scope": list("web-")}, whatchanged.CodeNotFound, "scope"},
		{"part of a name", "whatChanged", args{"scope": list("we")}, whatchanged.CodeNotFound, "scope"},
		{"an ambiguous name", "whatChanged", args{"scope": list("api")}, whatchanged.CodeAmbiguous, "scope"},
		{"a limit out of bounds", "timeline", args{"limit": 501}, whatchanged.CodeInvalidArgument, "limit"},
		{"a limit beyond all bounds", "timeline", args{"limit": json.Number("99999999999")}, whatchanged.CodeInvalidArgument, "limit"},
		{"too many hops", "timeline", args{"hops": 6}, whatchanged.CodeInvalidArgument, "hops"},
		{"a bad cursor", "find", args{"query": "web", "cursor": "abc"}, whatchanged.CodeInvalidArgument, "cursor"},
		{"the cursor of another question", "timeline", args{"cursor": page["cursor"]}, whatchanged.CodeInvalidArgument, "cursor"},
		{"a bad position", "find", args{"query": "web", "after": "42"}, whatchanged.CodeInvalidArgument, "after"},
		{"a position not seen yet", "find", args{"query": "web", "knownAt": "pos:99"}, whatchanged.CodeStale, "knownAt"},
		{"waiting for one in vain", "find", args{"query": "web", "after": "pos:99"}, whatchanged.CodeStale, "after"},
		{"too many ids", "change", args{"ids": list("1", "2", "3", "4", "5", "6")}, whatchanged.CodeInvalidArgument, "ids"},
		{"no ids", "change", args{"ids": list()}, whatchanged.CodeInvalidArgument, "ids"},
		{"an unknown id", "change", args{"ids": list("flag", "nobody")}, whatchanged.CodeNotFound, "ids"},
		{"an unknown incident", "whatChanged", args{"onset": "inc:nobody"}, whatchanged.CodeNotFound, "onset"},
		{"an empty query", "find", args{"query": " "}, whatchanged.CodeInvalidArgument, "query"},
		{"too long a query", "find", args{"query": strings.Repeat("x", 201)}, whatchanged.CodeInvalidArgument, "query"},
		{"a blank region", "timeline", args{"regions": list("eu", "")}, whatchanged.CodeInvalidArgument, "regions"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			got := map[string]outcome{
				"GraphQL":        s.graphql(t, tt.field, tt.args),
				"MCP over HTTP":  s.mcp(t, s.overHTTP, tt.field, tt.args),
				"MCP in process": s.mcp(t, s.inProcess, tt.field, tt.args),
			}
			line, writable := words(tt.field, tt.args)
			if writable {
				got["command line"] = s.cli(t, line)
			}
			want := got["GraphQL"]
			for name, o := range got {
				if o.Code != tt.code || o.Field != tt.at {
					t.Errorf("%s: %s on %q (%s), want %s on %q", name, o.Code, o.Field, o.Message, tt.code, tt.at)
				}
				if diff := cmp.Diff(want.Answer, o.Answer); diff != "" {
					t.Errorf("%s answers otherwise (-GraphQL +%s):\n%s", name, name, diff)
				}
				if o.Code != "" && o.Message == "" {
					t.Errorf("%s does not say why", name)
				}
				if tt.at != "onsett" && (o.Message != want.Message || !slices.Equal(o.Suggest, want.Suggest)) {
					t.Errorf("%s says %q and suggests %q, GraphQL %q and %q", name, o.Message, o.Suggest, want.Message, want.Suggest)
				}
			}
			if tt.code != "" && writable {
				if exit := run(append(line, "--json", "--server", s.url)); exit != whatchanged.Codes[tt.code].Exit {
					t.Errorf("exit status %d, want %d", exit, whatchanged.Codes[tt.code].Exit)
				}
			}
		})
	}
}
