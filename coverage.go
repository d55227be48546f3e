package whatchanged

import "time"

// A CoverageState says how far silence may be trusted.
type CoverageState string

// Heard: the source delivered in the interval. Silent: it delivered before
// the interval but not in it. Unknown: nothing was ever heard from which to
// judge. None of them means complete: a source that pushes can be quiet or
// broken, and sounds the same.
const (
	CoverageHeard   CoverageState = "heard"
	CoverageSilent  CoverageState = "silent"
	CoverageUnknown CoverageState = "unknown"
)

// Coverage says how completely the sources were heard for exactly the
// interval that was asked.
type Coverage struct {
	State   CoverageState    `json:"state"` // the best of the sources' states
	Text    string           `json:"text"`  // one sentence
	Sources []SourceCoverage `json:"sources"`
}

// A SourceCoverage says how one source was heard. Times are those of arrival.
type SourceCoverage struct {
	Source     string        `json:"source"`
	State      CoverageState `json:"state"`
	LastHeard  *time.Time    `json:"lastHeard"`  // nil when never, as far as was known
	Deliveries int           `json:"deliveries"` // received in the interval
	Rejected   int           `json:"rejected"`   // of these, not understood
}
