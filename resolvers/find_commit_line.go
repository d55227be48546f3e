package resolvers

import (
	"cmp"
	"slices"

	"whatchanged.dev/whatchanged"
)

// A line is a repository as its commits tell of it, and which of them are
// sought.
type line struct {
	repository whatchanged.Ref
	landings   *whatchanged.Landings
	commits    []string
	chains     map[string][]string // commits by the chain of CDEvents they began
}

// follow reads the landings of the repositories of commits.
func (a *asking) follow(s *sought, named []commitAt) error {
	if s.version != "" {
		s.found = append(s.found, FoundCommit{Commit: s.version, RevertedBy: []string{}})
	}
	for _, c := range named {
		l := s.lines[c.repository]
		if l == nil {
			var err error
			if l, err = a.line(c.repository, s); err != nil {
				return err
			}
			s.lines[c.repository] = l
		}
		l.commits = append(l.commits, l.landings.Full(c.commit))
	}
	for _, l := range s.lines {
		if err := a.describe(l, s); err != nil {
			return err
		}
	}
	slices.SortFunc(s.found, func(c, d FoundCommit) int { return cmp.Or(cmp.Compare(c.Commit, d.Commit), cmp.Compare(c.ID, d.ID)) })
	return nil
}

// line reads the landings of a repository. What landed after the moment asked
// is read too: which commit comes after which does not change.
func (a *asking) line(repository whatchanged.Ref, s *sought) (*line, error) {
	l := &line{repository: repository}
	var events []*whatchanged.Event
	if !repository.IsZero() {
		if err := a.commitPages([]whatchanged.Ref{repository}, &s.left, func(page []*whatchanged.Event) bool {
			events = append(events, page...)
			return false // whether a build is older than all of these is not known yet
		}); err != nil {
			return nil, err
		}
	}
	l.landings, l.chains = whatchanged.LandingsOf(events), map[string][]string{}
	for _, e := range events {
		if chain := e.Attributes["chainId"]; chain != "" && whatchanged.IsCommit(e.Version) {
			l.chains[chain] = append(l.chains[chain], e.Version)
		}
	}
	return l, nil
}

// maxLandings are read of a repository at most: more than nearly all have.
const maxLandings = 200_000

// commitPages hands on the commits of repositories, of all if none are named,
// the latest first, a page at a time until it is told that they are enough.
func (a *asking) commitPages(of []whatchanged.Ref, x *excluded, enough func(page []*whatchanged.Event) bool) error {
	sel := whatchanged.Selection{Entities: of, Kinds: []whatchanged.EventKind{whatchanged.Commit}, Descending: true, Limit: maxCandidates}
	for read := 0; ; {
		page, err := a.index.Changes(a.ctx, a.seeing(whatchanged.MaxTime), sel)
		if err != nil {
			return err
		}
		read += len(page.Events)
		if enough(page.Events) || len(page.Events) < sel.Limit || read >= min(page.Total, maxLandings) {
			x.add(ReasonBeyondLimit, page.Total-read)
			return nil
		}
		last := page.Events[len(page.Events)-1].Key()
		sel.After = &last
	}
}

// describe adds what is known of the commits of a line.
func (a *asking) describe(l *line, s *sought) error {
	for _, name := range l.commits {
		c := FoundCommit{Commit: name, RevertedBy: filled(l.landings.Reverted(name))}
		if !l.repository.IsZero() {
			c.Repository = &l.repository
		}
		page, err := a.index.Mentions(a.ctx, a.seeing(whatchanged.MaxTime), whatchanged.Mention{Text: name, Interval: whatchanged.Always, Limit: maxMentions})
		if err != nil {
			return err
		}
		for _, e := range slices.Backward(page.Events) { // from the first on
			if e.Kind == whatchanged.Commit && (c.ID == "" || e.Version == name && (c.Summary == "" || e.Action == "landed")) {
				at := e.EffectiveAt
				c.ID, c.Summary, c.LandedAt = e.ID, e.Summary, &at
			}
		}
		s.found = append(s.found, c)
	}
	return nil
}
