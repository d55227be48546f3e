package ingest

import (
	"regexp"
	"strconv"

	"whatchanged.dev/whatchanged"
)

type githubPullRequest struct {
	githubEnvelope
	PullRequest struct {
		Number         int64       `json:"number"`
		Title          string      `json:"title"`
		Body           string      `json:"body"`
		HTMLURL        string      `json:"html_url"`
		Merged         bool        `json:"merged"`
		MergedAt       moment      `json:"merged_at"`
		MergedBy       *githubUser `json:"merged_by"`
		User           githubUser  `json:"user"`
		MergeCommitSHA string      `json:"merge_commit_sha"`
		Head           githubTip   `json:"head"`
		Base           githubTip   `json:"base"`
	} `json:"pull_request"`
}

type githubTip struct {
	Ref string `json:"ref"`
	SHA string `json:"sha"`
}

// decodeGitHubPullRequest reads merges: until then a pull request is a
// proposal and changes nothing.
func decodeGitHubPullRequest(d githubDelivery) (Decoded, error) {
	var p githubPullRequest
	if err := unmarshal(d.body, "", &p); err != nil {
		return Decoded{}, err
	}
	c := &check{}
	pr := p.PullRequest
	switch number := c.id("pull_request.number", pr.Number); {
	case c.text("action", p.Action) == "" || c.err != nil:
		return Decoded{}, c.err
	case p.Action != "closed":
		return Decoded{Ignored: "pull_request " + p.Action + ": #" + number + " is a proposal until it is merged"}, nil
	case !pr.Merged:
		return Decoded{Ignored: "pull_request closed: #" + number + " was not merged"}, nil
	}
	number := strconv.FormatInt(pr.Number, 10)
	e := whatchanged.Event{
		ID:   "github/pull_request/" + p.Repository.FullName + "/" + number + "/merged",
		Kind: whatchanged.Commit, Action: "merged", Entity: p.repository(c), Actor: p.actor(),
		EffectiveAt: c.time("pull_request.merged_at", pr.MergedAt),
		Version:     c.text("pull_request.merge_commit_sha", pr.MergeCommitSHA), PreviousVersion: pr.Base.SHA,
		Commits: []string{pr.MergeCommitSHA}, Reverts: p.reverts(), Summary: pr.Title,
		Links: []whatchanged.Link{{Rel: "evidence", URL: pr.HTMLURL}},
		Attributes: map[string]string{
			"pullRequest": number, "branch": pr.Base.Ref, "from": pr.Head.Ref, "defaultBranch": p.Repository.DefaultBranch,
			"author": pr.User.Login, "delivery": d.guid,
		},
	}
	if pr.Head.SHA != "" && pr.Head.SHA != pr.MergeCommitSHA {
		e.Commits = append(e.Commits, pr.Head.SHA)
	}
	return one(c, e, "repository.full_name")
}

func (p *githubPullRequest) actor() *whatchanged.Actor {
	if by := p.PullRequest.MergedBy; by != nil {
		return githubActor(*by, p.Sender)
	}
	return githubActor(p.Sender)
}

// revertsPullRequest is what GitHub's Revert button writes into the body.
var revertsPullRequest = regexp.MustCompile(`(?m)^Reverts ([\w.-]+/[\w.-]+)#(\d+)`)

// reverts returns the commit or the merge that this merge undoes.
func (p *githubPullRequest) reverts() string {
	if commit, _ := revertOf(p.PullRequest.Body); commit != "" {
		return commit
	}
	if m := revertsPullRequest.FindStringSubmatch(p.PullRequest.Body); m != nil {
		return "github/pull_request/" + m[1] + "/" + m[2] + "/merged"
	}
	return ""
}
