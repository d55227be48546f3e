// Package schema holds the GraphQL schema, which is the public contract of the
// product: the names, types, defaults and descriptions that every surface
// shows are written there and nowhere else.
package schema

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"

	"whatchanged.dev/whatchanged"
)

//go:embed *.graphqls
var files embed.FS

// Parsed is the schema. It is parsed once, at start-up.
var Parsed = parse()

func parse() *ast.Schema {
	s := gqlparser.MustLoadSchema(sources()...)
	delete(s.Directives, "defer") // of gqlparser's own: an operation has one answer here, and what is deferred would be lost
	describe(s)
	return s
}

// SDL returns the schema as it is written, its files in the order of their names.
func SDL() string {
	var b strings.Builder
	for _, s := range sources() {
		b.WriteString(s.Input + "\n")
	}
	return b.String()
}

// sources are the files in the order of their names.
func sources() (all []*ast.Source) {
	names, err := fs.Glob(files, "*.graphqls")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, n := range names {
		b, err := files.ReadFile(n)
		if err != nil {
			panic(err) // embedded, so it is there
		}
		all = append(all, &ast.Source{Name: n, Input: string(b)})
	}
	return all
}

// describe gives the fields that every answer has the description they have in
// the interface, and the input of a question that of its type, where they are
// not described anew.
func describe(s *ast.Schema) {
	for _, def := range s.Types {
		for _, name := range def.Interfaces {
			for _, of := range s.Types[name].Fields {
				if f := def.Fields.ForName(of.Name); f.Description == "" {
					f.Description = of.Description
				}
			}
		}
	}
	for _, f := range s.Query.Fields {
		if in := f.Arguments.ForName("input"); in != nil && in.Description == "" {
			in.Description = s.Types[in.Type.Name()].Description
		}
	}
}

// Document returns the schema as clients see it, as one document: every type
// once, with all its descriptions, in an order that does not change.
func Document() string {
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(Parsed)
	return b.String()
}

// Input returns the field of Query called name and the type of its one input;
// nothing of a field that is no question.
func Input(name string) (field *ast.FieldDefinition, input *ast.Definition) {
	f := Parsed.Query.Fields.ForName(name)
	if f == nil || f.Arguments.ForName("input") == nil {
		return nil, nil
	}
	return f, Parsed.Types[f.Arguments.ForName("input").Type.Name()]
}

// Check returns args as GraphQL would hand them to the question called name:
// checked against its input type, with the defaults filled in. The error is
// [whatchanged.ErrInvalid] and names the argument. args stay as they are.
func Check(name string, args map[string]any) (map[string]any, error) {
	_, input := Input(name)
	for _, arg := range slices.Sorted(maps.Keys(args)) {
		if input.Fields.ForName(arg) == nil {
			return nil, unknown(input, arg)
		}
	}
	op := &ast.OperationDefinition{VariableDefinitions: ast.VariableDefinitionList{{
		Variable: "input", Type: ast.NonNullNamedType(input.Name, nil), Definition: input,
	}}}
	own, err := read(args)
	if err != nil {
		return nil, err
	}
	vars, err := validator.VariableValues(Parsed, op, map[string]any{"input": own})
	if err != nil {
		return nil, Refusal(err)
	}
	out, _ := vars["input"].(map[string]any)
	for _, f := range input.Fields {
		v, ok := out[f.Name]
		if !ok && f.DefaultValue != nil {
			v, _ = f.DefaultValue.Value(nil) // the schema has been validated
			ok = true
		}
		if ok {
			out[f.Name] = coerce(f.Type, v)
		}
	}
	return out, nil
}

// read returns args as they come out of a GraphQL request, numbers with all
// their digits, so that they are checked alike wherever they came from.
func read(args map[string]any) (map[string]any, error) {
	own := map[string]any{}
	b, err := json.Marshal(args)
	if err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "the arguments are not JSON").Hiding(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&own); err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "the arguments are not a JSON object").Hiding(err)
	}
	if own == nil { // null
		own = map[string]any{}
	}
	return own, nil
}

// coerce turns what the validator lets through into what the type says: a
// number given as text, or text given as a number.
func coerce(t *ast.Type, v any) any {
	if t.Elem != nil {
		if v == nil {
			return nil
		}
		list := []any{}
		for _, e := range items(v) {
			list = append(list, coerce(t.Elem, e))
		}
		return list
	}
	switch v := v.(type) {
	case map[string]any:
		if def := Parsed.Types[t.Name()]; def.Kind == ast.InputObject {
			out := map[string]any{}
			for name, e := range v {
				out[name] = coerce(def.Fields.ForName(name).Type, e)
			}
			return out
		}
	case json.Number:
		if t := t.Name(); t != "Int" && t != "Float" && t != "JSON" {
			return v.String()
		}
	case bool:
		if t := t.Name(); t != "Boolean" && t != "JSON" {
			return strconv.FormatBool(v)
		}
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && t.Name() == "Int" {
			return n
		}
	}
	return v
}

// items returns the elements of a list; the validator makes a typed one of a
// single value.
func items(v any) []any {
	var out []any
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		for i := range r.Len() {
			out = append(out, r.Index(i).Interface())
		}
	}
	return out
}

// Refusal says in our words what gqlparser found wrong with a value: the path
// below the input is the field at fault.
func Refusal(err error) *whatchanged.Error {
	e := whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s", err.Error())
	var found *gqlerror.Error
	if !errors.As(err, &found) {
		return e
	}
	e.Message = found.Message
	return e.In(Field(found.Path))
}

// Field returns the part of an error's path that lies below the input: the
// argument at fault, "" if it is none.
func Field(path ast.Path) string {
	var below []string
	found := false
	for _, p := range path {
		if found {
			below = append(below, fmt.Sprint(p))
		}
		found = found || p == ast.PathName("input")
	}
	return strings.Join(below, ".")
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
