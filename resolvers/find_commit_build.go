package resolvers

import (
	"regexp"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// builds are what versions are made from, as far as it is known.
type builds struct {
	artifacts map[string][]string // commits by version, as the builds of artifacts told
	chains    map[string]string   // the chain of CDEvents that an artifact came from
}

// builds reads what versions are made from.
func (a *asking) builds(x *excluded) (*builds, error) {
	b := &builds{map[string][]string{}, map[string]string{}}
	page, err := a.index.Changes(a.ctx, a.seeing(whatchanged.MaxTime), whatchanged.Selection{Kinds: []whatchanged.EventKind{whatchanged.Artifact}, Descending: true, Limit: maxCandidates})
	if err != nil {
		return nil, err
	}
	x.add(ReasonBeyondLimit, page.Total-len(page.Events))
	for _, e := range page.Events {
		b.artifacts[e.Version] = append(b.artifacts[e.Version], e.Commits...)
		if chain := e.Attributes["chainId"]; chain != "" {
			b.chains[e.Version] = chain
		}
	}
	return b, nil
}

// of returns the commits that what an event brings is built from: those that
// it names itself, those of its artifact or its tag, or else the one that the
// chain of events it stands in began with.
func (b *builds) of(e *whatchanged.Event, l *line) []string {
	names := slices.DeleteFunc(append(slices.Clone(e.Commits), b.artifacts[e.Version]...), func(s string) bool { return !whatchanged.IsCommit(s) })
	if whatchanged.IsCommit(e.Version) && !slices.Contains(names, e.Version) {
		names = append(names, e.Version)
	}
	if tagged, ok := l.landings.Tagged(e.Version); ok {
		names = append(names, tagged)
	}
	for _, chain := range []string{e.Attributes["chainId"], b.chains[e.Version]} {
		if len(names) == 0 && chain != "" {
			names = l.chains[chain]
		}
	}
	return names
}

// has says whether what is built from any of some commits contains another.
func (l *line) has(built []string, commit string) whatchanged.Ancestry {
	out := whatchanged.Lacks
	if len(built) == 0 {
		return whatchanged.AncestryUnknown
	}
	for _, name := range built {
		switch {
		case strings.HasPrefix(commit, name), strings.HasPrefix(name, commit):
			return whatchanged.Contains
		}
		switch l.landings.Has(name, commit) {
		case whatchanged.Contains:
			return whatchanged.Contains
		case whatchanged.AncestryUnknown:
			out = whatchanged.AncestryUnknown
		}
	}
	return out
}

// undone returns what in a build undoes a commit, "" when nothing does: what
// undoes it may itself be undone.
func (l *line) undone(built []string, commit string, seen []string) string {
	for _, by := range l.landings.Reverted(commit) {
		if !slices.Contains(seen, by) && l.has(built, by) == whatchanged.Contains && l.undone(built, by, append(seen, commit)) == "" {
			return by
		}
	}
	return ""
}

// stands says how what an event brings stands to the sought commits of a line:
// live, reverted, partly or unknown, or never shipped. by is what undoes them.
func (s *sought) stands(e *whatchanged.Event, l *line, b *builds) (state CommitState, by string) {
	if l == nil {
		if e.Version == s.version {
			return CommitLive, ""
		}
		return CommitNeverShipped, ""
	}
	built, in := b.of(e, l), map[whatchanged.Ancestry]int{}
	for _, commit := range l.commits {
		has := l.has(built, commit)
		in[has]++
		if has == whatchanged.Contains && by == "" {
			by = l.undone(built, commit, nil)
		}
	}
	switch n := len(l.commits); {
	case in[whatchanged.Contains] == n && by != "":
		return CommitReverted, by
	case in[whatchanged.Contains] == n:
		return CommitLive, ""
	case in[whatchanged.Contains] > 0:
		return CommitPartly, by
	case in[whatchanged.Lacks] == n:
		return CommitNeverShipped, ""
	}
	return CommitUnknown, ""
}

// older reports whether what an event brings comes before a sought commit.
func (l *line) older(e *whatchanged.Event, b *builds) bool {
	if l == nil {
		return false
	}
	for _, name := range b.of(e, l) {
		if slices.ContainsFunc(l.commits, func(commit string) bool { return l.landings.Has(commit, name) == whatchanged.Contains }) {
			return true
		}
	}
	return false
}

var trainOfVersion = regexp.MustCompile(`(?:^|[@:/_-])v?(\d+\.\d+)(?:[.+-]|$)`)

// trainOf names the release train that an event stands in: what its source
// calls it, else the branch it was built from, else major and minor of its
// version.
func trainOf(e *whatchanged.Event) string {
	for _, key := range []string{"releaseTrain", "train", "customData.releaseTrain"} {
		if v := e.Attributes[key]; v != "" {
			return v
		}
	}
	if m := trainOfVersion.FindStringSubmatch(e.Version); m != nil {
		return m[1]
	}
	for _, key := range []string{"branch", "ref"} {
		ref := e.Attributes[key]
		if m := trainOfVersion.FindStringSubmatch(ref); m != nil && !strings.HasPrefix(ref, "refs/heads/") && key == "ref" {
			return m[1]
		}
		if name := strings.TrimPrefix(ref, "refs/heads/"); name != "" && !whatchanged.IsCommit(name) {
			return name
		}
	}
	return ""
}
