package ingest

import (
	"regexp"
	"strings"
)

// firstLine is the subject of a commit message.
func firstLine(message string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	return strings.TrimSpace(line)
}

var (
	revertsCommit = regexp.MustCompile(`(?i)\bthis reverts commit ([0-9a-f]{7,64})\b`)
	revertSubject = regexp.MustCompile(`^(?:Revert "(.*)"|Reapply "(.*)")`)
)

// revertOf returns the commit that a commit message says it undoes, and the
// subject of what it undoes; either may be "". To reapply is to undo a revert.
func revertOf(message string) (commit, subject string) {
	if m := revertsCommit.FindStringSubmatch(message); m != nil {
		commit = strings.ToLower(m[1])
	}
	if m := revertSubject.FindStringSubmatch(firstLine(message)); m != nil {
		subject = m[1]
		if m[2] != "" {
			subject = `Revert "` + m[2] + `"`
		}
	}
	return commit, subject
}
