package ingest

import (
	"bytes"
	"embed"
	"errors"
	"io/fs"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"whatchanged.dev/whatchanged"
)

// customSubjects lists the subjects of our custom CDEvents: what kind of event
// each becomes, and what kind of entity its subject.id names unless
// content.entity names another. Each has a JSON Schema in schemas.
var customSubjects = map[string]struct {
	kind   whatchanged.EventKind
	entity whatchanged.Kind
}{
	"flag":           {whatchanged.Flag, whatchanged.KindFlag},
	"experiment":     {whatchanged.Experiment, whatchanged.KindExperiment},
	"model":          {whatchanged.Model, whatchanged.KindModel},
	"config":         {whatchanged.Config, whatchanged.KindConfig},
	"rollout":        {whatchanged.RolloutKind, whatchanged.KindService},
	"scale":          {whatchanged.Scale, whatchanged.KindService},
	"infrastructure": {whatchanged.Infrastructure, whatchanged.KindResource},
	"dependency":     {whatchanged.Topology, whatchanged.KindService},
	"ownership":      {whatchanged.Ownership, whatchanged.KindService},
	"oncall":         {whatchanged.OnCallKind, whatchanged.KindGroup},
	"verdict":        {whatchanged.Verdict, whatchanged.KindIncident},
}

// schemaBase is where the published schemas live; they are compiled from the
// embedded copies.
const schemaBase = "https://whatchanged.dev/schemas/"

//go:embed schemas/*.json
var schemaFiles embed.FS

// schemaCompiler returns a compiler that has the embedded schemas.
func schemaCompiler() *jsonschema.Compiler {
	compiler := jsonschema.NewCompiler()
	files, err := fs.Glob(schemaFiles, "schemas/*.json")
	for _, file := range files {
		var b []byte
		if b, err = schemaFiles.ReadFile(file); err != nil {
			break
		}
		var doc any
		if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(b)); err != nil {
			break
		}
		if err = compiler.AddResource(schemaBase+strings.TrimPrefix(file, "schemas/"), doc); err != nil {
			break
		}
	}
	if err != nil {
		panic("ingest: embedded schemas: " + err.Error())
	}
	return compiler
}

// customSchemas compiles the schemas, once, when the first event needs them.
var customSchemas = sync.OnceValue(func() map[string]*jsonschema.Schema {
	compiler := schemaCompiler()
	schemas := map[string]*jsonschema.Schema{}
	for subject := range customSubjects {
		schemas[subject] = compiler.MustCompile(schemaBase + "whatchanged-" + subject + ".0.1.0.json")
	}
	return schemas
})

// decodeCustom reads the custom types dev.cdeventsx.whatchanged-SUBJECT.PREDICATE.0.1.x.
func decodeCustom(ce cloudEvent, p *cdEvent, typ string) (Decoded, error) {
	subject, rest, _ := strings.Cut(strings.TrimPrefix(typ, customPrefix), ".")
	predicate, version, _ := strings.Cut(rest, ".")
	s, known := customSubjects[subject]
	c := &check{at: ce.dataAt}
	switch {
	case !known:
		c.fail("context.type", "%s: whatchanged-%s is not a subject: want flag, experiment, model, config, rollout, scale, infrastructure, dependency, ownership, oncall or verdict", quote(typ), subject)
	case predicate == "" || !strings.HasPrefix(version, "0.1."):
		c.fail("context.type", "%s: want a predicate and version 0.1.0, such as dev.cdeventsx.whatchanged-flag.changed.0.1.0", quote(typ))
	}
	if c.err != nil {
		return Decoded{}, c.err
	}
	if err := checkSchema(customSchemas()[subject], ce.data, ce.dataAt); err != nil {
		return Decoded{}, err
	}
	var t content
	if err := unmarshal(p.Subject.Content, within(ce.dataAt, "subject.content"), &t); err != nil {
		return Decoded{}, err
	}
	e := whatchanged.Event{Action: predicate}
	said := &check{at: within(ce.dataAt, "subject.content")}
	t.fill(said, &e)
	if said.err != nil {
		return Decoded{}, said.err
	}
	e.Kind = s.kind
	p.complete(c, &e, ce, s.entity)
	if e.Kind == whatchanged.Verdict {
		verdictOn(&e)
	}
	return one(c, e, "subject.id")
}

// verdictOn makes the entity of a verdict, which names the incident so far, the
// verdict on that change in that incident, and puts what it says into one
// value, the incident included. The schema has seen to it that all is there.
func verdictOn(e *whatchanged.Event) {
	incident := e.Entity
	said, _ := e.After.Decode().(map[string]any)
	change, _ := said["change"].(string)
	word, _ := said["verdict"].(string)
	e.Entity = whatchanged.VerdictRef(incident, change)
	e.After = whatchanged.ValueOf(map[string]any{"incident": incident.String(), "change": change, "verdict": word})
	attribute(e, "incident", incident.String())
	attribute(e, "change", change)
	e.Summary = map[string]string{whatchanged.VerdictCulprit: "held the culprit of ", whatchanged.VerdictNotCulprit: "held not the culprit of "}[word] + incident.String() + ": " + change
}

// complete adds what context, subject and envelope say, where the content has
// not said it better.
func (p *cdEvent) complete(c *check, e *whatchanged.Event, ce cloudEvent, entity whatchanged.Kind) {
	base := p.event(c, ce)
	e.ID = base.ID
	if e.EffectiveAt.IsZero() {
		e.EffectiveAt = base.EffectiveAt
	}
	for k, v := range base.Attributes {
		attribute(e, k, v)
	}
	if e.Entity.IsZero() {
		e.Entity = whatchanged.RefOf(entity, p.Subject.ID)
	}
	if e.Summary == "" {
		e.Summary = summaryOf(e)
	}
	p.customAttributes(e)
	ce.common(c, e)
	regionFrom(e, "environment", e.Placement.Environment)
	regionFrom(e, "subject.source", p.Subject.Source)
}

// summaryOf says what happened when the sender did not.
func summaryOf(e *whatchanged.Event) string {
	switch d := e.Dependency; {
	case d == nil:
		return e.Entity.String() + " " + e.Action
	case d.Removed:
		return e.Entity.String() + " no longer depends on " + d.To.String()
	default:
		return e.Entity.String() + " depends on " + d.To.String()
	}
}

// checkSchema validates a payload and names the field at fault.
func checkSchema(schema *jsonschema.Schema, body []byte, at string) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "is not JSON").In(at)
	}
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(doc); !errors.As(err, &invalid) {
		return nil
	}
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	field, reason := pathOf(invalid.InstanceLocation), invalid.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	if missing, ok := invalid.ErrorKind.(*kind.Required); ok {
		field, reason = within(field, missing.Missing[0]), "is missing"
	}
	return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s (see the schema %s)", reason, strings.TrimSuffix(schema.Location, "#")).In(within(at, field))
}

// pathOf spells the path of a field as all our messages do: links[0].url.
func pathOf(tokens []string) string {
	var path string
	for _, t := range tokens {
		if strings.Trim(t, "0123456789") == "" {
			path += "[" + t + "]"
			continue
		}
		path = within(path, t)
	}
	return path
}
