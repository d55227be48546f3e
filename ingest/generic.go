package ingest

import (
	"cmp"
	"regexp"
	"strings"

	"whatchanged.dev/whatchanged"
)

// decodeGeneric reads a CloudEvent of a type that has no vocabulary here. Its
// data may have any of the content fields; what it changed is data.entity, or
// else what the attribute subject names: an entity if it is a reference, or a
// resource.
func decodeGeneric(ce cloudEvent) (Decoded, error) {
	var data struct {
		content
		Kind    text `json:"kind"`
		Subject subj `json:"subject"` // of a custom CDEvent of another tool
	}
	if isObject(ce.data) {
		if err := unmarshal(ce.data, ce.dataAt, &data); err != nil {
			return Decoded{}, err
		}
	}
	c := &check{at: ce.dataAt}
	e := whatchanged.Event{
		ID: eventID("cloudevents/", ce.attrs["source"], ce.attrs["id"]), Kind: whatchanged.Other,
		Action: lastSegment(ce.attrs["type"]),
	}
	data.fill(c, &e)
	if k := string(data.Kind); k != "" {
		if !kindName.MatchString(k) {
			c.fail("kind", "%s is not a kind: want a word such as flag, config or deployment", quote(k))
		}
		e.Kind = whatchanged.EventKind(strings.ToLower(k))
	}
	if c.err != nil {
		return Decoded{}, c.err
	}
	c.at = ce.at
	if e.Entity.IsZero() {
		e.Entity = genericEntity(ce, string(data.Subject))
	}
	ce.common(c, &e)
	return one(c, e, "subject")
}

// kindName is what a kind of event or entity looks like.
var kindName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)

// genericEntity returns what changed, as the attribute subject names it, or
// else the data's. CloudEvents need have no subject; then all that is said is
// that something changed at the source.
func genericEntity(ce cloudEvent, subject string) whatchanged.Ref {
	name := cmp.Or(strings.TrimSpace(ce.attrs["subject"]), strings.TrimSpace(subject), ce.attrs["source"])
	if ref, ok := subjectRef(name); ok {
		return ref
	}
	return whatchanged.RefOf(whatchanged.KindResource, name)
}

// subjectRef reads a subject that is a reference, kind:namespace/name. A name
// with a colon is not yet one: host:8080 and arn:aws:s3:::bucket/key stay names.
func subjectRef(subject string) (whatchanged.Ref, bool) {
	kind, rest, _ := strings.Cut(subject, ":")
	namespace, _, full := strings.Cut(rest, "/")
	if !full || strings.Contains(namespace, ":") || !kindName.MatchString(kind) {
		return whatchanged.Ref{}, false
	}
	ref, err := whatchanged.ParseRef(subject)
	return ref, err == nil
}

// typeVersion is a version at the end of a type, as in com.example.done.v2.
var typeVersion = regexp.MustCompile(`(\.v?\d+)+(-[A-Za-z0-9]+)?$`)

// lastSegment returns the verb of a type: what stands after its last dot, a
// version left out.
func lastSegment(typ string) string {
	bare := strings.Trim(typeVersion.ReplaceAllString(typ, ""), ". ")
	if i := strings.LastIndexByte(bare, '.'); i >= 0 {
		bare = bare[i+1:]
	}
	if bare == "" {
		return typ
	}
	return bare
}
