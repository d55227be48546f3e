package ingest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"whatchanged.dev/whatchanged"
)

// A gitReader turns landings into events, oldest first.
type gitReader struct {
	repository string
	web        string // where commits can be read, "" if nowhere
	blobs      *blobs

	// landed leads from a commit, a pull request's number as "#12", or a
	// subject to the event of the landing, so that a revert finds it.
	landed map[string]string

	// values are those of the files read last, by blob and extension: what a
	// change put into a file is what the next one finds there.
	values     map[string]whatchanged.Value
	valueBytes int
}

// maxValues bounds the bytes of remembered values; beyond it all are forgotten.
const maxValues = 64 << 20

// maxPaths bounds the list of changed files that a commit event keeps, and
// maxPathID what a path may add to an id: the pipeline refuses longer ones.
const (
	maxPaths  = 900
	maxPathID = 240
)

func (g *gitReader) events(l landing) ([]whatchanged.Event, error) {
	commit := g.commitEvent(l)
	events := []whatchanged.Event{commit}
	for _, f := range l.fileChanges {
		more, err := g.fileEvents(commit, f)
		if err != nil {
			return nil, err
		}
		events = append(events, more...)
	}
	g.remember(l, commit)
	return events, nil
}

func (g *gitReader) commitEvent(l landing) whatchanged.Event {
	e := whatchanged.Event{
		ID: "git/" + g.repository + "/" + l.commit, Source: GitSource, Kind: whatchanged.Commit, Action: "landed",
		Entity: whatchanged.RefOf(whatchanged.KindRepository, g.repository), Actor: gitActor(l),
		EffectiveAt: l.committed, WrittenAt: written(l.authored), Version: l.commit, Commits: []string{l.commit},
		Summary: firstLine(l.message), Reverts: g.reverts(l.message),
	}
	if e.EffectiveAt.IsZero() {
		e.EffectiveAt = l.authored
	}
	if len(l.parents) > 0 {
		e.PreviousVersion = l.parents[0]
		e.Commits = append(e.Commits, l.parents[1:]...)
	}
	if g.web != "" {
		e.Links = []whatchanged.Link{{Rel: "evidence", URL: g.web + l.commit}}
	}
	if e.Reverts != "" {
		e.Action = "reverted"
	}
	attribute(&e, "pullRequest", pullRequest(l.message))
	attribute(&e, "files", strconv.Itoa(len(l.fileChanges)))
	attribute(&e, "paths", paths(l.fileChanges))
	return e
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

// remember keeps what a later revert may call this landing.
func (g *gitReader) remember(l landing, e whatchanged.Event) {
	for _, name := range e.Commits {
		g.landed[name] = e.ID
	}
	if pr := e.Attributes["pullRequest"]; pr != "" {
		g.landed["#"+pr] = e.ID
	}
	if subject := bareSubject(l.message); subject != "" {
		g.landed[subject] = e.ID
	}
}

// bareSubject is the first line without the number of a pull request.
func bareSubject(message string) string {
	return strings.TrimSpace(pullRequestAtEnd.ReplaceAllString(firstLine(message), ""))
}

var pullRequestAtEnd = regexp.MustCompile(`\s*\(#\d+\)$`)

// reverts returns what a message says it undoes: the event of that landing if
// it was read, else the commit it names.
func (g *gitReader) reverts(message string) string {
	commit, subject := revertOf(message)
	if id := g.landed[commit]; commit != "" {
		return cmp.Or(id, commit)
	}
	if m := revertsPullRequest.FindStringSubmatch(message); m != nil {
		return g.landed["#"+m[2]]
	}
	if subject == "" {
		return ""
	}
	return g.landed[bareSubject(subject)]
}

// fileEvents returns the events of one changed file: one on the configuration
// file that it is, and a tombstone on the one that it was.
func (g *gitReader) fileEvents(commit whatchanged.Event, f fileChange) ([]whatchanged.Event, error) {
	old := cmp.Or(f.from, f.path)
	if f.status == 'C' {
		old, f.before = f.path, ""
	}
	was := f.before != "" && f.wasFile && isConfig(old)
	is := f.after != "" && f.isFile && isConfig(f.path)
	if !was && !is {
		return nil, nil
	}
	before, err := g.value(was, old, f.before)
	if err != nil {
		return nil, err
	}
	after, err := g.value(is, f.path, f.after)
	if err != nil {
		return nil, err
	}
	var events []whatchanged.Event
	if is {
		e := g.fileEvent(commit, f.path, before, after)
		switch {
		case !was:
			e.Action = "created"
		case old != f.path:
			e.Action = "renamed"
			attribute(&e, "renamedFrom", old)
		}
		events = append(events, e)
	}
	if was && (!is || old != f.path) {
		e := g.fileEvent(commit, old, before, nil)
		e.Action = "deleted"
		events = append(events, e)
	}
	return events, nil
}

// value returns what a blob says as the contents of a file.
func (g *gitReader) value(wanted bool, file, blob string) (whatchanged.Value, error) {
	if !wanted {
		return nil, nil
	}
	key := blob + path.Ext(file)
	if v, ok := g.values[key]; ok {
		return v, nil
	}
	content, ok, err := g.blobs.read(blob)
	if !ok || err != nil {
		return nil, err
	}
	v := fileValue(file, content)
	if g.valueBytes += len(key) + len(v); g.values == nil || g.valueBytes > maxValues {
		g.values, g.valueBytes = map[string]whatchanged.Value{}, len(key)+len(v)
	}
	g.values[key] = v
	return v, nil
}

// fileEvent returns a config event that takes its moment from its landing.
// Diff is left to the pipeline: a difference of values that are not redacted
// yet has lost what names a secret, as the name beside an env value.
func (g *gitReader) fileEvent(commit whatchanged.Event, file string, before, after whatchanged.Value) whatchanged.Event {
	e := commit
	e.ID, e.Parent = commit.ID+"/"+pathID(file), commit.ID
	e.Kind, e.Action = whatchanged.Config, "changed"
	e.Entity = gitFile(g.repository, file)
	e.Before, e.After = before, after
	e.Commits, e.Links, e.Attributes = slices.Clone(commit.Commits), slices.Clone(commit.Links), nil
	if commit.Actor != nil {
		actor := *commit.Actor
		e.Actor = &actor
	}
	attribute(&e, "path", file)
	attribute(&e, "pullRequest", commit.Attributes["pullRequest"])
	placeOfPath(&e, file)
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

// environmentNames are those that people give folders and files.
var environmentNames = map[string]string{
	"production": "production", "prod": "production", "staging": "staging", "stage": "staging", "preprod": "preprod",
	"development": "development", "dev": "development", "qa": "qa", "sandbox": "sandbox",
}

// placeOfPath takes environment and region from the folders of a file and the
// parts of its name, as in envs/production/eu-west-1/values.yaml.
func placeOfPath(e *whatchanged.Event, file string) {
	stem := strings.TrimSuffix(file, path.Ext(file))
	for _, part := range strings.FieldsFunc(stem, func(r rune) bool { return r == '/' || r == '.' }) {
		regionFrom(e, "path", part)
		word := strings.ToLower(part[strings.LastIndexAny(part, "-_")+1:])
		name := cmp.Or(environmentNames[strings.ToLower(part)], environmentNames[word])
		if name != "" && e.Placement.Environment == "" {
			e.Placement.Environment = name
			attribute(e, "environmentFrom", "path")
		}
	}
}
