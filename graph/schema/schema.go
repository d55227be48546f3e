// Package schema holds the GraphQL schema, which is the public contract of the
// product: the names, types, defaults and descriptions that every surface
// shows are written there and nowhere else.
package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"

	"whatchanged.dev/whatchanged"
)

//go:embed *.graphqls
var files embed.FS

// Parsed is the schema. It is parsed once, at start-up.
var Parsed = parse()

func parse() *ast.Schema {
	names, err := fs.Glob(files, "*.graphqls")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var src []*ast.Source
	for _, n := range names {
		b, err := files.ReadFile(n)
		if err != nil {
			panic(err) // embedded, so it is there
		}
		src = append(src, &ast.Source{Name: n, Input: string(b)})
	}
	return gqlparser.MustLoadSchema(src...)
}

// Input returns the field of Query called name and the type of its one input.
func Input(name string) (field *ast.FieldDefinition, input *ast.Definition) {
	f := Parsed.Query.Fields.ForName(name)
	if f == nil {
		return nil, nil
	}
	return f, Parsed.Types[f.Arguments.ForName("input").Type.Name()]
}

// Check returns args as GraphQL would hand them to the question called name:
// checked against its input type, with the defaults filled in. The error is
// [whatchanged.ErrInvalid] and names the argument.
func Check(name string, args map[string]any) (map[string]any, error) {
	_, input := Input(name)
	for arg := range args {
		if input.Fields.ForName(arg) == nil {
			return nil, unknown(input, arg)
		}
	}
	op := &ast.OperationDefinition{VariableDefinitions: ast.VariableDefinitionList{{
		Variable: "input", Type: ast.NonNullNamedType(input.Name, nil), Definition: input,
	}}}
	if args == nil {
		args = map[string]any{}
	}
	vars, err := validator.VariableValues(Parsed, op, map[string]any{"input": args})
	if err != nil {
		return nil, Refusal(err)
	}
	out, _ := vars["input"].(map[string]any)
	for _, f := range input.Fields {
		if _, ok := out[f.Name]; !ok && f.DefaultValue != nil {
			out[f.Name], _ = f.DefaultValue.Value(nil) // the schema has been validated
		}
	}
	return out, nil
}

// Refusal says in our words what gqlparser found wrong with a value: the path
// below the input is the field at fault.
func Refusal(err error) *whatchanged.Error {
	e := whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s", err.Error())
	list, ok := err.(*gqlerror.Error)
	if !ok {
		return e
	}
	e.Message = list.Message
	var path []string
	for _, p := range list.Path {
		path = append(path, fmt.Sprint(p))
	}
	if i := slices.Index(path, "input"); i >= 0 {
		path = path[i+1:]
	}
	return e.In(strings.Join(path, "."))
}

// unknown refuses an argument that the question does not have: a typo would
// otherwise answer another question.
func unknown(input *ast.Definition, arg string) error {
	var names []string
	for _, f := range input.Fields {
		names = append(names, f.Name)
	}
	e := whatchanged.Errorf(whatchanged.CodeInvalidArgument, "unknown argument; want any of %s", strings.Join(names, ", ")).In(arg)
	if near := nearest(arg, names); near != "" {
		e.Message = fmt.Sprintf("unknown argument; did you mean %s?", near)
		e.Suggest = []string{near}
	}
	return e
}

// nearest returns the name that takes the fewest edits to become arg, if that
// is at most a third of its letters.
func nearest(arg string, names []string) string {
	best, cost := "", len(arg)/3+2
	for _, n := range names {
		if c := edits(strings.ToLower(arg), strings.ToLower(n)); c < cost {
			best, cost = n, c
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost = 1 + min(prev, row[j], row[j+1])
			}
			prev, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
