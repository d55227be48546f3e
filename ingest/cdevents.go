package ingest

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strings"

	"whatchanged.dev/whatchanged"
)

// The types of CDEvents: dev.cdevents.SUBJECT.PREDICATE.VERSION, and ours for
// what CDEvents has no word for.
const (
	cdPrefix     = "dev.cdevents."
	customPrefix = "dev.cdeventsx.whatchanged-"
)

// cdEvent is a CDEvent of any version from 0.3 to 0.6. They differ in the name
// of context.version (specversion from 0.5 on) and in subject.type, which is
// no longer there; neither is needed.
type cdEvent struct {
	Context struct {
		ID          string `json:"id"`
		Source      string `json:"source"`
		Type        string `json:"type"`
		Timestamp   moment `json:"timestamp"`
		ChainID     string `json:"chainId"`
		Version     string `json:"version"`
		SpecVersion string `json:"specversion"`
	} `json:"context"`
	Subject struct {
		ID      string          `json:"id"`
		Source  string          `json:"source"`
		Content json.RawMessage `json:"content"`
	} `json:"subject"`
	CustomData json.RawMessage `json:"customData"`
}

// cdContent is what the content of the subjects we read can hold.
type cdContent struct {
	Environment cdRef  `json:"environment"`
	Service     cdRef  `json:"service"`
	Repository  cdRef  `json:"repository"`
	Change      cdRef  `json:"change"`
	ArtifactID  string `json:"artifactId"`
	Description string `json:"description"`
	Name        string `json:"name"`
	User        string `json:"user"`
	URI         string `json:"uri"`
}

type cdRef struct {
	ID string `json:"id"`
}

// cdSubjects lists the subjects that tell of production, and what to do with
// each predicate of them. All others are understood and ignored.
var cdSubjects = map[string]struct {
	kind       whatchanged.EventKind
	predicates string
	read       func(c *check, e *whatchanged.Event, p *cdEvent, t cdContent)
}{
	"service":     {whatchanged.Deployment, " deployed upgraded rolledback removed published ", readCDService},
	"environment": {whatchanged.Infrastructure, " created modified deleted ", readCDEnvironment},
	"artifact":    {whatchanged.Artifact, " packaged published deleted ", readCDArtifact},
	"change":      {whatchanged.Commit, " merged ", readCDChange},
	"incident":    {whatchanged.Incident, " detected reported resolved ", readCDIncident},
}

// decodeCDEvent reads a CDEvent in a CloudEvent, or one without an envelope.
func decodeCDEvent(ce cloudEvent) (Decoded, error) {
	c := &check{at: ce.dataAt}
	if !isObject(ce.data) {
		c.fail("", "a CDEvent is wanted as JSON: an object with context and subject")
		return Decoded{}, c.err
	}
	var p cdEvent
	if err := unmarshal(ce.data, ce.dataAt, &p); err != nil {
		return Decoded{}, err
	}
	typ := c.text("context.type", cmp.Or(ce.attrs["type"], p.Context.Type))
	if c.err == nil && strings.HasPrefix(typ, customPrefix) {
		return decodeCustom(ce, &p, typ)
	}
	rest, ok := strings.CutPrefix(typ, cdPrefix)
	subject, predicate, _ := strings.Cut(rest, ".")
	predicate, _, _ = strings.Cut(predicate, ".")
	if c.err == nil && (!ok || subject == "" || predicate == "") {
		c.fail("context.type", "%s is not a type of CDEvents: want one such as dev.cdevents.service.deployed.0.3.0", quote(typ))
	}
	s := cdSubjects[subject]
	if c.err == nil && !strings.Contains(s.predicates, " "+predicate+" ") {
		return Decoded{Ignored: typ + ": understood, and no change to production"}, nil
	}
	var t cdContent
	if len(p.Subject.Content) > 0 && c.err == nil {
		c.err = unmarshal(p.Subject.Content, within(ce.dataAt, "subject.content"), &t)
	}
	e := p.event(c, ce)
	e.Kind, e.Action = s.kind, predicate
	ce.common(c, &e)
	if c.err == nil {
		s.read(c, &e, &p, t)
	}
	regionFrom(&e, "subject.source", p.Subject.Source)
	p.customAttributes(&e)
	return one(c, e, "subject.id")
}

// event returns what context and subject say. Identity is by context.source
// and context.id, which the envelope repeats.
func (p *cdEvent) event(c *check, ce cloudEvent) whatchanged.Event {
	source := c.text("context.source", cmp.Or(p.Context.Source, ce.attrs["source"]))
	id := c.text("context.id", cmp.Or(p.Context.ID, ce.attrs["id"]))
	c.text("subject.id", p.Subject.ID)
	e := whatchanged.Event{
		ID:          eventID("cdevents/", source, id),
		EffectiveAt: c.maybe("context.timestamp", p.Context.Timestamp),
	}
	attribute(&e, "type", p.Context.Type)
	attribute(&e, "chainId", p.Context.ChainID)
	attribute(&e, "specversion", cmp.Or(p.Context.SpecVersion, p.Context.Version))
	attribute(&e, "subjectSource", p.Subject.Source)
	return e
}

// customAttributes keeps the plain values of customData.
func (p *cdEvent) customAttributes(e *whatchanged.Event) {
	var custom map[string]json.RawMessage
	if !isObject(p.CustomData) || json.Unmarshal(p.CustomData, &custom) != nil {
		return // customData may be of any form
	}
	for k, raw := range custom {
		var v text
		if json.Unmarshal(raw, &v) == nil {
			attribute(e, "customData."+k, string(v))
		}
	}
}

func readCDService(_ *check, e *whatchanged.Event, p *cdEvent, t cdContent) {
	e.Entity = whatchanged.RefOf(whatchanged.KindService, p.Subject.ID)
	e.Version = t.ArtifactID
	e.Summary = p.Subject.ID + " " + e.Action
	place(e, t.Environment.ID)
}

func readCDEnvironment(_ *check, e *whatchanged.Event, p *cdEvent, t cdContent) {
	e.Entity = whatchanged.RefOf(whatchanged.KindEnvironment, p.Subject.ID)
	e.Summary = "environment " + cmp.Or(t.Name, p.Subject.ID) + " " + e.Action
	e.Links = append(e.Links, whatchanged.Link{Rel: "evidence", URL: t.URI})
	place(e, p.Subject.ID)
}

// readCDArtifact takes the package as the entity, and the whole purl as its
// version, as a deployment has it. The change it was packaged from is a commit.
func readCDArtifact(_ *check, e *whatchanged.Event, p *cdEvent, t cdContent) {
	name, _, _ := strings.Cut(p.Subject.ID, "?")
	if i := strings.LastIndexByte(name, '@'); i > 0 {
		name = name[:i]
	}
	e.Entity = whatchanged.RefOf(whatchanged.KindArtifact, name)
	e.Version = p.Subject.ID
	e.Summary = name + " " + e.Action
	if commitName.MatchString(t.Change.ID) {
		e.Commits = []string{t.Change.ID}
	}
	if t.User != "" {
		e.Actor = actorOf(t.User, false)
	}
}

var commitName = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

func readCDChange(c *check, e *whatchanged.Event, p *cdEvent, t cdContent) {
	repository := cmp.Or(t.Repository.ID, p.Subject.Source)
	e.Entity = whatchanged.RefOf(whatchanged.KindRepository, c.text("subject.content.repository.id", repository))
	e.Summary = cmp.Or(t.Description, "change "+p.Subject.ID+" merged")
	attribute(e, "change", p.Subject.ID)
	if commitName.MatchString(p.Subject.ID) {
		e.Version, e.Commits = p.Subject.ID, []string{p.Subject.ID}
	}
}

// readCDIncident takes the incident as the entity. The service that it is
// about stands in an attribute: the incident did not change the service.
func readCDIncident(_ *check, e *whatchanged.Event, p *cdEvent, t cdContent) {
	e.Entity = whatchanged.RefOf(whatchanged.KindIncident, p.Subject.ID)
	e.Summary = cmp.Or(t.Description, "incident "+p.Subject.ID+" "+e.Action)
	e.Version = t.ArtifactID
	if t.Service.ID != "" {
		attribute(e, "service", whatchanged.RefOf(whatchanged.KindService, t.Service.ID).String())
	}
	e.Links = append(e.Links, whatchanged.Link{Rel: "evidence", URL: t.URI})
	place(e, t.Environment.ID)
}
