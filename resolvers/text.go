package resolvers

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Notes returns what stands below the items of an answer, a line each: what
// was asked, how far to trust it, and where to go on. Surfaces that show text
// show them after the table.
func Notes(e *Envelope) []string {
	var out []string
	if i := e.Interval; i != nil {
		out = append(out, fmt.Sprintf("interval: %s to %s (end excluded); as of %s; known at %v",
			stamp(i.From), stamp(i.To), stamp(e.AsOf), e.KnownAt))
	}
	out = append(out, fmt.Sprintf("coverage: %s (%s)", e.Coverage.State, e.Coverage.Text))
	for _, x := range e.Excluded {
		out = append(out, fmt.Sprintf("excluded: %d %s (%s)", x.Count, x.Reason, x.Text))
	}
	if e.Truncated && e.Cursor != nil {
		out = append(out, fmt.Sprintf("more: %d in all; next page with cursor %s", e.Total, *e.Cursor))
	}
	for _, c := range e.Next {
		out = append(out, fmt.Sprintf("next: %s %s (%s)", c.Question, c.Arguments, c.Why))
	}
	return out
}

// BriefNotes returns the same in fewer words: reasons by their codes, and the
// calls worth making next by name. Their arguments stand in the answer.
func BriefNotes(e *Envelope) []string {
	var out []string
	if i := e.Interval; i != nil {
		out = append(out, fmt.Sprintf("interval: %s to %s; known at %v", stamp(i.From), stamp(i.To), e.KnownAt))
	}
	out = append(out, fmt.Sprintf("coverage: %s (%s)", e.Coverage.State, e.Coverage.Text))
	var left, calls []string
	for _, x := range e.Excluded {
		left = append(left, fmt.Sprintf("%d %s", x.Count, x.Reason))
	}
	if len(left) > 0 {
		out = append(out, "excluded: "+strings.Join(left, ", "))
	}
	if e.Truncated && e.Cursor != nil {
		out = append(out, fmt.Sprintf("more: %d in all; cursor %s", e.Total, *e.Cursor))
	}
	for _, c := range e.Next {
		calls = append(calls, c.Question)
	}
	if len(calls) > 0 {
		out = append(out, "next: "+strings.Join(calls, ", "))
	}
	return out
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }

// Compact returns the table without the columns that are empty in every row.
func (t Table) Compact() Table {
	var keep []int
	for col := range t.Header {
		if slices.ContainsFunc(t.Rows, func(row []string) bool { return row[col] != "" }) {
			keep = append(keep, col)
		}
	}
	pick := func(row []string) []string {
		var out []string
		for _, col := range keep {
			out = append(out, row[col])
		}
		return out
	}
	out := Table{Header: pick(t.Header), Ours: t.Ours, Lists: t.Lists}
	for _, row := range t.Rows {
		out.Rows = append(out.Rows, pick(row))
	}
	return out
}

// Flat returns s on one line, without tabs, for a cell of a table.
func Flat(s string) string { return strings.Join(strings.Fields(s), " ") }
