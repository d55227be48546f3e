package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestCheckRefuses(t *testing.T) {
	for _, tt := range []struct {
		claim, question string
		args            map[string]any
		field, message  string
	}{
		{"a typo, and says what was meant", "whatChanged", map[string]any{"onsett": "-1h"}, "onsett", "did you mean onset?"},
		{"another case", "whatChanged", map[string]any{"knownat": "-1h"}, "knownat", "did you mean knownAt?"},
		{"a word that is like nothing", "whatChanged", map[string]any{"service": "web"}, "service", "want any of scope, environment"},
		{"a required argument left out", "change", nil, "ids", "must be defined"},
		{"null for a required one", "change", map[string]any{"ids": nil}, "ids", "cannot be null"},
		{"null for one with a default", "timeline", map[string]any{"limit": nil}, "limit", "cannot be null"},
		{"null in a list", "change", map[string]any{"ids": []any{"a", nil}}, "ids.1", "cannot be null"},
		{"a word for a number", "timeline", map[string]any{"limit": "many"}, "limit", "cannot use string as Int"},
		{"a fraction for a whole number", "timeline", map[string]any{"limit": 1.5}, "limit", "cannot use string as Int"},
		{"a number for a switch", "timeline", map[string]any{"fold": 1}, "fold", "cannot use string as Boolean"},
		{"an object for a name", "timeline", map[string]any{"environment": map[string]any{}}, "environment", "cannot use map as String"},
		{"an object in a list", "timeline", map[string]any{"scope": []any{map[string]any{}}}, "scope.0", "cannot use map as String"},
		{"what is not JSON", "timeline", map[string]any{"scope": func() {}}, "", "not JSON"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			_, err := schema.Check(tt.question, tt.args)
			var e *whatchanged.Error
			if !errors.As(err, &e) || e.Code != whatchanged.CodeInvalidArgument || e.Field != tt.field || !strings.Contains(e.Message, tt.message) {
				t.Errorf("got %#v, want %q on %q", err, tt.message, tt.field)
			}
		})
	}
}

func TestCheckFillsInDefaults(t *testing.T) {
	for _, tt := range []struct {
		claim, question string
		args            map[string]any
		want            map[string]any
	}{
		{"all of them", "whatChanged", nil, map[string]any{"hops": int64(2), "limit": int64(20)}},
		{"of every type", "timeline", map[string]any{}, map[string]any{"hops": int64(0), "limit": int64(100), "fold": true}},
		{"not over what was given", "timeline", map[string]any{"hops": 3, "fold": false, "limit": 7.0}, map[string]any{"hops": json.Number("3"), "fold": false, "limit": json.Number("7")}},
		{"nor for what may be absent", "change", map[string]any{"ids": []any{"a"}, "knownAt": nil}, map[string]any{"ids": []any{"a"}, "knownAt": nil, "raw": false}},
		{"one value is a list of one", "change", map[string]any{"ids": "a"}, map[string]any{"ids": []any{"a"}, "raw": false}},
		{"an empty list stays one", "change", map[string]any{"ids": []any{}}, map[string]any{"ids": []any{}, "raw": false}},
		{"a number given as text is a number, and text given as a number is text", "timeline",
			map[string]any{"limit": "5", "environment": 7, "scope": []any{12}}, map[string]any{"limit": int64(5), "environment": "7", "scope": []any{"12"}, "hops": int64(0), "fold": true}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			before, _ := json.Marshal(tt.args)
			got, err := schema.Check(tt.question, tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if after, _ := json.Marshal(tt.args); !bytes.Equal(before, after) {
				t.Errorf("the caller's arguments became %s", after)
			}
		})
	}
}

// FuzzCheck: no argument makes it panic, and what it lets through can be asked
// again.
func FuzzCheck(f *testing.F) {
	for _, q := range resolvers.Questions {
		f.Add(q.Field, `{"scope":["web"],"limit":"5","onset":5,"ids":"a","query":null}`)
	}
	f.Add("timeline", `{"regions":[["a"]],"hops":1e3}`)
	f.Fuzz(func(t *testing.T, question, text string) {
		var args map[string]any
		if _, ok := resolvers.Lookup(question); !ok || json.Unmarshal([]byte(text), &args) != nil {
			return
		}
		checked, err := schema.Check(question, args)
		if err != nil {
			if whatchanged.CodeOf(err) != whatchanged.CodeInvalidArgument {
				t.Errorf("%s: %v", text, err)
			}
			return
		}
		again, err := schema.Check(question, checked)
		if err != nil || !slices.Equal(marshal(t, again), marshal(t, checked)) {
			t.Errorf("%s becomes %s, and that %s: %v", text, marshal(t, checked), marshal(t, again), err)
		}
	})
}

func marshal(t testing.TB, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEveryQuestionIsOnEverySurface holds the table of questions and the
// schema together: MCP and the command line are made from the table, GraphQL
// from the schema.
func TestEveryQuestionIsOnEverySurface(t *testing.T) {
	var inTable, inSchema []string
	for _, q := range resolvers.Questions {
		inTable = append(inTable, q.Field)
	}
	for _, f := range schema.Parsed.Query.Fields {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		inSchema = append(inSchema, f.Name)
		if slices.Contains(resolvers.Walks, f.Name) {
			continue
		}
		input := f.Arguments.ForName("input")
		if len(f.Arguments) != 1 || input == nil || !input.Type.NonNull {
			t.Errorf("Query.%s: want one argument, input, that must be given", f.Name)
		}
		answer := schema.Parsed.Types[f.Type.Name()]
		if !slices.Contains(answer.Interfaces, "Answer") {
			t.Errorf("%s does not implement Answer", answer.Name)
		}
	}
	inTable = append(inTable, resolvers.Walks...)
	slices.Sort(inTable)
	slices.Sort(inSchema)
	if diff := cmp.Diff(inTable, inSchema); diff != "" {
		t.Errorf("resolvers.Questions with Walks, and Query differ (-table +schema):\n%s", diff)
	}
}

// TestEverythingIsDescribed: types, fields, arguments and the values of enums.
func TestEverythingIsDescribed(t *testing.T) {
	for name, def := range schema.Parsed.Types {
		if def.BuiltIn || strings.HasPrefix(name, "__") {
			continue
		}
		described := func(what, description string) {
			if description == "" {
				t.Errorf("%s is not described", what)
			}
		}
		described(name, def.Description)
		for _, v := range def.EnumValues {
			described(name+"."+v.Name, v.Description)
		}
		for _, f := range def.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			described(name+"."+f.Name, f.Description)
			for _, arg := range f.Arguments {
				described(name+"."+f.Name+"("+arg.Name+")", arg.Description)
			}
		}
	}
}

// TestDocument: the schema as one committed file, in which a change is seen. Whether
// it breaks what clients ask is told by comparing it with released.graphql.
func TestDocument(t *testing.T) {
	same(t, filepath.Join("..", "schema.graphql"), schema.Document())
}

// TestSelectionAsksForEverything: the query made of it is valid, and the
// answer's every field is in it.
func TestSelectionAsksForEverything(t *testing.T) {
	for _, q := range resolvers.Questions {
		_, input := schema.Input(q.Field)
		query := "query($input: " + input.Name + "!){" + q.Field + "(input:$input)" + schema.Selection(q.Field) + "}"
		if _, err := gqlparser.LoadQueryWithRules(schema.Parsed, query, nil); err != nil {
			t.Errorf("%s: %v", q.Field, err)
		}
	}
	for _, none := range []string{"nobody", "entity"} {
		if f, in := schema.Input(none); f != nil || in != nil {
			t.Error("an input of what is no question")
		}
	}
}

func TestSchemasOfQuestions(t *testing.T) {
	extra := schema.Member{Name: "budget", Value: schema.Object{{Name: "type", Value: "integer"}}}
	for _, q := range resolvers.Questions {
		golden(t, q.Field+".input.json", schema.InputSchema(q.Field, extra))
		golden(t, q.Field+".output.json", schema.OutputSchema(q.Field))
	}
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, marshal(t, v), "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	same(t, filepath.Join("testdata", name), b.String())
}

// same compares a text with a committed file.
func same(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s is not up to date; make generate writes it (-want +got):\n%s", file, diff)
	}
}
