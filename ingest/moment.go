package ingest

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

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
