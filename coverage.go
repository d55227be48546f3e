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
// usual for it. Lost: it says that its connection is gone, or no longer says
// that it stands. Stopped: its reader was ended on purpose. Unknown: there is
// too little history to judge by. None of them means complete: a source that
// pushes can be quiet or broken, and sounds the same.
const (
	CoverageHeard   CoverageState = "heard"
	CoverageQuiet   CoverageState = "quiet"
	CoverageUnknown CoverageState = "unknown"
	CoverageSilent  CoverageState = "silent"
	CoverageStopped CoverageState = "stopped"
	CoverageLost    CoverageState = "lost"
)

// CoverageStates are the states, the least trustworthy first.
var CoverageStates = []CoverageState{CoverageLost, CoverageStopped, CoverageSilent, CoverageUnknown, CoverageQuiet, CoverageHeard}

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
	LostAt          *time.Time    `json:"lostAt"`          // since when what it tells is missed: its connection was lost, or its reader stopped
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

// A Connection is what a source that watches said last of its connection.
type Connection struct {
	Report string // of ConnectionReports
	At     time.Time
}

// state says how the connection stands at a moment: heard while it is up.
func (c *Connection) state(end time.Time) CoverageState {
	switch {
	case c.Report == DeliveryStopped:
		return CoverageStopped
	case c.Report == DeliveryLost, c.Report == DeliveryFollows && end.Sub(c.At) > Lease:
		return CoverageLost
	}
	return CoverageHeard
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

// Usual returns the gap that is not exceeded by those in which 99 of 100
// moments lie; ok is false when there are too few to say. Moments and not gaps
// are counted: a sender of bursts has a thousand gaps of a second and one each
// night, and the nights are as usual as the days. The longest gap of all is
// left out: what happened once is not usual, and may have been an outage.
func (g Gaps) Usual() (usual time.Duration, ok bool) {
	gaps, moments, longest := 0, 0, 0
	for s, n := range g {
		gaps, moments, longest = gaps+n, moments+s*n, max(longest, s)
	}
	if gaps < minGaps {
		return 0, false
	}
	moments -= longest
	passed := 0
	for _, s := range slices.Sorted(maps.Keys(g)) {
		if passed += s * g[s]; passed*100 >= moments*99 {
			return time.Duration(s) * time.Second, true
		}
	}
	return 0, false
}

// Coverage judges the source at the end of the interval. One that keeps a
// connection is judged by that, one that reads and ends by its runs, and one
// that pushes by its deliveries. One that no longer follows, but has run since,
// reads and ends.
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
	connection := s.Connection
	down := connection != nil && connection.state(end) != CoverageHeard
	if down && connection.Report != DeliveryLost && s.Runs.Last != nil && s.Runs.Last.After(connection.At) {
		connection, down = nil, false
	}
	switch {
	case down:
		c.State, c.LostAt = connection.state(end), &connection.At
	case connection == nil && by.Last == nil:
		c.State = CoverageUnknown
	case connection == nil && known && end.Sub(*by.Last) > usual:
		c.State = CoverageSilent
	case s.Told.Count+s.Runs.Count > 0:
		c.State = CoverageHeard
	case connection != nil || known:
		c.State = CoverageQuiet
	default:
		c.State = CoverageUnknown
	}
	return c
}
