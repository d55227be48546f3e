package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"whatchanged.dev/whatchanged/resolvers"
)

// wide is from how many characters on a column is too wide for a table; it is
// written below its row instead.
const wide = 36

// printAnswer writes an answer for people: the verdict, a table, notes.
func printAnswer(w io.Writer, a resolvers.Answered) error {
	var b strings.Builder
	fmt.Fprintln(&b, a.Head().Verdict)
	printTable(&b, a.Table().Compact())
	fmt.Fprintln(&b)
	for _, line := range resolvers.Notes(a.Head()) {
		fmt.Fprintln(&b, line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printTable aligns the narrow columns and writes the wide ones below. A table
// of few columns is left whole.
func printTable(w io.Writer, t resolvers.Table) {
	if len(t.Rows) == 0 {
		return
	}
	var narrow, below []int
	for col := range t.Header {
		if col > 0 && len(t.Header) > 3 && slices.ContainsFunc(t.Rows, func(row []string) bool { return utf8.RuneCountInString(row[col]) > wide }) {
			below = append(below, col)
		} else {
			narrow = append(narrow, col)
		}
	}
	var aligned strings.Builder
	tw := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		var cells []string
		for _, col := range narrow {
			cells = append(cells, resolvers.Flat(row[col]))
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	_ = tw.Flush() // it writes to memory
	lines := strings.Split(aligned.String(), "\n")
	fmt.Fprintf(w, "\n%s\n", strings.TrimRight(lines[0], " "))
	for i, row := range t.Rows {
		fmt.Fprintln(w, strings.TrimRight(lines[i+1], " "))
		for _, col := range below {
			if row[col] != "" {
				fmt.Fprintf(w, "    %s: %s\n", t.Header[col], resolvers.Flat(row[col]))
			}
		}
	}
}
