package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/url"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// github reads the webhooks of GitHub. Commits, releases and workflow runs
// are kept as evidence; a deployment and its statuses are what reaches
// production.
//
// An id is the natural key where GitHub's own is unique, and otherwise the
// GUID of the delivery, which is the same when GitHub delivers again.
var github = Source{
	Name:     "github",
	Verify:   verifyGitHub,
	Decode:   decodeGitHub,
	Header:   []string{"content-type", "x-github-event", "x-github-delivery", "x-hub-signature-256"},
	Identify: func(h map[string]string) (typ, id string) { return h["x-github-event"], h["x-github-delivery"] },
}

// githubEvents lists the webhook events that are read. Everything else is
// ignored with its name.
var githubEvents = map[string]func(githubDelivery) (Decoded, error){
	"deployment":        decodeGitHubDeployment,
	"deployment_status": decodeGitHubDeploymentStatus,
	"ping":              func(githubDelivery) (Decoded, error) { return Decoded{Ignored: "ping: the webhook is set up"}, nil },
	"pull_request":      decodeGitHubPullRequest,
	"push":              decodeGitHubPush,
	"release":           decodeGitHubRelease,
	"workflow_run":      decodeGitHubWorkflowRun,
}

// A githubDelivery is a webhook as the decoders of its events need it.
type githubDelivery struct {
	guid string
	body []byte // JSON
}

// githubEnvelope is what every payload has besides what happened.
type githubEnvelope struct {
	Action     string           `json:"action"`
	Repository githubRepository `json:"repository"`
	Sender     githubUser       `json:"sender"`
}

type githubRepository struct {
	FullName      string `json:"full_name"`
	HTMLURL       string `json:"html_url"`
	DefaultBranch string `json:"default_branch"`
	PushedAt      moment `json:"pushed_at"` // by GitHub's clock
}

type githubUser struct {
	Login string `json:"login"`
	Type  string `json:"type"`
}

// verifyGitHub checks X-Hub-Signature-256, the HMAC-SHA256 of the body.
func verifyGitHub(secret []byte, d whatchanged.Delivery) error {
	given := d.Header["x-hub-signature-256"]
	if given == "" {
		return whatchanged.Errorf(whatchanged.CodeUnauthenticated, "is missing: set the webhook's secret at GitHub to the one configured here").In("X-Hub-Signature-256")
	}
	digest, isSHA256 := strings.CutPrefix(given, "sha256=")
	sum, err := hex.DecodeString(digest)
	if !isSHA256 || err != nil {
		return whatchanged.Errorf(whatchanged.CodeUnauthenticated, "want sha256= and 64 hexadecimal digits").In("X-Hub-Signature-256")
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(d.Body)
	if !hmac.Equal(sum, mac.Sum(nil)) {
		return whatchanged.Errorf(whatchanged.CodeUnauthenticated, "does not fit the body: the webhook's secret at GitHub differs from the one configured here").In("X-Hub-Signature-256")
	}
	return nil
}

func decodeGitHub(d whatchanged.Delivery) (Decoded, error) {
	event := d.Header["x-github-event"]
	if event == "" {
		return Decoded{}, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "is missing: want the name of a webhook event, such as deployment_status").In("X-GitHub-Event")
	}
	decode, ok := githubEvents[event]
	if !ok {
		return Decoded{Ignored: event + ": not an event that tells of a change to production"}, nil
	}
	body, err := githubBody(d)
	if err != nil {
		return Decoded{}, err
	}
	return decode(githubDelivery{guid: d.Header["x-github-delivery"], body: body})
}

// githubBody returns the JSON of a webhook of either content type.
func githubBody(d whatchanged.Delivery) ([]byte, error) {
	if t, _, _ := mime.ParseMediaType(d.Header["content-type"]); t != "application/x-www-form-urlencoded" {
		return d.Body, nil
	}
	form, err := url.ParseQuery(string(d.Body))
	if err != nil || !form.Has("payload") {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "is missing in the form: set the webhook's content type at GitHub to application/json").In("payload")
	}
	return []byte(form.Get("payload")), nil
}

// repository names the repository as the entity.
func (g githubEnvelope) repository(c *check) whatchanged.Ref {
	return whatchanged.RefOf(whatchanged.KindRepository, c.text("repository.full_name", g.Repository.FullName))
}

// githubActor returns the first of users who is named.
func githubActor(users ...githubUser) *whatchanged.Actor {
	i := slices.IndexFunc(users, func(u githubUser) bool { return u.Login != "" })
	if i < 0 {
		return nil
	}
	return actorOf(users[i].Login, users[i].Type == "Bot")
}

// actorOf returns the actor of a name; a name that says it is a bot is one.
func actorOf(name string, automation bool) *whatchanged.Actor {
	return &whatchanged.Actor{Name: name, Automation: automation || strings.HasSuffix(name, "[bot]")}
}

// key returns the id of an event without a natural key of its own: the GUID
// of the delivery, or else what comes closest to a natural key.
func (d githubDelivery) key(event, natural string) string {
	if d.guid != "" {
		natural = d.guid
	}
	return "github/" + event + "/" + natural
}
