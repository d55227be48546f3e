package embedded

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	keptLines = 12      // enough for an exception and what led to it
	longLine  = 4 << 10 // longer ones are cut
)

// frame matches a line of a stack trace of the engine, which has no names in
// it and would push out the message above it.
var frame = regexp.MustCompile(`(^|\s)\d+\. \S+ @ 0x`)

// output takes what the children print: each line goes to the log, and the
// last ones are kept to explain a failure.
type output struct {
	log *slog.Logger

	mu      sync.Mutex
	partial []byte
	lines   []string // the last keptLines
}

func newOutput(log *slog.Logger) *output { return &output{log: log} }

// Write takes a piece of text, which may end within a line.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(b)
	for {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		o.partial = append(o.partial, line[:min(len(line), longLine-min(len(o.partial), longLine))]...)
		if !whole {
			return n, nil
		}
		o.add(strings.TrimSpace(string(o.partial)))
		o.partial, b = o.partial[:0], rest
	}
}

func (o *output) add(line string) {
	if line == "" {
		return
	}
	o.log.Log(context.Background(), slog.LevelDebug, "engine", "line", line)
	if frame.MatchString(line) {
		return
	}
	if len(o.lines) == keptLines {
		o.lines = slices.Delete(o.lines, 0, 1)
	}
	o.lines = append(o.lines, line)
}

// last returns the last lines as the end of a sentence.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lines) == 0 {
		return "; it printed nothing"
	}
	return "; it printed last:\n" + strings.Join(o.lines, "\n")
}

// said reports whether one of the last lines holds text.
func (o *output) said(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.lines, func(l string) bool { return strings.Contains(l, text) })
}
