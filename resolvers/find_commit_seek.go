package resolvers

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// sought is what was asked for, and the landings of the repositories it is in.
type sought struct {
	found   []FoundCommit
	lines   map[whatchanged.Ref]*line
	version string // asked for, and no commit of it is known
	left    excluded
}

// A commitAt is a commit in a repository.
type commitAt struct {
	repository whatchanged.Ref
	commit     string
}

var (
	pullRequestText = regexp.MustCompile(`^([\w.-]*(?:/[\w.-]+)?)[#!](\d+)$`)
	ticketText      = regexp.MustCompile(`^[A-Z][A-Z0-9_]*-\d+$`)
)

// seek finds the commits that a text means.
func (a *asking) seek(text, repository string) (*sought, error) {
	if text == "" || len(text) > maxQuery {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "a text of %d bytes: want 1 to %d, such as abc1234, web#12, OPS-12 or v1.4.2", len(text), maxQuery).In("commit")
	}
	request := pullRequestText.FindStringSubmatch(text)
	if request != nil {
		repository = cmp.Or(request[1], repository)
	}
	var only []whatchanged.Ref
	if repository != "" {
		ref, err := a.repository(repository)
		if err != nil {
			return nil, err
		}
		only = []whatchanged.Ref{ref}
	}
	s := &sought{lines: map[whatchanged.Ref]*line{}}
	var named []commitAt
	var err error
	switch {
	case request != nil:
		named, err = a.commitsWhere(s, only, func(e *whatchanged.Event) bool { return e.Attributes["pullRequest"] == request[2] })
		err = cmp.Or(err, oneRepository(text, "#"+request[2], named))
	case ticketText.MatchString(text):
		named, err = a.commitsWhere(s, only, carries(text))
	case whatchanged.IsCommit(strings.ToLower(text)):
		if named, err = a.commitsNamed(strings.ToLower(text), only); err == nil && len(named) == 0 {
			named, err = a.commitsOfVersion(s, text, only)
		}
	default:
		named, err = a.commitsOfVersion(s, text, only)
	}
	if err == nil && len(named) == 0 && s.version == "" {
		err = whatchanged.Errorf(whatchanged.CodeNotFound, "no source told of commit, pull request, ticket or version %q; ask find for part of it", text).In("commit")
	}
	if err != nil {
		return nil, err
	}
	return s, a.follow(s, named)
}

// repository settles the name of a repository.
func (a *asking) repository(name string) (whatchanged.Ref, error) {
	if strings.Contains(name, ":") {
		ref, err := whatchanged.ParseRef(name)
		if err != nil {
			return ref, whatchanged.AsError(err).In("repository")
		}
		return ref, nil
	}
	if strings.Contains(name, "/") {
		return whatchanged.RefOf(whatchanged.KindRepository, name), nil
	}
	found, err := a.index.Entities(a.ctx, a.view, whatchanged.EntitySelection{Kinds: []whatchanged.Kind{whatchanged.KindRepository}, Text: "/" + strings.ToLower(name), Limit: maxNamed})
	if err != nil {
		return whatchanged.Ref{}, err
	}
	switch refs := named(found, name); len(refs) {
	case 0:
		return whatchanged.Ref{}, whatchanged.Errorf(whatchanged.CodeNotFound, "repository %q is not known: want owner/name, such as acme/checkout", name).In("repository")
	case 1:
		return refs[0], nil
	default:
		e := whatchanged.Errorf(whatchanged.CodeAmbiguous, "%q names %d repositories: want one of %s", name, len(refs), join(refs)).In("repository")
		e.Suggest = texts(refs)
		return whatchanged.Ref{}, e
	}
}

// commitsNamed finds the commit whose name begins so. The same commit in two
// repositories, and two commits that begin so, are ambiguous.
func (a *asking) commitsNamed(short string, only []whatchanged.Ref) ([]commitAt, error) {
	page, err := a.index.Mentions(a.ctx, a.seeing(whatchanged.MaxTime), whatchanged.Mention{Text: short, Interval: whatchanged.Always, Limit: maxCandidates})
	if err != nil {
		return nil, err
	}
	var all []commitAt
	for _, e := range page.Events {
		at := repositoryOf(e)
		if len(only) > 0 && at != only[0] && !at.IsZero() {
			continue
		}
		if len(only) > 0 {
			at = only[0]
		}
		for _, name := range append(slices.Clone(e.Commits), e.Version) {
			if whatchanged.IsCommit(name) && strings.HasPrefix(name, short) {
				all = append(all, commitAt{at, name})
			}
		}
	}
	all = distinct(all)
	if len(all) < 2 {
		return all, nil
	}
	var spelled []string
	for _, c := range all {
		spelled = append(spelled, c.String())
	}
	e := whatchanged.Errorf(whatchanged.CodeAmbiguous, "%q begins %d commits: want one of %s, or its repository", short, len(all), several(spelled)).In("commit")
	for _, c := range all {
		e.Suggest = append(e.Suggest, c.commit)
	}
	return nil, e
}

func (c commitAt) String() string {
	if c.repository.IsZero() {
		return c.commit
	}
	return c.commit + " of " + c.repository.String()
}

// distinct drops what is there twice: a short name beside the long one, and a
// commit of no known repository beside the same of one.
func distinct(all []commitAt) []commitAt {
	slices.SortFunc(all, func(c, d commitAt) int {
		return cmp.Or(cmp.Compare(len(d.commit), len(c.commit)), cmp.Compare(c.commit, d.commit), d.repository.Compare(c.repository))
	})
	var kept []commitAt
	for _, c := range all {
		if !slices.ContainsFunc(kept, func(k commitAt) bool {
			return strings.HasPrefix(k.commit, c.commit) && (c.repository == k.repository || c.repository.IsZero())
		}) {
			kept = append(kept, c)
		}
	}
	return kept
}

// repositoryOf returns the repository that an event is of, as far as it says.
func repositoryOf(e *whatchanged.Event) whatchanged.Ref {
	if e.Entity.Kind == whatchanged.KindRepository {
		return e.Entity
	}
	if ref, err := whatchanged.ParseRef(e.Attributes["repository"]); err == nil {
		return ref
	}
	landing := e.ID // a change of a file is named after its landing
	if e.Parent != "" {
		landing = e.Parent
	}
	if rest, ok := strings.CutPrefix(landing, "git/"); ok {
		if i := strings.Index(rest, "/"+e.Version); i > 0 && e.Version != "" {
			return whatchanged.RefOf(whatchanged.KindRepository, rest[:i])
		}
	}
	return whatchanged.Ref{}
}

// commitsWhere finds commits by what their events carry. What was merged goes
// before what was only pushed to a branch, and what undoes others does not
// count unless nothing else does. Where the latest have some, those before them
// are not read.
func (a *asking) commitsWhere(s *sought, only []whatchanged.Ref, fits func(*whatchanged.Event) bool) ([]commitAt, error) {
	best := [3][]commitAt{}
	err := a.commitPages(only, &s.left, func(page []*whatchanged.Event) bool {
		found := 0
		for _, e := range page {
			if whatchanged.IsCommit(e.Version) && fits(e) {
				best[standing(e)] = append(best[standing(e)], commitAt{e.Entity, e.Version})
				found++
			}
		}
		return found > 0
	})
	for _, all := range best {
		if len(all) > 0 {
			return distinct(all), err
		}
	}
	return nil, err
}

// standing says how well a commit stands for what it carries: 0 is best.
func standing(e *whatchanged.Event) int {
	switch branch := e.Attributes["branch"]; {
	case e.Reverts != "":
		return 2
	case branch != "" && e.Action != "merged" && branch != e.Attributes["defaultBranch"]:
		return 1
	}
	return 0
}

// carries tells whether a commit names a ticket, in its subject, its branches or
// whatever else its source says of it.
func carries(ticket string) func(*whatchanged.Event) bool {
	word := regexp.MustCompile(`(?i)(^|[^A-Za-z0-9])` + regexp.QuoteMeta(ticket) + `($|[^A-Za-z0-9])`)
	return func(e *whatchanged.Event) bool {
		if word.MatchString(e.Summary) {
			return true
		}
		for name, v := range e.Attributes {
			if name != "paths" && word.MatchString(v) {
				return true
			}
		}
		return false
	}
}

// oneRepository refuses a pull request that several repositories have.
func oneRepository(text, request string, found []commitAt) error {
	var refs []whatchanged.Ref
	for _, c := range found {
		if !slices.Contains(refs, c.repository) {
			refs = append(refs, c.repository)
		}
	}
	if len(refs) < 2 {
		return nil
	}
	slices.SortFunc(refs, whatchanged.Ref.Compare)
	e := whatchanged.Errorf(whatchanged.CodeAmbiguous, "%q is of %d repositories: want one of them", text, len(refs)).In("commit")
	for _, ref := range refs {
		e.Suggest = append(e.Suggest, ref.Namespace+"/"+ref.Name+request)
	}
	return e
}

// commitsOfVersion finds the commits that a version is made of. Of a version
// without any, it is known only where it runs as such.
func (a *asking) commitsOfVersion(s *sought, version string, only []whatchanged.Ref) ([]commitAt, error) {
	page, err := a.index.Mentions(a.ctx, a.seeing(whatchanged.MaxTime), whatchanged.Mention{Text: version, Interval: whatchanged.Always, Limit: maxCandidates})
	if err != nil {
		return nil, err
	}
	tagged, err := a.commitsWhere(s, only, func(e *whatchanged.Event) bool { return e.Attributes["tag"] == version })
	if err != nil || len(tagged) > 0 {
		return tagged, err
	}
	var all []commitAt
	for _, e := range page.Events {
		at := repositoryOf(e)
		if e.Version != version || len(only) > 0 && !at.IsZero() && at != only[0] {
			continue
		}
		if e.Kind == whatchanged.Deployment || e.Kind == whatchanged.RolloutKind {
			s.version = version
		}
		for _, name := range e.Commits {
			if whatchanged.IsCommit(name) {
				all = append(all, commitAt{at, name})
			}
		}
	}
	if len(all) > 0 {
		s.version = ""
	}
	return distinct(all), nil
}
