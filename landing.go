package whatchanged

import (
	"regexp"
	"slices"
	"strings"
)

// An Ancestry says whether a commit has another one in its history.
type Ancestry string

// The ancestries. What cannot be shown from the commits that are known is
// unknown: time alone shows nothing.
const (
	Contains        Ancestry = "contains"
	Lacks           Ancestry = "lacks"
	AncestryUnknown Ancestry = "unknown"
)

// Landings are the commits of one repository and what each was put on, as its
// events tell: landings read from its history, pushes, and merges. They keep
// what they were asked: one goroutine at a time may ask.
type Landings struct {
	commits map[string]*landed
	names   []string            // of the commits, sorted
	on      map[string][]string // from a commit to those that were put on it
	reverts map[string][]string // from a commit to those that undo it
	tags    map[string]*Event   // from a tag to what told of it last
	kin     map[string]kin      // of the commits that were asked for
	said    map[[2]string]Ancestry
}

// kin are the commits that come after one, and before it, itself included.
type kin struct{ after, before map[string]bool }

// A landed commit knows some of what it contains.
type landed struct {
	contains []string // commits whose own history is in it too
	listed   []string // commits that a push lists, with all of theirs
	whole    bool     // these are all
}

// maxListed is how many commits GitHub lists of a push.
const maxListed = 2048

var commitName = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// IsCommit reports whether s may name a commit: 7 hexadecimal digits or more.
func IsCommit(s string) bool { return commitName.MatchString(s) }

// LandingsOf reads the events of kind commit of one repository, given in any
// order.
func LandingsOf(events []*Event) *Landings {
	l := &Landings{map[string]*landed{}, nil, map[string][]string{}, map[string][]string{}, map[string]*Event{}, map[string]kin{}, map[[2]string]Ancestry{}}
	ids := map[string]string{}
	for _, e := range events {
		if e.Kind == Commit && IsCommit(e.Version) {
			l.add(e)
			ids[e.ID] = e.Version
		}
	}
	for name := range l.commits {
		l.names = append(l.names, name)
	}
	slices.Sort(l.names)
	for name, c := range l.commits {
		for _, names := range [][]string{c.contains, c.listed} {
			for i, in := range names {
				names[i] = l.Full(in)
				l.on[names[i]] = append(l.on[names[i]], name)
			}
		}
	}
	for _, e := range events {
		if e.Reverts == "" || !IsCommit(e.Version) {
			continue
		}
		undone := ids[e.Reverts]
		if name := e.Reverts[strings.LastIndexByte(e.Reverts, '/')+1:]; undone == "" && IsCommit(name) {
			undone = l.Full(name)
		}
		if undone != "" && !slices.Contains(l.reverts[undone], e.Version) {
			l.reverts[undone] = append(l.reverts[undone], e.Version)
		}
	}
	return l
}

// add notes what an event says of its commit. A push lists all that it
// brought, unless it was forced or began a branch; a landing names all its
// parents; a merge names what it merged, and not what it was put on last.
func (l *Landings) add(e *Event) {
	c := l.at(e.Version)
	if tag := e.Attributes["tag"]; tag != "" {
		if last := l.tags[tag]; last == nil || e.Key().Compare(last.Key()) > 0 {
			l.tags[tag] = e
		}
		return // a tag that moves puts nothing on what it was at
	}
	forced := e.Action == "forced" || e.Action == "deleted"
	if IsCommit(e.PreviousVersion) && !forced {
		c.contains = append(c.contains, e.PreviousVersion)
		l.at(e.PreviousVersion)
	}
	push := e.Action == "pushed" || e.Action == "created" || forced
	for _, name := range e.Commits {
		switch {
		case name == e.Version || !IsCommit(name):
		case push:
			c.listed = append(c.listed, name)
			l.at(name)
		default:
			c.contains = append(c.contains, name)
			l.at(name)
		}
	}
	c.whole = c.whole || e.Action == "landed" || e.Action == "reverted" || e.Action == "pushed" && IsCommit(e.PreviousVersion) && len(e.Commits) < maxListed
}

func (l *Landings) at(name string) *landed {
	if l.commits[name] == nil {
		l.commits[name] = &landed{}
	}
	return l.commits[name]
}

// Full returns the whole name of the commit whose name begins with short, or
// short itself when none or more than one does.
func (l *Landings) Full(short string) string {
	if all := l.Beginning(short); len(all) == 1 {
		return all[0]
	}
	return short
}

// Beginning returns the names of the commits that begin with short.
func (l *Landings) Beginning(short string) []string {
	if l.commits[short] != nil {
		return []string{short}
	}
	i, _ := slices.BinarySearch(l.names, short)
	end := i
	for end < len(l.names) && strings.HasPrefix(l.names[end], short) {
		end++
	}
	return l.names[i:end]
}

// Knows reports whether some event told of a commit.
func (l *Landings) Knows(name string) bool { return l.commits[l.Full(name)] != nil }

// Tagged returns the commit that a tag was last known to be at.
func (l *Landings) Tagged(tag string) (name string, ok bool) {
	if e := l.tags[tag]; e != nil {
		return e.Version, true
	}
	return "", false
}

// Reverted returns the commits that undo a commit.
func (l *Landings) Reverted(name string) []string { return l.reverts[l.Full(name)] }

// Has says whether what was built from a commit contains another. A commit
// that comes before the other lacks it; any other lacks it if all of its
// history is known, down to what they have in common.
func (l *Landings) Has(built, commit string) Ancestry {
	built, commit = l.Full(built), l.Full(commit)
	of, asked := l.kin[commit]
	if !asked {
		of = kin{l.walk(commit, nil, func(name string) []string { return l.on[name] }), l.walk(commit, nil, l.under)}
		l.kin[commit] = of
	}
	switch {
	case of.after[built]:
		return Contains
	case of.before[built]:
		return Lacks
	}
	ask := [2]string{built, commit}
	if _, said := l.said[ask]; !said {
		l.said[ask] = l.beside(built, of)
	}
	return l.said[ask]
}

// beside says whether a commit of another line lacks the one that kin are of.
func (l *Landings) beside(built string, of kin) Ancestry {
	history, listed := l.walk(built, of.before, l.under), map[string]bool{}
	for name := range history {
		if c := l.commits[name]; c != nil && c.whole {
			for _, in := range c.listed {
				listed[in] = true
			}
		}
	}
	for name := range history {
		if c := l.commits[name]; !of.before[name] && !listed[name] && (c == nil || !c.whole) {
			return AncestryUnknown
		}
	}
	return Lacks
}

func (l *Landings) under(name string) []string {
	c := l.commits[name]
	if c == nil {
		return nil
	}
	return slices.Concat(c.contains, c.listed)
}

// walk returns what is reached from a commit, itself included. It goes no
// further at those in stop.
func (l *Landings) walk(from string, stop map[string]bool, next func(string) []string) map[string]bool {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if stop[queue[0]] {
			continue
		}
		for _, name := range next(queue[0]) {
			if !seen[name] {
				seen[name] = true
				queue = append(queue, name)
			}
		}
	}
	return seen
}
