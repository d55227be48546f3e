package resolvers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// coverage says how the sources were heard in the interval. The verdict is of
// those that ever told of the entities asked of, or of what is next to them;
// the others are listed. If none are asked of, it is of all sources.
func (a *asking) coverage(of []whatchanged.Ref) (whatchanged.Coverage, error) {
	heard := a.interval // of the future nothing can have been heard
	if heard.To.After(a.now) {
		heard.To = a.now
	}
	if heard.Empty() {
		heard.From = heard.To
	}
	sources, err := a.index.Sources(a.ctx, a.view, heard)
	if err != nil {
		return whatchanged.Coverage{}, err
	}
	tellers, err := a.tellers(of)
	if err != nil {
		return whatchanged.Coverage{}, err
	}
	c := whatchanged.Coverage{Sources: []whatchanged.SourceCoverage{}}
	for i := range sources {
		s := sources[i].Coverage(heard.To)
		s.Asked = len(of) == 0 || slices.Contains(tellers, s.Source)
		c.Sources = append(c.Sources, s)
	}
	sumUp(&c)
	return c, nil
}

// tellers returns who told of entities and of what is next to them. Many are a
// neighbourhood of their own.
func (a *asking) tellers(of []whatchanged.Ref) ([]string, error) {
	if len(of) == 0 {
		return nil, nil
	}
	if len(of) > maxScope {
		return a.index.Tellers(a.ctx, a.view, of)
	}
	edges, err := a.index.Edges(a.ctx, a.view, of, maxEdges)
	if err != nil {
		return nil, err
	}
	around := slices.Clone(of)
	for _, e := range edges {
		around = append(around, e.From, e.To)
	}
	return a.index.Tellers(a.ctx, a.view, around)
}

// sumUp makes the verdict: the worst state there is, and who is in which.
func sumUp(c *whatchanged.Coverage) {
	c.State = whatchanged.CoverageUnknown
	var parts, others []string
	rejected := 0
	for _, state := range whatchanged.CoverageStates {
		var names []string
		for i := range c.Sources {
			s := &c.Sources[i]
			switch {
			case s.State != state:
			case s.Asked:
				names = append(names, mention(s))
				rejected += s.Rejected
			default:
				others = append(others, s.Source)
			}
		}
		if len(names) > 0 {
			if len(parts) == 0 {
				c.State = state
			}
			parts = append(parts, fmt.Sprintf("%s: %s", state, strings.Join(names, ", ")))
		}
	}
	switch {
	case len(c.Sources) == 0:
		parts = append(parts, "no source has ever been heard")
	case len(parts) == 0:
		parts = append(parts, "no source ever told of this")
	}
	if rejected > 0 {
		parts = append(parts, countOf(rejected, "delivery was", "deliveries were")+" not understood")
	}
	if len(others) > 0 {
		slices.Sort(others)
		parts = append(parts, "never told of this: "+strings.Join(others, ", "))
	}
	c.Text = strings.Join(parts, "; ")
}

// mention names a source and says by what it was judged.
func mention(s *whatchanged.SourceCoverage) string {
	last := s.LastHeard
	what := "last heard"
	if s.LastRun != nil {
		last, what = s.LastRun, "last ran"
	}
	switch {
	case s.State == whatchanged.CoverageLost:
		return fmt.Sprintf("%s (connection lost %s)", s.Source, stamp(*s.LostAt))
	case s.State == whatchanged.CoverageStopped:
		return fmt.Sprintf("%s (its reader was ended %s)", s.Source, stamp(*s.LostAt))
	case last == nil && s.State == whatchanged.CoverageUnknown:
		return s.Source + " (not yet heard)"
	case s.State == whatchanged.CoverageUnknown:
		return fmt.Sprintf("%s (%s %s; too little history)", s.Source, what, stamp(*last))
	case s.State == whatchanged.CoverageSilent:
		return fmt.Sprintf("%s (%s %s; usually at most %s apart)", s.Source, what, stamp(*last), Human(time.Duration(*s.UsualGapSeconds*float64(time.Second))))
	case s.LastRun != nil:
		return fmt.Sprintf("%s (%s %s)", s.Source, what, stamp(*last))
	}
	return s.Source
}
