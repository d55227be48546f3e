package whatchanged

import (
	"maps"
	"math/bits"
	"slices"
	"time"
)

// A CoverageState says how far silence may be trusted.
type CoverageState string

// Heard: the source delivered in the interval. Quiet: it did not, but its
// silence is no longer than usual. Silent: it was not heard for longer than is
// usual for it. Lost: it says that its connection is gone. Unknown: there is
// too little history to judge by. None of them means complete: a source that
// pushes can be quiet or broken, and sounds the same.
const (
	CoverageHeard   CoverageState = "heard"
	CoverageQuiet   CoverageState = "quiet"
	CoverageUnknown CoverageState = "unknown"
	CoverageSilent  CoverageState = "silent"
	CoverageLost    CoverageState = "lost"
)

// CoverageStates are the states, the least trustworthy first.
var CoverageStates = []CoverageState{CoverageLost, CoverageSilent, CoverageUnknown, CoverageQuiet, CoverageHeard}

// Coverage says how completely the sources were heard for exactly the scope
// and the interval that were asked.
type Coverage struct {
	State   CoverageState    `json:"state"` // the worst among the sources that tell of the scope
	Text    string           `json:"text"`  // one sentence
	Sources []SourceCoverage `json:"sources"`
}

// A SourceCoverage says how one source was heard. Times are those of arrival.
type SourceCoverage struct {
	Source          string        `json:"source"`
	State           CoverageState `json:"state"`
	Asked           bool          `json:"asked"`           // it ever told of what was asked
	LastHeard       *time.Time    `json:"lastHeard"`       // before the end of the interval; nil when never
	UsualGapSeconds *float64      `json:"usualGapSeconds"` // nil: too little history
	LastRun         *time.Time    `json:"lastRun"`         // of a reader that runs and ends
	LostAt          *time.Time    `json:"lostAt"`          // when its connection was lost
	Deliveries      int           `json:"deliveries"`      // received in the interval
	Rejected        int           `json:"rejected"`        // of these, not understood
}

// SourceArrivals is what arrived of one source, as an index reads it for an
// interval: counts are of the interval, all else is of what arrived before its
// end.
type SourceArrivals struct {
	Source     string
	Told       Arrivals // deliveries
	Runs       Arrivals // reports that a reader read all there was: see DeliveryRan
	Rejected   int
	Connection *Connection // as last reported
}

// Arrivals are moments in the order of the log.
type Arrivals struct {
	Count int
	Last  *time.Time
	Gaps  Gaps // between arrivals that both lie in the time since GapsSince
}

// A Connection is what a source that watches said of its connection.
type Connection struct {
	Up bool
	At time.Time
}

// Gaps counts how often arrivals were so many seconds apart, by GapSeconds.
type Gaps map[int]int

// minGaps are needed to say which gap is usual.
const minGaps = 20

// GapsSince returns from when on gaps are counted for an interval that ends at
// end: 30 whole days (UTC) before that day.
func GapsSince(end time.Time) time.Time {
	return end.UTC().Truncate(24*time.Hour).AddDate(0, 0, -30)
}

// GapSeconds returns the seconds as which a gap is counted: rounded up to four
// significant bits, so that there are few to count.
func GapSeconds(gap time.Duration) int {
	s := uint64((max(0, gap) + time.Second - 1) / time.Second)
	if s < 16 {
		return int(s)
	}
	step := uint64(1) << (bits.Len64(s) - 4)
	return int((s + step - 1) / step * step)
}

// Add counts the gaps of h too.
func (g Gaps) Add(h Gaps) {
	for s, n := range h {
		g[s] += n
	}
}

// Usual returns the gap that 99 of 100 do not exceed; ok is false when there
// are too few to say.
func (g Gaps) Usual() (usual time.Duration, ok bool) {
	total := 0
	for _, n := range g {
		total += n
	}
	if total < minGaps {
		return 0, false
	}
	need := (total*99 + 99) / 100
	for _, s := range slices.Sorted(maps.Keys(g)) {
		if need -= g[s]; need <= 0 {
			return time.Duration(s) * time.Second, true
		}
	}
	return 0, false
}

// Coverage judges the source at the end of the interval. One that keeps a
// connection is judged by that, one that reads and ends by its runs, and one
// that pushes by its deliveries.
func (s *SourceArrivals) Coverage(end time.Time) SourceCoverage {
	c := SourceCoverage{Source: s.Source, LastHeard: s.Told.Last, LastRun: s.Runs.Last, Deliveries: s.Told.Count, Rejected: s.Rejected}
	by := s.Told
	if s.Runs.Last != nil {
		by = s.Runs
	}
	usual, known := by.Gaps.Usual()
	if known {
		seconds := usual.Seconds()
		c.UsualGapSeconds = &seconds
	}
	switch {
	case s.Connection != nil && !s.Connection.Up:
		c.State, c.LostAt = CoverageLost, &s.Connection.At
	case s.Connection == nil && by.Last == nil:
		c.State = CoverageUnknown
	case s.Connection == nil && known && end.Sub(*by.Last) > usual:
		c.State = CoverageSilent
	case s.Told.Count+s.Runs.Count > 0:
		c.State = CoverageHeard
	case s.Connection != nil || known:
		c.State = CoverageQuiet
	default:
		c.State = CoverageUnknown
	}
	return c
}
