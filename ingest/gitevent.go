package ingest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whatchanged.dev/whatchanged"
)

// maxPaths bounds the list of changed files that a commit event keeps, and
// maxPathID what a path may add to an id: the pipeline refuses longer ones.
const (
	maxPaths  = 900
	maxPathID = 240
)

// commitEvent returns the event of a landing.
func (r *gitReader) commitEvent(l *landing) (whatchanged.Event, error) {
	reverts, err := r.landed.reverts(l.message)
	e := whatchanged.Event{
		ID: r.landed.id(l.commit), Revision: r.revision, Source: GitSource, Kind: whatchanged.Commit, Action: "landed",
		Entity: whatchanged.RefOf(whatchanged.KindRepository, r.repository), Actor: gitActor(*l),
		EffectiveAt: l.committed, WrittenAt: written(l.authored), Version: l.commit, Commits: []string{l.commit},
		Summary: firstLine(l.message), Reverts: reverts,
	}
	if r.message != nil {
		r.message(e.ID, l.author, l.message)
	}
	if e.EffectiveAt.IsZero() {
		e.EffectiveAt = l.authored
	}
	if len(l.parents) > 0 {
		e.PreviousVersion = l.parents[0]
		e.Commits = append(e.Commits, l.parents[1:]...)
	}
	if r.web != "" {
		e.Links = []whatchanged.Link{{Rel: "evidence", URL: r.web + l.commit}}
	}
	if e.Reverts != "" {
		e.Action = "reverted"
	}
	attribute(&e, "pullRequest", pullRequest(l.message))
	attribute(&e, "files", strconv.Itoa(len(l.fileChanges)))
	attribute(&e, "paths", paths(l.fileChanges))
	attribute(&e, "ref", r.ref)
	attribute(&e, "mapping", r.mapping.id())
	if r.partial {
		attribute(&e, "history", "partial")
	}
	return e, err
}

func gitActor(l landing) *whatchanged.Actor {
	name := cmp.Or(strings.TrimSpace(l.author), l.email)
	if name == "" {
		return nil
	}
	return actorOf(name, strings.Contains(l.email, "[bot]"))
}

// paths lists changed files, as many as are kept.
func paths(files []fileChange) string {
	var b strings.Builder
	for _, f := range files {
		if b.Len()+len(f.path) > maxPaths {
			break
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.path)
	}
	return b.String()
}

// A changedFile is a file that a landing changed, with what it said and says;
// nil when it was not there, or is not.
type changedFile struct {
	path, old     string
	before, after *contents
}

// fileEvents returns the events of one changed file: one for each part of it
// that changed, and a tombstone for what is there no longer.
func (r *gitReader) fileEvents(commit *whatchanged.Event, f changedFile) []whatchanged.Event {
	was, is, begun := f.parts()
	before := make(map[string]part, len(was))
	for _, p := range was {
		before[p.key] = p
	}
	var events []whatchanged.Event
	for _, p := range is {
		old, had := before[p.key]
		delete(before, p.key)
		if e, ok := r.partEvent(commit, f, p, old, had); ok {
			if begun && p.key != "" {
				e.Action = "changed" // from what, is not known
			}
			events = append(events, e)
		}
		if had && !sameThing(old, p) {
			events = append(events, r.tombstone(commit, f.old, old))
		}
	}
	for _, p := range was {
		if _, gone := before[p.key]; gone {
			events = append(events, r.tombstone(commit, f.old, p))
		}
	}
	return events
}

// parts returns what a file said and says, part by part. What is told part by
// part on one side only, since it could not be read on the other or was
// another kind of file, is told as one file on both; begun says that its parts
// are told from now on besides.
func (f *changedFile) parts() (was, is []part, begun bool) {
	before, after := f.before.reading(), f.after.reading()
	switch {
	case before.parts != nil && (f.after == nil || after.parts != nil || after.empty):
		return before.parts, after.parts, false
	case after.parts != nil && (f.before == nil || before.empty):
		return nil, after.parts, false
	}
	if f.before != nil {
		was = []part{f.before.whole()}
	}
	if f.after != nil {
		is = []part{f.after.whole()}
	}
	for _, p := range after.parts {
		if p.key != "" {
			is = append(is, p)
		}
	}
	return was, is, after.parts != nil
}

// sameThing reports whether two parts are about the same thing in the same
// place.
func sameThing(a, b part) bool {
	return a.entity == b.entity && a.placed.Placement == b.placed.Placement
}

// partEvent returns the event of a part that is there now; it is not ok when
// nothing changed.
func (r *gitReader) partEvent(commit *whatchanged.Event, f changedFile, p, old part, had bool) (whatchanged.Event, bool) {
	moved, elsewhere := had && f.old != f.path, had && old.entity == p.entity && !sameThing(old, p)
	equal := had && bytes.Equal(old.value, p.value)
	if equal && p.key != "" && sameThing(old, p) {
		return whatchanged.Event{}, false
	}
	e := r.childEvent(commit, f.path, p)
	e.Before, e.After = old.value, p.value
	switch {
	case !had:
		e.Action = "created"
	case elsewhere: // it was not there, but in another place
		e.Action, e.Before = "created", nil
	case moved && equal:
		e.Action = "renamed"
	case moved && (p.key == "" || !sameThing(old, p)):
		e.Action = "renamedAndChanged"
	case equal && p.value != nil:
		e.Action = "reformatted" // it says the same in other words
	}
	if moved {
		attribute(&e, "renamedFrom", f.old)
	}
	return e, true
}

func (r *gitReader) tombstone(commit *whatchanged.Event, file string, p part) whatchanged.Event {
	e := r.childEvent(commit, file, p)
	e.Action, e.Before = "deleted", p.value
	return e
}

// childEvent returns the event of a part, which takes its moment from its
// landing. Diff is left to the pipeline: a difference of values that are not
// redacted yet has lost what names a secret, as the name beside an env value.
func (r *gitReader) childEvent(commit *whatchanged.Event, file string, p part) whatchanged.Event {
	e := *commit
	name := file
	if p.key != "" {
		name += "#" + p.key
	}
	e.ID, e.Parent = commit.ID+"/"+pathID(name), commit.ID
	e.Kind, e.Action, e.Entity, e.Placement = p.kind, "changed", p.entity, p.placed.Placement
	e.Commits, e.Links, e.Attributes = slices.Clone(commit.Commits), slices.Clone(commit.Links), nil
	if commit.Actor != nil {
		actor := *commit.Actor
		e.Actor = &actor
	}
	attribute(&e, "path", file)
	attribute(&e, "pullRequest", commit.Attributes["pullRequest"])
	for what, from := range p.placed.from {
		attribute(&e, what, from)
	}
	return e
}

// gitFile names a file of a repository: config:OWNER/REPOSITORY/PATH.
func gitFile(repository, file string) whatchanged.Ref {
	r := whatchanged.RefOf(whatchanged.KindConfig, repository+"/"+file)
	if r.Namespace == whatchanged.DefaultNamespace {
		r.Namespace, r.Name, _ = strings.Cut(r.Name, "/")
	}
	return r
}

// pathID is a path as part of an id; one that may not stand there is hashed.
func pathID(file string) string {
	if len(file) <= maxPathID && plain(file, maxID) == file {
		return file
	}
	return fmt.Sprintf("path-%x", sha256.Sum256([]byte(file)))
}
