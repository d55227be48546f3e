package ingest

import (
	"fmt"
	"strconv"
	"strings"

	"whatchanged.dev/whatchanged"
)

// How much of a difference a summary tells.
const (
	maxToldEdits = 3
	maxToldValue = 40
)

// tellDiff puts what changed before what the landing says of itself, which
// may be about another of the files that it changed: "spec.replicas 2 → 6:
// Raise checkout (#12)". It is done once secrets are replaced.
func tellDiff(e *whatchanged.Event) {
	if e.Parent == "" || e.Before == nil || e.After == nil || len(e.Diff) == 0 {
		return
	}
	var told []string
	before, after := e.Before.Decode(), e.After.Decode()
	for _, d := range e.Diff[:min(len(e.Diff), maxToldEdits)] {
		in := after
		if d.Op == "remove" {
			in = before
		}
		told = append(told, tellEdit(d, in))
	}
	text := strings.Join(told, ", ")
	if n := len(e.Diff) - maxToldEdits; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	e.Summary = plain(text+": "+e.Summary, maxSummary)
}

func tellEdit(d whatchanged.Edit, in any) string {
	path := plain(tellPath(d.Path, in), maxWord)
	was, is := tellValue(d.Was), tellValue(d.Value)
	switch {
	case d.Op == "add":
		return strings.TrimSpace(path + " added " + is)
	case d.Op == "remove":
		return strings.TrimSpace(path + " removed, was " + was)
	case was == is: // secrets, or both too long
		return strings.TrimSpace(path + " replaced")
	}
	return strings.TrimSpace(path + " " + was + " → " + is)
}

// tellPath spells a JSON Pointer as people do, with the entries of a list by
// their names if they have any: containers[main].env[TIMEOUT].value.
func tellPath(pointer string, in any) string {
	var b strings.Builder
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch v := in.(type) {
		case []any:
			in = nil
			if i, err := strconv.Atoi(token); err == nil && i < len(v) {
				in = v[i]
			}
			if name := entryName(in); name != "" {
				token = name
			}
			b.WriteString("[" + token + "]")
			continue
		case map[string]any:
			in = v[token]
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	return b.String()
}

// tellValue is a short value; of a longer one, what it is, and of a secret that
// it is one.
func tellValue(v whatchanged.Value) string {
	s := v.String()
	if redacted.MatchString(strings.Trim(s, `"`)) {
		return "a secret"
	}
	if len(s) <= maxToldValue {
		return s
	}
	switch s[0] {
	case '{':
		return "{…}"
	case '[':
		return "[…]"
	}
	return plain(s, maxToldValue)
}
