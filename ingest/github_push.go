package ingest

import (
	"cmp"
	"fmt"
	"strings"

	"whatchanged.dev/whatchanged"
)

// githubPush is a branch or tag that moved. The timestamp of a commit is its
// author's clock; repository.pushed_at is GitHub's.
type githubPush struct {
	githubEnvelope
	Ref        string         `json:"ref"`
	Before     string         `json:"before"`
	After      string         `json:"after"`
	Created    bool           `json:"created"`
	Deleted    bool           `json:"deleted"`
	Forced     bool           `json:"forced"`
	Compare    string         `json:"compare"`
	Commits    []githubCommit `json:"commits"`
	HeadCommit *githubCommit  `json:"head_commit"` // null when the ref was deleted
	Pusher     struct {
		Name string `json:"name"`
	} `json:"pusher"`
}

type githubCommit struct {
	ID        string `json:"id"`
	Message   string `json:"message"`
	Timestamp moment `json:"timestamp"`
}

func decodeGitHubPush(d githubDelivery) (Decoded, error) {
	var p githubPush
	if err := unmarshal(d.body, "", &p); err != nil {
		return Decoded{}, err
	}
	c := &check{}
	natural := strings.Join([]string{p.Repository.FullName, c.text("ref", p.Ref), c.text("before", p.Before) + ".." + c.text("after", p.After)}, "/")
	e := whatchanged.Event{
		ID: d.key("push", natural), Kind: whatchanged.Commit, Action: p.verb(),
		Entity: p.repository(c), Actor: githubActor(p.Sender, githubUser{Login: p.Pusher.Name}),
		Version: sha(p.After), PreviousVersion: sha(p.Before),
		Links:      []whatchanged.Link{{Rel: "evidence", URL: p.Compare}},
		Attributes: map[string]string{"ref": p.Ref, "defaultBranch": p.Repository.DefaultBranch, "delivery": d.guid},
	}
	if branch, ok := strings.CutPrefix(p.Ref, "refs/heads/"); ok {
		e.Attributes["branch"] = branch
	} else if tag, ok := strings.CutPrefix(p.Ref, "refs/tags/"); ok {
		e.Attributes["tag"] = tag
	}
	p.describe(&e)
	e.EffectiveAt = c.maybe("repository.pushed_at", p.Repository.PushedAt)
	if p.HeadCommit != nil {
		at := c.maybe("head_commit.timestamp", p.HeadCommit.Timestamp)
		e.WrittenAt = written(at)
		if e.EffectiveAt.IsZero() {
			e.EffectiveAt = at
		}
	}
	return one(c, e, "repository.full_name")
}

// verb says what became of the ref.
func (p *githubPush) verb() string {
	switch {
	case p.Deleted:
		return "deleted"
	case p.Created:
		return "created"
	case p.Forced:
		return "forced"
	}
	return "pushed"
}

// describe adds what the commits say. GitHub lists at most 2,048 of them.
func (p *githubPush) describe(e *whatchanged.Event) {
	for _, commit := range p.Commits {
		if commit.ID != "" {
			e.Commits = append(e.Commits, commit.ID)
		}
		undone, subject := revertOf(commit.Message)
		e.Reverts = cmp.Or(e.Reverts, undone)
		if subject != "" {
			e.Attributes["revertOf"] = subject
		}
	}
	if len(e.Commits) == 0 && e.Version != "" {
		e.Commits = []string{e.Version}
	}
	if p.HeadCommit == nil {
		e.Summary = p.verb() + " " + p.Ref
		return
	}
	e.Summary = firstLine(p.HeadCommit.Message)
	if n := len(p.Commits) - 1; n > 0 {
		e.Summary += fmt.Sprintf(" (and %d more)", n)
	}
}

// sha returns a commit's name, "" for the name of none, which is all zeros.
func sha(s string) string {
	if strings.Trim(s, "0") == "" {
		return ""
	}
	return s
}
