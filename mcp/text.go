package mcp

import (
	"strings"

	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

// Bounds on the text of an answer, in tokens.
const (
	minBudget     = 300
	defaultBudget = 2000
	maxBudget     = 8000
)

var budgetArgument = schema.Member{Name: "budget", Value: schema.Object{
	{Name: "type", Value: "integer"},
	{Name: "description", Value: "Text tokens, 300 to 8000."},
	{Name: "default", Value: defaultBudget},
}}

// bytesPerToken is how many bytes of such text make a token, measured on
// tab-separated answers.
const bytesPerToken = 2.3

// fit returns the answer as text, cut at the border of an item so that it
// keeps to the budget; the first item always stays. The answer itself is cut
// with it, so both forms say the same.
func fit(a resolvers.Answered, budget int) string {
	limit := int(float64(budget) * bytesPerToken)
	text := render(a)
	p, ok := a.(resolvers.Paged)
	for ok && len(text) > limit && p.Len() > 1 {
		// Shrink in proportion, and by one at least.
		p.Cut(max(1, min(p.Len()-1, p.Len()*limit/len(text))))
		text = render(a)
	}
	return text
}

// render writes an answer as text: the verdict, the items as tab-separated
// lines, and what to know about them. The calls worth making next are spelled
// as tools first, in the answer too, so that they can be made as they stand.
func render(a resolvers.Answered) string {
	next := a.Head().Next
	for i := range next {
		next[i].Question = Name(next[i].Question)
	}
	var b strings.Builder
	b.WriteString(a.Head().Verdict)
	b.WriteByte('\n')
	t := a.Table().Compact()
	if len(t.Rows) > 0 {
		b.WriteString("\n" + strings.Join(t.Header, "\t") + "\n")
	}
	for _, row := range t.Rows {
		for i, cell := range row {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(resolvers.Flat(cell))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for _, line := range resolvers.Notes(a.Head()) {
		b.WriteString(line + "\n")
	}
	return b.String()
}
