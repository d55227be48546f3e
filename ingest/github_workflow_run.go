package ingest

import (
	"cmp"
	"strconv"

	"whatchanged.dev/whatchanged"
)

type githubWorkflowRun struct {
	githubEnvelope
	Run struct {
		ID              int64      `json:"id"`
		Name            string     `json:"name"`
		Path            string     `json:"path"`
		DisplayTitle    string     `json:"display_title"`
		Event           string     `json:"event"`
		HeadBranch      string     `json:"head_branch"`
		HeadSHA         string     `json:"head_sha"`
		Status          string     `json:"status"`
		Conclusion      string     `json:"conclusion"` // null until completed
		Attempt         int64      `json:"run_attempt"`
		HTMLURL         string     `json:"html_url"`
		StartedAt       moment     `json:"run_started_at"`
		UpdatedAt       moment     `json:"updated_at"`
		Actor           githubUser `json:"actor"`
		TriggeringActor githubUser `json:"triggering_actor"`
	} `json:"workflow_run"`
	Workflow struct {
		Name string `json:"name"`
		Path string `json:"path"`
	} `json:"workflow"`
}

// decodeGitHubWorkflowRun reads how a pipeline fares. What it did to
// production, if anything, is told by a deployment.
func decodeGitHubWorkflowRun(d githubDelivery) (Decoded, error) {
	var p githubWorkflowRun
	if err := unmarshal(d.body, "", &p); err != nil {
		return Decoded{}, err
	}
	c, r := &check{}, p.Run
	attempt := strconv.FormatInt(max(r.Attempt, 1), 10)
	name := cmp.Or(p.Workflow.Name, r.Name, r.Path)
	e := whatchanged.Event{
		ID:   "github/workflow_run/" + c.id("workflow_run.id", r.ID) + "/" + attempt + "/" + c.text("workflow_run.status", r.Status),
		Kind: whatchanged.Pipeline, Action: cmp.Or(r.Conclusion, r.Status), Entity: p.repository(c),
		Actor:       githubActor(r.TriggeringActor, r.Actor, p.Sender),
		EffectiveAt: c.time("workflow_run.updated_at", r.UpdatedAt),
		WrittenAt:   written(c.maybe("workflow_run.run_started_at", r.StartedAt)),
		Version:     c.text("workflow_run.head_sha", r.HeadSHA), Commits: []string{r.HeadSHA},
		Summary: cmp.Or(r.DisplayTitle, name),
		Links:   []whatchanged.Link{{Rel: "evidence", URL: r.HTMLURL}},
		Attributes: map[string]string{
			"workflow": name, "path": cmp.Or(r.Path, p.Workflow.Path), "branch": r.HeadBranch,
			"defaultBranch": p.Repository.DefaultBranch, "trigger": r.Event, "attempt": attempt, "delivery": d.guid,
		},
	}
	if result, ended := githubResults[r.Conclusion]; ended {
		e.Validation = &whatchanged.Validation{Checks: []string{name}, Result: result}
	}
	return one(c, e, "repository.full_name")
}

var githubResults = map[string]string{
	"success": "passed", "neutral": "passed",
	"failure": "failed", "timed_out": "failed", "startup_failure": "failed", "action_required": "failed",
	"skipped": "skipped", "cancelled": "skipped",
}
