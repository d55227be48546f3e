package ingest

import (
	"cmp"
	"regexp"
	"strings"
)

// landed leads from the names that a revert may use to the event of a landing.
type landed struct {
	repository string
	names      map[string]string // commits, pull requests as "#12", and subjects

	// before reads the names of what landed before the landings that are read
	// now, once somebody asks; nil if nothing did.
	before func() (*landed, error)
	old    *landed

	// brought leads from a commit of a merged branch to the landing that
	// brought it, once somebody asks; nil if nobody can tell.
	brought func() (map[string]string, error)
	merged  map[string]string
}

func newLanded(repository string) *landed {
	return &landed{repository: repository, names: map[string]string{}}
}

// id is that of the event of a landing.
func (n *landed) id(commit string) string { return "git/" + n.repository + "/" + commit }

// add keeps what a later revert may call a landing.
func (n *landed) add(l *landing) {
	id := n.id(l.commit)
	n.names[l.commit] = id
	for _, merged := range l.parents[min(1, len(l.parents)):] {
		n.names[merged] = id
	}
	if pr := pullRequest(l.message); pr != "" {
		n.names["#"+pr] = id
	}
	if subject := bareSubject(l.message); subject != "" {
		n.names[subject] = id
	}
}

// find returns the event of the landing of that name, "" if there is none.
func (n *landed) find(name string) (string, error) {
	if name == "" || name == "#" {
		return "", nil
	}
	if id := n.names[name]; id != "" || n.before == nil {
		return id, nil
	}
	if n.old == nil {
		old, err := n.before()
		if err != nil {
			return "", err
		}
		n.old = old
	}
	return n.old.find(name)
}

// reverts returns what a message says it undoes: the event of that landing if
// there was one, else the commit it names.
func (n *landed) reverts(message string) (string, error) {
	commit, subject := revertOf(message)
	if commit != "" {
		id, err := n.find(commit)
		if id == "" && err == nil {
			id, err = n.merge(commit)
		}
		return cmp.Or(id, commit), err
	}
	if m := revertsRequest.FindStringSubmatch(message); m != nil {
		return n.find("#" + cmp.Or(m[1], m[2]))
	}
	if subject == "" {
		return "", nil
	}
	return n.find(bareSubject(subject))
}

// merge returns the event of the landing that brought a commit.
func (n *landed) merge(commit string) (string, error) {
	if n.brought == nil {
		return "", nil
	}
	if n.merged == nil {
		merged, err := n.brought()
		if err != nil {
			return "", err
		}
		n.merged = merged
	}
	landing := n.merged[commit]
	if landing == "" {
		return "", nil
	}
	return n.id(landing), nil
}

// revertsRequest is what the revert buttons of GitHub and GitLab write.
var revertsRequest = regexp.MustCompile(`(?mi)^Reverts [\w.-]+/[\w.-]+#(\d+)|\bthis reverts merge request [\w./-]*!(\d+)`)

var (
	pullRequestInSubject = regexp.MustCompile(`^Merge pull request #(\d+)|\(#(\d+)\)$`)
	mergeRequestInBody   = regexp.MustCompile(`(?m)^See merge request \S*!(\d+)`)
)

// pullRequest returns the number of the pull request that a landing merged.
func pullRequest(message string) string {
	if m := pullRequestInSubject.FindStringSubmatch(firstLine(message)); m != nil {
		return cmp.Or(m[1], m[2])
	}
	if m := mergeRequestInBody.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

// bareSubject is the first line without the number of a pull request.
func bareSubject(message string) string {
	return strings.TrimSpace(pullRequestAtEnd.ReplaceAllString(firstLine(message), ""))
}

var pullRequestAtEnd = regexp.MustCompile(`\s*\(#\d+\)$`)
