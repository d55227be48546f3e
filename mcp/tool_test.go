package mcp_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"whatchanged.dev/whatchanged/mcp"
	"whatchanged.dev/whatchanged/resolvers"
)

var update = flag.Bool("update", false, "write golden files anew")

func tools(t testing.TB) []mcpgo.Tool {
	t.Helper()
	res, err := dial(t, newWorld(0)).ListTools(viewed(t), mcpgo.ListToolsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return res.Tools
}

// TestToolsAreAsCommitted: assistants read a tool's schema as code, so a change
// of one must show in review.
func TestToolsAreAsCommitted(t *testing.T) {
	all := tools(t)
	if len(all) != len(resolvers.Questions) {
		t.Errorf("%d tools for %d questions", len(all), len(resolvers.Questions))
	}
	for _, tool := range all {
		raw, err := json.Marshal(tool)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := json.Indent(&b, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
		file := filepath.Join("testdata", "tools", tool.Name+".json")
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s is not up to date; -update writes it (-want +got):\n%s", file, diff)
		}
	}
}

// bytesPerToken of JSON schemas with English in them.
const bytesPerToken = 4

// What the tools may cost together, without and with their output schemas.
const (
	maxTokens       = 3500
	maxTokensOutput = 7000
)

// TestToolsCostFewTokens: what is listed stands in every conversation. What a
// host does with output schemas differs; they are counted apart.
func TestToolsCostFewTokens(t *testing.T) {
	without, with := 0, 0
	for _, tool := range tools(t) {
		b, err := json.Marshal(tool)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		with += len(b)
		without += len(b) - len(m["outputSchema"])
		t.Logf("%-14s %5d tokens, %5d with its output schema", tool.Name, (len(b)-len(m["outputSchema"]))/bytesPerToken, len(b)/bytesPerToken)
	}
	for _, tt := range []struct {
		what      string
		got, most int
	}{{"without", without / bytesPerToken, maxTokens}, {"with", with / bytesPerToken, maxTokensOutput}} {
		t.Logf("together %s output schemas: %d tokens of %d", tt.what, tt.got, tt.most)
		if tt.got > tt.most {
			t.Errorf("the tools cost %d tokens %s output schemas, want at most %d", tt.got, tt.what, tt.most)
		}
	}
}

func TestToolsSayThatTheyOnlyRead(t *testing.T) {
	for _, tool := range tools(t) {
		a := tool.Annotations
		for name, hint := range map[string]struct {
			got  *bool
			want bool
		}{"readOnly": {a.ReadOnlyHint, true}, "destructive": {a.DestructiveHint, false}, "idempotent": {a.IdempotentHint, true}, "openWorld": {a.OpenWorldHint, false}} {
			if hint.got == nil || *hint.got != hint.want {
				t.Errorf("%s: %sHint is %v, want %t", tool.Name, name, hint.got, hint.want)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for field, want := range map[string]string{"whatChanged": "what_changed", "find": "find", "dataHealth": "data_health"} {
		if got := mcp.Name(field); got != want {
			t.Errorf("%s is %s, want %s", field, got, want)
		}
	}
}

// TestAnswersFitTheirOutputSchema, full and empty ones.
func TestAnswersFitTheirOutputSchema(t *testing.T) {
	schemas := map[string]*jsonschema.Schema{}
	for _, tool := range tools(t) {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(tool.RawOutputSchema))
		if err != nil {
			b, _ := json.Marshal(tool.OutputSchema)
			if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(b)); err != nil {
				t.Fatal(err)
			}
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(tool.Name, doc); err != nil {
			t.Fatal(err)
		}
		if schemas[tool.Name], err = c.Compile(tool.Name); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range []*world{newWorld(0), newWorld(30)} {
		c := dial(t, w)
		for _, tt := range []struct {
			tool string
			args map[string]any
		}{
			{"what_changed", nil}, {"what_changed", map[string]any{"since": "-1s"}},
			{"timeline", nil}, {"timeline", map[string]any{"fold": false}}, {"timeline", map[string]any{"since": "-1s"}},
			{"config", map[string]any{"key": "web", "history": true}}, {"config", map[string]any{"key": "web", "asOf": "-3d"}},
			{"find", map[string]any{"query": "web"}}, {"find", map[string]any{"query": "nothing"}},
			{"change", map[string]any{"ids": []any{"deploy/000"}, "raw": true}}, {"change", map[string]any{"ids": []any{"deploy/001", "deploy/002"}}},
		} {
			r := call(t, c, tt.tool, tt.args)
			if r.isError {
				if len(w.log) > 0 {
					t.Errorf("%s %v: %s", tt.tool, tt.args, r.text)
				}
				continue
			}
			if err := schemas[tt.tool].Validate(r.content); err != nil {
				t.Errorf("%s %v: %v", tt.tool, tt.args, err)
			}
			if err := schemas[tt.tool].Validate(map[string]any{"items": 1}); err == nil {
				t.Errorf("the output schema of %s takes anything", tt.tool)
			}
		}
	}
}
