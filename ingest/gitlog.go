package ingest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// logFormat is the header of a landing in the stream that parseLog reads. All
// its fields end with a NUL, as do the raw entries of the changed files that
// follow, so that nothing in a message or a path can be taken for structure.
const logFormat = "%x01%H%x00%P%x00%an%x00%ae%x00%at%x00%ct%x00%B%x00"

// A landing is a commit along first parents, with the files it changed.
type landing struct {
	commit      string
	parents     []string
	author      string
	email       string
	authored    time.Time
	committed   time.Time
	message     string
	fileChanges []fileChange
}

// A fileChange is one raw entry: one file, or two for a rename.
type fileChange struct {
	status          byte // A, M, D, R or T
	before, after   string
	wasFile, isFile bool // false for what is no plain file: a submodule, a symbolic link, nothing
	path, from      string
}

// parseLog reads the output of git log --raw -z in logFormat.
func parseLog(r io.Reader, each func(landing) error) error {
	p := logParser{r: bufio.NewReaderSize(r, 1<<16)}
	var current *landing
	for {
		token, err := p.token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		token = strings.TrimPrefix(token, "\n")
		switch {
		case token == "":
		case token[0] == 1:
			if current != nil {
				if err := each(*current); err != nil {
					return err
				}
			}
			current, err = p.landing(token[1:])
		case token[0] == ':' && current != nil:
			err = p.file(token, current)
		default:
			err = errLog
		}
		if err != nil {
			return err
		}
	}
	if current == nil {
		return nil
	}
	return each(*current)
}

var errLog = errors.New("git log: output not of the form wanted")

type logParser struct{ r *bufio.Reader }

// token returns what stands before the next NUL. Text that no NUL ends is
// output cut short.
func (p *logParser) token() (string, error) {
	s, err := p.r.ReadString(0)
	if err == io.EOF && strings.TrimSpace(s) != "" {
		return "", io.ErrUnexpectedEOF
	}
	return strings.TrimSuffix(s, "\x00"), err
}

func (p *logParser) landing(commit string) (*landing, error) {
	var field [6]string
	for i := range field {
		var err error
		if field[i], err = p.token(); err != nil {
			return nil, fmt.Errorf("%w: %w", errLog, err)
		}
	}
	l := &landing{
		commit: commit, parents: strings.Fields(field[0]), author: field[1], email: field[2],
		authored: unixTime(field[3]), committed: unixTime(field[4]), message: field[5],
	}
	if !commitName.MatchString(commit) {
		return nil, errLog
	}
	return l, nil
}

// unixTime returns the zero time for what no event may have: some commits
// carry absurd dates.
func unixTime(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n >= whatchanged.MaxTime.Unix() {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// file reads ":MODE MODE SHA SHA STATUS", then one path, or two for a rename.
func (p *logParser) file(raw string, l *landing) error {
	part := strings.Fields(strings.TrimPrefix(raw, ":"))
	if len(part) != 5 {
		return errLog
	}
	f := fileChange{
		before: sha(part[2]), after: sha(part[3]), status: part[4][0],
		wasFile: strings.HasPrefix(part[0], "100"), isFile: strings.HasPrefix(part[1], "100"),
	}
	var err error
	if f.path, err = p.token(); err == nil && (f.status == 'R' || f.status == 'C') {
		f.from = f.path
		f.path, err = p.token()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errLog, err)
	}
	l.fileChanges = append(l.fileChanges, f)
	return nil
}
