package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"whatchanged.dev/whatchanged"
)

// unmarshal decodes a payload whose place in the delivery is at, "" for the
// whole body. Unknown fields are passed over: senders add them without notice.
func unmarshal(body []byte, at string, v any) error {
	err := json.Unmarshal(body, v)
	var shape *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &shape):
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "is a JSON %s: want %s", shape.Value, jsonWord(shape.Type)).In(within(at, jsonPath(shape.Field, v)))
	case errors.As(err, &syntax):
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "body is not JSON: %v, at byte %d", syntax, syntax.Offset).In(at)
	}
	return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "body is not JSON of the form wanted").In(at).Hiding(err)
}

// jsonPath takes the names of embedded structs, which the sender does not
// know, off the path of a field in v.
func jsonPath(field string, v any) string {
	t := reflect.TypeOf(v).Elem()
	for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
		if t.Field(i).Anonymous {
			field = strings.TrimPrefix(field, t.Field(i).Name+".")
		}
	}
	return field
}

// jsonWord says which JSON a Go type is read from.
func jsonWord(t reflect.Type) string {
	if t == reflect.TypeFor[moment]() {
		return "a time such as 2026-03-01T02:50:00Z"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a string"
}

// jsonKind says what a JSON value is, to go by its first character.
func jsonKind(b []byte) string {
	switch b[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	}
	return "number"
}

// within joins the place of a payload and the path of a field in it.
func within(at, field string) string {
	if at == "" || field == "" {
		return at + field
	}
	return at + "." + field
}

// A check reads the fields of one payload and keeps the first fault, so that
// a decoder reads everything it needs and then asks once.
type check struct {
	at  string // the place of the payload in the delivery
	err error
}

func (c *check) fail(field, format string, args ...any) {
	if c.err == nil {
		c.err = whatchanged.Errorf(whatchanged.CodeInvalidArgument, format, args...).In(within(c.at, field))
	}
}

// text returns v, which must not be empty.
func (c *check) text(field, v string) string {
	if strings.TrimSpace(v) == "" {
		c.fail(field, "is missing")
	}
	return v
}

// id returns the digits of v, which must not be zero.
func (c *check) id(field string, v int64) string {
	if v == 0 {
		c.fail(field, "is missing: want the sender's number of it")
	}
	return strconv.FormatInt(v, 10)
}

// time returns the moment of v, which must be there.
func (c *check) time(field string, v moment) time.Time {
	if v == "" {
		c.fail(field, "is missing: want a time such as 2026-03-01T02:50:00Z")
	}
	return c.maybe(field, v)
}

// maybe returns the moment of v, the zero time if it says nothing.
func (c *check) maybe(field string, v moment) time.Time {
	if v == "" {
		return time.Time{}
	}
	t, ok := parseTime(v)
	if !ok {
		c.fail(field, "%s is not a time: want RFC 3339, such as 2026-03-01T02:50:00Z", quote(string(v)))
		return time.Time{}
	}
	return t
}

// quote shows a value from outside in a message, shortened.
func quote(s string) string {
	const limit = 80
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return strconv.Quote(s)
}

// finish checks what must hold of every event that leaves a decoder.
func finish(c *check, e whatchanged.Event, entityField string) (whatchanged.Event, error) {
	if c.err == nil && !e.Entity.Valid() {
		c.fail(entityField, "names no entity: want a name such as acme/checkout")
	}
	if c.err == nil && strings.ContainsFunc(e.ID, unicode.IsControl) {
		c.fail("id", "%s holds a control character", quote(e.ID))
	}
	maps.DeleteFunc(e.Attributes, func(_, v string) bool { return v == "" })
	e.Links = slices.DeleteFunc(e.Links, func(l whatchanged.Link) bool { return l.URL == "" })
	return e, c.err
}

// one is the usual end of a decoder that tells of one event.
func one(c *check, e whatchanged.Event, entityField string) (Decoded, error) {
	e, err := finish(c, e, entityField)
	if err != nil {
		return Decoded{}, err
	}
	return Decoded{Events: []whatchanged.Event{e}}, nil
}

// written is a time as Event.WrittenAt wants it.
func written(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// isObject reports whether b is a JSON object, to go by its first character.
func isObject(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) > 0 && b[0] == '{'
}

// attribute adds what a source says besides, if it says anything.
func attribute(e *whatchanged.Event, key, value string) {
	if value == "" {
		return
	}
	if e.Attributes == nil {
		e.Attributes = map[string]string{}
	}
	e.Attributes[key] = value
}
