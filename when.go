package whatchanged

import (
	"strings"
	"time"
)

// A When says a moment the way people do: an RFC 3339 time, an offset from
// now such as "-2h", an incident's start as "inc:ID", or a position in the
// change log. The zero When says nothing.
type When struct {
	Time     time.Time     // an absolute moment
	Offset   time.Duration // from now; never positive
	Incident string        // the start of this incident
	Position Position      // the moment the log stored this
	kind     whenKind
}

type whenKind uint8

const (
	whenNone whenKind = iota
	whenTime
	whenOffset
	whenIncident
	whenPosition
)

// ParseWhen parses the text form of a When.
func ParseWhen(s string) (When, error) {
	switch {
	case s == "now":
		return When{kind: whenOffset}, nil
	case strings.HasPrefix(s, positionPrefix):
		p, err := ParsePosition(s)
		return When{Position: p, kind: whenPosition}, err
	case strings.HasPrefix(s, "inc:") && len(s) > len("inc:"):
		return When{Incident: s[len("inc:"):], kind: whenIncident}, nil
	case strings.HasPrefix(s, "-"):
		d, err := parseOffset(s[1:])
		if err != nil {
			return When{}, errWhen(s)
		}
		return When{Offset: -d, kind: whenOffset}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Before(MinTime) || !t.Before(MaxTime) {
		return When{}, errWhen(s)
	}
	return When{Time: Canonical(t), kind: whenTime}, nil
}

// parseOffset reads a duration; unlike time.ParseDuration it knows days and
// weeks, because people look back by them.
func parseOffset(s string) (time.Duration, error) {
	unit := map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if n := len(s) - 1; n > 0 && unit[s[n]] != 0 {
		d, err := time.ParseDuration(s[:n] + "h") // read the number, then scale
		if per := unit[s[n]] / time.Hour; err == nil && d >= 0 && d < 1<<62/per {
			return d * per, nil
		}
		return 0, ErrInvalid
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, ErrInvalid
	}
	return d, nil
}

func errWhen(s string) error {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return Errorf(CodeInvalidArgument,
		"time %q: want RFC 3339 such as 2026-03-01T02:50:00Z, an offset such as -2h or -7d, inc:ID, or a position such as pos:1042", s)
}

// IsZero reports whether w says nothing.
func (w When) IsZero() bool { return w.kind == whenNone }

// Absolute returns the moment w stands for when that needs only a clock:
// ok is false for an incident or a position, which must be looked up.
func (w When) Absolute(now time.Time) (t time.Time, ok bool) {
	switch w.kind {
	case whenTime:
		return w.Time, true
	case whenOffset:
		return Canonical(now.Add(w.Offset)), true
	}
	return time.Time{}, false
}

// AsPosition returns the position w names, if it names one.
func (w When) AsPosition() (Position, bool) { return w.Position, w.kind == whenPosition }

// AsIncident returns the incident w names, if it names one.
func (w When) AsIncident() (string, bool) { return w.Incident, w.kind == whenIncident }

// WhenAt returns the When of an absolute moment.
func WhenAt(t time.Time) When { return When{Time: Canonical(t), kind: whenTime} }

// String returns the text form.
func (w When) String() string {
	switch w.kind {
	case whenTime:
		return w.Time.Format(time.RFC3339Nano)
	case whenOffset:
		if w.Offset == 0 {
			return "now"
		}
		return w.Offset.String()
	case whenIncident:
		return "inc:" + w.Incident
	case whenPosition:
		return w.Position.String()
	}
	return ""
}

// MarshalText implements [encoding.TextMarshaler].
func (w When) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. Empty text is the zero
// When.
func (w *When) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*w = When{}
		return nil
	}
	*w, err = ParseWhen(string(b))
	return err
}
