package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// An Object is a JSON object whose members keep their order, so that the
// schemas that assistants read, and their snapshots, do not shuffle.
type Object []Member

// A Member is one member of an Object.
type Member struct {
	Name  string
	Value any
}

// MarshalJSON implements [json.Marshaler].
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", m.Name, err)
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// InputSchema returns the JSON Schema (2020-12) of the arguments of the
// question called name, followed by extra properties of the surface's own.
func InputSchema(name string, extra ...Member) Object {
	_, input := Input(name)
	d := definitions{seen: map[string]bool{}}
	s := d.input(input, extra...)
	if len(d.defs) > 0 {
		s = append(s, Member{"$defs", d.defs})
	}
	return s
}

// input is the schema of an input type; the types of its fields that are input
// types themselves are defined once.
func (d *definitions) input(t *ast.Definition, extra ...Member) Object {
	var properties Object
	required := []string{}
	for _, f := range t.Fields {
		p := append(d.argument(f.Type), Member{"description", f.Description})
		if f.DefaultValue != nil {
			v, _ := f.DefaultValue.Value(nil) // the schema has been validated
			p = append(p, Member{"default", v})
		}
		properties = append(properties, Member{f.Name, p})
		if f.Type.NonNull && f.DefaultValue == nil {
			required = append(required, f.Name)
		}
	}
	properties = append(properties, extra...)
	s := Object{{"type", "object"}, {"properties", properties}}
	if len(required) > 0 {
		s = append(s, Member{"required", required})
	}
	return append(s, Member{"additionalProperties", false})
}

// definitions collects the input types that a schema refers to.
type definitions struct {
	defs Object
	seen map[string]bool
}

func (d *definitions) argument(t *ast.Type) Object {
	def := Parsed.Types[t.Name()]
	if t.Elem != nil || def.Kind != ast.InputObject {
		return jsonType(t)
	}
	if !d.seen[def.Name] {
		d.seen[def.Name] = true
		d.defs = append(d.defs, Member{def.Name, d.input(def)})
	}
	return Object{{"$ref", "#/$defs/" + def.Name}}
}

// OutputSchema returns the JSON Schema (2020-12) of the answer to the question
// called name: its fields, and those of its items. An answer is nested six deep,
// and its whole schema costs a conversation more than all the answers in it;
// what lies deeper is an object or an array here, and described in the GraphQL
// schema.
func OutputSchema(name string) Object {
	field, _ := Input(name)
	answer := Parsed.Types[field.Type.Name()]
	required := []string{"verdict", "coverage"}
	for _, f := range answer.Fields {
		if Parsed.Types["Answer"].Fields.ForName(f.Name) == nil && f.Type.NonNull {
			required = append(required, f.Name)
		}
	}
	return append(object(answer), Member{"required", required})
}

// aside are the fields that every answer has and nobody reads to go on.
var aside = map[string]bool{"interval": true, "watermark": true, "quoted": true}

func object(t *ast.Definition) Object {
	var properties Object
	for _, f := range t.Fields {
		if !strings.HasPrefix(f.Name, "__") && !aside[f.Name] {
			properties = append(properties, Member{f.Name, value(f)})
		}
	}
	return Object{{"type", "object"}, {"properties", properties}}
}

func value(f *ast.FieldDefinition) Object {
	def := Parsed.Types[f.Type.Name()]
	var s Object
	switch {
	case f.Name == "items":
		return Object{{"type", "array"}, {"items", object(def)}}
	case f.Type.Elem != nil:
		s = Object{{"type", "array"}}
	case def.Kind == ast.Object:
		s = Object{{"type", "object"}}
	default:
		s = jsonType(f.Type)
	}
	if f.Type.NonNull || len(s) == 0 {
		return s
	}
	return Object{{"anyOf", []Object{s, {{"type", "null"}}}}}
}

// jsonType is the JSON type of a scalar or a list of scalars. A scalar JSON
// may be anything.
func jsonType(t *ast.Type) Object {
	if t.Elem != nil {
		return Object{{"type", "array"}, {"items", jsonType(t.Elem)}}
	}
	switch t.Name() {
	case "Int":
		return Object{{"type", "integer"}}
	case "Float":
		return Object{{"type", "number"}}
	case "Boolean":
		return Object{{"type", "boolean"}}
	case "JSON":
		return Object{}
	}
	return Object{{"type", "string"}}
}

// Selection returns the selection set that asks for every field of the answer
// to the question called name.
func Selection(name string) string {
	field, _ := Input(name)
	var b bytes.Buffer
	selection(&b, Parsed.Types[field.Type.Name()])
	return b.String()
}

// Query returns the operation that asks the question called name for every
// field of its answer, with its input in a variable.
func Query(name string) string {
	_, input := Input(name)
	return fmt.Sprintf("query($input: %s!){%s(input:$input)%s}", input.Name, name, Selection(name))
}

func selection(b *bytes.Buffer, t *ast.Definition) {
	b.WriteByte('{')
	for i, f := range t.Fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.Name)
		if def := Parsed.Types[f.Type.Name()]; def.Kind == ast.Object {
			selection(b, def)
		}
	}
	b.WriteByte('}')
}
