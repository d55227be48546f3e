package mcp

import "whatchanged.dev/whatchanged/resolvers"

// Fit is fit.
var Fit = fit

// FitOneByOne is what fit must do, as slowly as it is told: it leaves out one
// item after the other, and one row after the other, until the rest fits.
func FitOneByOne(a resolvers.Answered, budget int) string {
	limit := int(float64(budget) * bytesPerToken)
	spell(a.Head())
	text := render(a, style{rows: -1})
	if len(text) <= limit {
		return text
	}
	s := style{brief: true, rows: -1}
	text = render(a, s)
	for p, ok := a.(resolvers.Paged); ok && len(text) > limit && p.Len() > 1; {
		text = cutTo(p, p.Len()-1, s)
	}
	for _, s.cell = range cells {
		if len(text) <= limit {
			return text
		}
		text = render(a, s)
	}
	for s.rows = len(a.Table().Rows) - 1; len(text) > limit && s.rows >= 0; s.rows-- {
		text = render(a, s)
	}
	return text
}
