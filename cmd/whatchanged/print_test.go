package main

import (
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged/resolvers"
)

func TestPrintedCells(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		claim      string
		colour     bool
		cell, want string
	}{
		{"a moment is told from now too", false, "2026-03-01T11:18:00Z", "2026-03-01T11:18:00Z, 42m ago"},
		{"one to come as well", false, "2026-03-01T12:05:00Z", "2026-03-01T12:05:00Z, in 5m"},
		{"a version that begins like one is none", false, "2026-03-01", "2026-03-01"},
		{"what a terminal would obey is left out", true, "red\x1b[31m alert\x07", "red[31m alert"},
		{"a text of several lines is one", false, "a\nb\tc", "a b c"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			var b strings.Builder
			printer{&b, now, tt.colour}.table(&b, resolvers.Table{Header: []string{"cell", "b", "c"}, Rows: [][]string{{tt.cell, "", ""}}})
			if !strings.Contains(b.String(), "\n"+tt.want+"\n") {
				t.Errorf("%q", b.String())
			}
			if strings.Contains(b.String(), "\x1b[1m") != tt.colour {
				t.Errorf("colours: %q", b.String())
			}
		})
	}
	if p := printerTo(&strings.Builder{}); p.colour {
		t.Error("colours where there is no terminal")
	}
}
