package whatchanged

import (
	"fmt"
	"time"
)

// An Interval is the half-open stretch of time [From, To), in UTC.
type Interval struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Contains reports whether From <= t < To.
func (i Interval) Contains(t time.Time) bool { return !t.Before(i.From) && t.Before(i.To) }

// Empty reports whether no moment lies in i.
func (i Interval) Empty() bool { return !i.From.Before(i.To) }

// Duration returns how long i is.
func (i Interval) Duration() time.Duration { return i.To.Sub(i.From) }

// String returns "[from, to)" in RFC 3339.
func (i Interval) String() string {
	return fmt.Sprintf("[%s, %s)", i.From.Format(time.RFC3339), i.To.Format(time.RFC3339))
}

// Always is the interval that holds every time an event can have.
var Always = Interval{From: MinTime, To: MaxTime}

// MinTime and MaxTime bound the times that events may have. They are bounds
// of plausibility, well inside what the stores can hold.
var (
	MinTime = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	MaxTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Resolution is how finely times are kept: every time is truncated to it as
// it comes in, so that memory and ClickHouse agree on what is equal.
const Resolution = time.Microsecond

// Canonical returns t in UTC at [Resolution], without a monotonic reading.
func Canonical(t time.Time) time.Time { return t.UTC().Truncate(Resolution) }
