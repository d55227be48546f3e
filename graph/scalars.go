package graph

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"

	"github.com/99designs/gqlgen/graphql"

	"whatchanged.dev/whatchanged"
)

// The scalars of the schema are types of the root package that have a text
// form. GraphQL, JSON and the command line share that form.

// MarshalRef writes a reference.
func MarshalRef(r whatchanged.Ref) graphql.Marshaler { return text(r) }

// MarshalWhen writes a moment.
func MarshalWhen(w whatchanged.When) graphql.Marshaler { return text(w) }

// MarshalPosition writes a position.
func MarshalPosition(p whatchanged.Position) graphql.Marshaler { return text(p) }

// UnmarshalRef reads a reference.
func UnmarshalRef(v any) (r whatchanged.Ref, err error) { return r, parse(&r, v) }

// UnmarshalWhen reads a moment.
func UnmarshalWhen(v any) (w whatchanged.When, err error) { return w, parse(&w, v) }

// UnmarshalPosition reads a position.
func UnmarshalPosition(v any) (p whatchanged.Position, err error) { return p, parse(&p, v) }

// MarshalJSON writes any JSON value as it stands.
func MarshalJSON(v whatchanged.Value) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		b, err := v.MarshalJSON()
		if err != nil {
			panic(err) // a Value is JSON; gqlgen recovers and reports
		}
		_, _ = w.Write(b)
	})
}

// UnmarshalJSON reads any JSON value.
func UnmarshalJSON(v any) (whatchanged.Value, error) { return whatchanged.ValueOf(v), nil }

func text(v encoding.TextMarshaler) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		b, err := v.MarshalText()
		if err == nil {
			b, err = json.Marshal(string(b)) // strconv.Quote is not JSON
		}
		if err != nil {
			panic(err) // our types do not fail here; gqlgen recovers and reports
		}
		_, _ = w.Write(b)
	})
}

func parse(to encoding.TextUnmarshaler, v any) error {
	switch v := v.(type) {
	case string:
		return to.UnmarshalText([]byte(v))
	case json.Number, int64, bool: // its own parser says best what is wrong with it
		return to.UnmarshalText(fmt.Append(nil, v))
	case []any:
		return errShape("array")
	}
	return errShape("object")
}

// errShape is what the other surfaces say of such a value, too.
func errShape(got string) error {
	return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "a %s does not fit", got)
}
