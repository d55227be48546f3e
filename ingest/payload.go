package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"reflect"
	"regexp"
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

// within joins the place of a payload and the path of a field in it.
func within(at, field string) string {
	if at == "" || field == "" {
		return at + field
	}
	return at + "." + field
}

// A moment is a time as senders write it: a string in one of several shapes,
// or a number of seconds, milliseconds, microseconds or nanoseconds.
type moment string

// UnmarshalJSON takes strings and numbers as they stand; null says nothing.
func (m *moment) UnmarshalJSON(b []byte) error {
	switch {
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(m))
	case string(b) == "null":
		*m = ""
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*m = moment(b)
	default:
		return &json.UnmarshalTypeError{Value: jsonKind(b), Type: reflect.TypeFor[moment]()}
	}
	return nil
}

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

var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05 UTC",
	"2006-01-02T15:04:05", // no zone: UTC
}

// parseTime reads a time in any of the shapes that senders use.
func parseTime(m moment) (time.Time, bool) {
	s := strings.TrimSpace(string(m))
	t, ok := parseEpoch(s)
	for i := 0; !ok && i < len(timeLayouts); i++ {
		var err error
		t, err = time.Parse(timeLayouts[i], s)
		ok = err == nil
	}
	t = whatchanged.Canonical(t)
	return t, ok && whatchanged.Always.Contains(t)
}

// parseEpoch tells the unit of a count since 1970 from its size.
func parseEpoch(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f < 0 || f >= 1e11 {
			return time.Time{}, false
		}
		whole, part := math.Modf(f)
		return time.Unix(int64(whole), int64(part*1e9)), true
	}
	switch {
	case n < 1e11:
		return time.Unix(n, 0), true
	case n < 1e14:
		return time.UnixMilli(n), true
	case n < 1e17:
		return time.UnixMicro(n), true
	}
	return time.Unix(0, n), true
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

// firstLine is the subject of a commit message.
func firstLine(message string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	return strings.TrimSpace(line)
}

var (
	revertsCommit = regexp.MustCompile(`(?i)\bthis reverts commit ([0-9a-f]{7,64})\b`)
	revertSubject = regexp.MustCompile(`^(?:Revert "(.*)"|Reapply "(.*)")`)
)

// revertOf returns the commit that a commit message says it undoes, and the
// subject of what it undoes; either may be "". To reapply is to undo a revert.
func revertOf(message string) (commit, subject string) {
	if m := revertsCommit.FindStringSubmatch(message); m != nil {
		commit = strings.ToLower(m[1])
	}
	if m := revertSubject.FindStringSubmatch(firstLine(message)); m != nil {
		subject = m[1]
		if m[2] != "" {
			subject = `Revert "` + m[2] + `"`
		}
	}
	return commit, subject
}

// regionName matches the names that the large clouds give their regions, at
// the end of the name of an environment or cluster, as in prod-eu-west-1.
var regionName = regexp.MustCompile(`(?i)(?:^|[-_/.])((?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-gov)?-(?:north|south|east|west|central|northeast|northwest|southeast|southwest)-\d|` +
	`(?:africa|asia|australia|europe|me|northamerica|southamerica|us)-(?:north|south|east|west|central|northeast|northwest|southeast|southwest)\d{1,2})$`)

// place puts an event into the environment a source names, if it names one.
func place(e *whatchanged.Event, environment string) {
	if environment == "" {
		return
	}
	e.Placement.Environment = environment
	regionFrom(e, "environment", environment)
}

// regionFrom takes the region, which no standard payload has, from the end of
// the name of an environment or cluster if that is where it stands. The
// attribute regionFrom says whence.
func regionFrom(e *whatchanged.Event, what, name string) {
	m := regionName.FindStringSubmatch(name)
	if m == nil || e.Placement.Region != "" {
		return
	}
	e.Placement.Region = strings.ToLower(m[1])
	attribute(e, "regionFrom", what)
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
