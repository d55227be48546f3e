package ingest

import (
	"cmp"
	"encoding/json"

	"whatchanged.dev/whatchanged"
)

// githubDeployment is a request to deploy, or a report on one.
type githubDeployment struct {
	githubEnvelope
	Deployment struct {
		ID          int64           `json:"id"`
		URL         string          `json:"url"`
		SHA         string          `json:"sha"`
		Ref         string          `json:"ref"`
		Task        string          `json:"task"`
		Environment string          `json:"environment"`
		Description string          `json:"description"`
		Payload     json.RawMessage `json:"payload"` // whatever the deployer put there: a string or an object
		Creator     *githubUser     `json:"creator"`
		CreatedAt   moment          `json:"created_at"`
	} `json:"deployment"`
	Status struct {
		ID             int64       `json:"id"`
		URL            string      `json:"url"`
		State          string      `json:"state"`
		Creator        *githubUser `json:"creator"`
		Description    string      `json:"description"`
		Environment    string      `json:"environment"`
		TargetURL      string      `json:"target_url"`
		LogURL         string      `json:"log_url"`
		EnvironmentURL string      `json:"environment_url"`
		CreatedAt      moment      `json:"created_at"`
	} `json:"deployment_status"`
	WorkflowRun *struct {
		HTMLURL string `json:"html_url"`
	} `json:"workflow_run"`
}

func decodeGitHubDeployment(d githubDelivery) (Decoded, error) {
	var p githubDeployment
	if err := unmarshal(d.body, "", &p); err != nil {
		return Decoded{}, err
	}
	c := &check{}
	e := p.event(c, d)
	e.ID, e.Action = e.Rollout.ID, cmp.Or(p.Action, "created")
	e.Actor = githubActorOf(p.Deployment.Creator, p.Sender)
	e.EffectiveAt = c.time("deployment.created_at", p.Deployment.CreatedAt)
	e.Rollout.Phase = whatchanged.PhasePending
	return one(c, e, "repository.full_name")
}

// githubPhases says where a deployment stands after each state of its status.
var githubPhases = map[string]whatchanged.Phase{
	"queued":      whatchanged.PhasePending,
	"pending":     whatchanged.PhasePending,
	"waiting":     whatchanged.PhasePending,
	"in_progress": whatchanged.PhaseProgressing,
	"success":     whatchanged.PhasePromoted,
	"failure":     whatchanged.PhaseFailed,
	"error":       whatchanged.PhaseFailed,
	"inactive":    whatchanged.PhaseSuperseded,
}

func decodeGitHubDeploymentStatus(d githubDelivery) (Decoded, error) {
	var p githubDeployment
	if err := unmarshal(d.body, "", &p); err != nil {
		return Decoded{}, err
	}
	c, s := &check{}, p.Status
	e := p.event(c, d)
	e.ID = "github/deployment_status/" + c.id("deployment_status.id", s.ID)
	e.Action, e.Parent = c.text("deployment_status.state", s.State), e.Rollout.ID
	e.Actor = githubActorOf(s.Creator, p.Sender)
	e.EffectiveAt = c.time("deployment_status.created_at", s.CreatedAt)
	e.WrittenAt = written(c.maybe("deployment.created_at", p.Deployment.CreatedAt))
	e.Summary = cmp.Or(s.Description, e.Summary)
	e.Links = append([]whatchanged.Link{{Rel: "evidence", URL: cmp.Or(s.LogURL, s.TargetURL)}}, e.Links...)
	e.Links = append(e.Links, whatchanged.Link{Rel: "environment", URL: s.EnvironmentURL})
	place(&e, s.Environment)
	phase, known := githubPhases[s.State]
	if !known {
		c.fail("deployment_status.state", "%s is not a state: want success, failure, error, inactive, in_progress, queued, pending or waiting", quote(s.State))
	}
	e.Rollout.Phase = phase
	return one(c, e, "repository.full_name")
}

// event returns what a deployment and its statuses share. GitHub knows of
// repositories, not services: the service is taken to have its repository's
// name.
func (p *githubDeployment) event(c *check, d githubDelivery) whatchanged.Event {
	dep := p.Deployment
	e := whatchanged.Event{
		Kind:    whatchanged.Deployment,
		Entity:  whatchanged.RefOf(whatchanged.KindService, c.text("repository.full_name", p.Repository.FullName)),
		Version: c.text("deployment.sha", dep.SHA), Commits: []string{dep.SHA}, Summary: dep.Description,
		Rollout: &whatchanged.RolloutStep{ID: "github/deployment/" + c.id("deployment.id", dep.ID)},
		Attributes: map[string]string{
			"ref": dep.Ref, "task": dep.Task, "delivery": d.guid,
			"repository": whatchanged.RefOf(whatchanged.KindRepository, p.Repository.FullName).String(),
		},
	}
	if e.Summary == "" && dep.Ref != "" {
		e.Summary = cmp.Or(dep.Task, "deploy") + " " + dep.Ref
	}
	if p.WorkflowRun != nil {
		e.Links = append(e.Links, whatchanged.Link{Rel: "evidence", URL: p.WorkflowRun.HTMLURL})
	}
	e.Links = append(e.Links, whatchanged.Link{Rel: "evidence", URL: dep.URL})
	if p.Repository.HTMLURL != "" && dep.SHA != "" {
		e.Links = append(e.Links, whatchanged.Link{Rel: "commit", URL: p.Repository.HTMLURL + "/commit/" + dep.SHA})
	}
	githubPlacement(&e, dep.Payload)
	place(&e, dep.Environment)
	return e
}

// githubPlacement reads region, cluster and cell from a deployment's payload,
// the one place where a deployer can say them.
func githubPlacement(e *whatchanged.Event, payload json.RawMessage) {
	var said struct{ Region, Cluster, Cell string }
	if !isObject(payload) || json.Unmarshal(payload, &said) != nil {
		return // the payload is the deployer's own; any other shape is as good
	}
	e.Placement = whatchanged.Placement{Region: said.Region, Cluster: said.Cluster, Cell: said.Cell}
	if said.Region != "" {
		e.Attributes["regionFrom"] = "deployment.payload"
	}
}

func githubActorOf(creator *githubUser, sender githubUser) *whatchanged.Actor {
	if creator != nil {
		return githubActor(*creator, sender)
	}
	return githubActor(sender)
}
