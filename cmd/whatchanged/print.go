package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"whatchanged.dev/whatchanged/resolvers"
)

// wide is from how many characters on a column is too wide for a table; it is
// written below its row instead.
const wide = 36

// A printer writes answers for people: the verdict, a table, notes. Moments are
// told absolutely and from now.
type printer struct {
	out    io.Writer
	now    time.Time
	colour bool
}

// printerTo writes with colours when out is a terminal and NO_COLOR
// (https://no-color.org) is not set.
func printerTo(out io.Writer) printer {
	f, ok := out.(*os.File)
	return printer{out, time.Now(), ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// Styles of a terminal (ECMA-48, SGR).
const (
	bold   = "1"
	faint  = "2"
	yellow = "33"
)

func (p printer) styled(style, text string) string {
	if !p.colour || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (p printer) answer(a resolvers.Answered) error {
	var b strings.Builder
	fmt.Fprintln(&b, p.styled(bold, shown(a.Head().Verdict)))
	p.table(&b, a.Table().Compact())
	fmt.Fprintln(&b)
	for _, line := range resolvers.Notes(a.Head()) {
		style := faint
		if strings.HasPrefix(line, "coverage: ") && !strings.HasPrefix(line, "coverage: heard") {
			style = yellow // read this before believing the rest
		}
		fmt.Fprintln(&b, p.styled(style, shown(line)))
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}

// table aligns the narrow columns and writes the wide ones below. A table of
// few columns is left whole.
func (p printer) table(w io.Writer, t resolvers.Table) {
	if len(t.Rows) == 0 {
		return
	}
	rows := p.cells(t.Rows)
	var narrow, below []int
	for col := range t.Header {
		if col > 0 && len(t.Header) > 3 && slices.ContainsFunc(rows, func(row []string) bool { return utf8.RuneCountInString(row[col]) > wide }) {
			below = append(below, col)
		} else {
			narrow = append(narrow, col)
		}
	}
	lines := aligned(append([][]string{t.Header}, rows...), narrow)
	fmt.Fprintf(w, "\n%s\n", p.styled(bold, lines[0]))
	for i, row := range rows {
		fmt.Fprintln(w, lines[i+1])
		for _, col := range below {
			if row[col] != "" {
				fmt.Fprintf(w, "    %s %s\n", p.styled(faint, t.Header[col]+":"), row[col])
			}
		}
	}
}

// aligned writes the columns of rows under each other, a line for a row.
func aligned(rows [][]string, columns []int) []string {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		var cells []string
		for _, col := range columns {
			cells = append(cells, row[col])
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	_ = tw.Flush() // it writes to memory
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// cells are those of rows as they are shown.
func (p printer) cells(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i, row := range rows {
		for _, cell := range row {
			out[i] = append(out[i], p.moment(shown(cell)))
		}
	}
	return out
}

// moment adds to a time how far it is from now.
func (p printer) moment(cell string) string {
	t, err := time.Parse(time.RFC3339, cell)
	switch d := p.now.Sub(t); {
	case err != nil:
		return cell
	case d < 0:
		return cell + ", in " + resolvers.Human(-d)
	default:
		return cell + ", " + resolvers.Human(d) + " ago"
	}
}

// shown is text on one line, without what a terminal would obey.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, resolvers.Flat(text))
}
