package ingest

import (
	"cmp"
	"encoding/json"
	"math"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/cloudevents/sdk-go/v2/types"

	"whatchanged.dev/whatchanged"
)

// cloudEvents reads CloudEvents 1.0 in the three modes of the HTTP binding:
// structured, batched and binary. CDEvents and the custom types of ours have
// a vocabulary (cdevents.go, custom.go); any other type becomes a generic
// event (generic.go).
//
// A CDEvent without an envelope is read too, because senders post those.
var cloudEvents = Source{
	Name:     "cloudevents",
	Decode:   decodeCloudEvents,
	Header:   binaryHeader(),
	Identify: identifyCloudEvent,
}

// maxBatch bounds the events of one batch: they become one message of the log.
const maxBatch = 1000

// The context attributes, and the extensions that mean something here:
// revision numbers the corrections of an event by its source, and the others
// say where it took effect.
var (
	coreAttributes = []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}
	ourExtensions  = []string{"revision", "environment", "region", "cluster", "cell"}
)

// binaryHeader lists the headers of the binary mode.
func binaryHeader() []string {
	header := []string{"content-type"}
	for _, name := range slices.Concat(coreAttributes, ourExtensions) {
		if name != "datacontenttype" { // which is Content-Type
			header = append(header, "ce-"+name)
		}
	}
	return header
}

// A cloudEvent is one event, in whatever mode it came.
type cloudEvent struct {
	at     string            // its place in the delivery: "", or "[3]" in a batch
	dataAt string            // the place of its data
	attrs  map[string]string // context attributes and extensions
	data   []byte
}

// identifyCloudEvent names the event of the binary mode; in the others only
// the body knows. A revision is a delivery of its own.
func identifyCloudEvent(header map[string]string) (typ, id string) {
	if header["ce-id"] == "" {
		return header["ce-type"], ""
	}
	id = eventID("", header["ce-source"], header["ce-id"])
	if r := header["ce-revision"]; r != "" && r != "0" {
		id += "#" + r
	}
	return header["ce-type"], id
}

// eventID joins an identity by source and id, so that no two identities make
// the same text.
func eventID(prefix, source, id string) string {
	return prefix + source + "/" + idEscapes.Replace(id)
}

var idEscapes = strings.NewReplacer("%", "%25", "/", "%2F")

func decodeCloudEvents(d whatchanged.Delivery) (Decoded, error) {
	t, _, _ := mime.ParseMediaType(d.Header["content-type"])
	switch {
	case t == "application/cloudevents-batch+json":
		return decodeBatch(d.Body)
	case t == "application/cloudevents+json":
		return decodeStructured(d.Body)
	case strings.HasPrefix(t, "application/cloudevents"):
		return Decoded{}, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s is not read: want application/cloudevents+json or application/cloudevents-batch+json", t).In("Content-Type")
	case d.Header["ce-specversion"] != "" || d.Header["ce-type"] != "" || d.Header["ce-id"] != "":
		return decodeBinary(d, t)
	case t == "" || isJSON(t):
		return decodeByShape(d.Body)
	}
	return Decoded{}, whatchanged.Errorf(whatchanged.CodeInvalidArgument,
		"%s without ce- headers is not a CloudEvent: want application/cloudevents+json, application/cloudevents-batch+json, or the headers ce-specversion, ce-id, ce-source and ce-type", quote(t)).In("Content-Type")
}

// isJSON reports whether a media type is JSON (RFC 6839).
func isJSON(t string) bool {
	return t == "application/json" || t == "text/json" || strings.HasSuffix(t, "+json")
}

// decodeByShape reads JSON whose media type does not say what it is.
func decodeByShape(body []byte) (Decoded, error) {
	if !isObject(body) {
		return decodeBatch(body)
	}
	var shape struct {
		SpecVersion json.RawMessage `json:"specversion"`
		Context     json.RawMessage `json:"context"`
	}
	if err := unmarshal(body, "", &shape); err != nil {
		return Decoded{}, err
	}
	if shape.SpecVersion == nil && shape.Context != nil {
		return decodeEvents([]cloudEvent{{data: body}})
	}
	return decodeStructured(body)
}

func decodeStructured(body []byte) (Decoded, error) {
	tree, err := shaped[map[string]json.RawMessage](body, '{')
	if err != nil {
		return Decoded{}, err
	}
	ce, err := parseStructured(body, &tree, "")
	if err != nil {
		return Decoded{}, err
	}
	return decodeEvents([]cloudEvent{ce})
}

// shaped parses a body that must be of one kind of JSON; S is a type of that
// kind, to say what is wrong with another.
func shaped[S any](body []byte, kind byte) (node, error) {
	tree, err := parse(body, Limits{Depth: math.MaxInt, Values: math.MaxInt})
	if err == nil && (tree.kind == kind || tree.kind == 'n') { // null says nothing, as of any kind
		return tree, nil
	}
	var s S
	return node{}, cmp.Or(unmarshal(body, "", &s), err)
}

// decodeBatch reads all events of a batch or none, because a delivery is
// stored whole or not at all.
func decodeBatch(body []byte) (Decoded, error) {
	tree, err := shaped[[]json.RawMessage](body, '[')
	if err != nil {
		return Decoded{}, err
	}
	batch := tree.children
	if len(batch) > maxBatch {
		return Decoded{}, whatchanged.Errorf(whatchanged.CodeTooLarge, "the batch holds %d events: send at most %d at once", len(batch), maxBatch)
	}
	events := make([]cloudEvent, len(batch))
	for i := range batch {
		if events[i], err = parseStructured(body, &batch[i], "["+strconv.Itoa(i)+"]"); err != nil {
			return Decoded{}, err
		}
	}
	return decodeEvents(events)
}

func decodeBinary(d whatchanged.Delivery, contentType string) (Decoded, error) {
	ce := cloudEvent{attrs: map[string]string{}}
	for name, v := range d.Header {
		if name, ok := strings.CutPrefix(name, "ce-"); ok {
			ce.attrs[name] = percentDecoded(v)
		}
	}
	if contentType == "" || isJSON(contentType) {
		ce.data = d.Body
	}
	return decodeEvents([]cloudEvent{ce})
}

// percentDecoded undoes the encoding of header values (HTTP binding, 3.1.3.2);
// a value that is not encoded well stands as it is.
func percentDecoded(v string) string {
	if s, err := url.PathUnescape(v); err == nil {
		return s
	}
	return v
}

// parseStructured reads the JSON format of one event, which stands in a body.
// Of a name that is there twice the last counts.
func parseStructured(body []byte, n *node, at string) (cloudEvent, error) {
	if n.kind != '{' && n.kind != 'n' {
		return cloudEvent{}, unmarshal(body[n.start:n.end], at, &map[string]json.RawMessage{})
	}
	ce := cloudEvent{at: at, dataAt: within(at, "data"), attrs: make(map[string]string, len(n.children))}
	c := &check{at: at}
	var data, encoded json.RawMessage
	slices.SortStableFunc(n.children, func(a, b node) int { return cmp.Compare(a.key, b.key) }) // the first fault is the same each time
	for i := range n.children {
		switch m := &n.children[i]; m.key {
		case "data":
			data = body[m.start:m.end]
		case "data_base64":
			encoded = body[m.start:m.end]
		default:
			ce.attrs[m.key] = attributeText(c, body, m)
		}
	}
	switch {
	case data != nil && encoded != nil:
		c.fail("data_base64", "stands beside data: want one of the two")
	case encoded != nil:
		ce.dataAt = within(at, "data_base64")
		ce.data = base64Data(c, encoded)
	case data != nil:
		ce.data = data
	}
	if t, _, _ := mime.ParseMediaType(ce.attrs["datacontenttype"]); t != "" && !isJSON(t) {
		ce.data = nil // of a form we do not read
	}
	return ce, c.err
}

// attributeText returns an attribute as text. Those of the core are strings;
// an extension may be a number or a boolean.
func attributeText(c *check, body []byte, n *node) string {
	switch n.kind {
	case '"':
		return n.text(body)
	case 'n':
		return ""
	}
	raw := body[n.start:n.end]
	if slices.Contains(coreAttributes, n.key) || n.kind == '{' || n.kind == '[' {
		c.fail(n.key, "is a JSON %s: want a string", jsonKind(raw))
	}
	return string(raw)
}

func base64Data(c *check, raw json.RawMessage) []byte {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		c.fail("data_base64", "is a JSON %s: want a string", jsonKind(raw))
		return nil
	}
	b, err := types.ParseBinary(s)
	if err != nil {
		c.fail("data_base64", "is not base64 (RFC 4648)")
	}
	return b
}

// decodeEvents decodes events that stand in one delivery.
func decodeEvents(events []cloudEvent) (Decoded, error) {
	var out Decoded
	var ignored []string
	for _, ce := range events {
		d, err := ce.decode()
		if err != nil {
			return Decoded{}, err
		}
		out.Events = append(out.Events, d.Events...)
		if d.Ignored != "" && !slices.Contains(ignored, d.Ignored) {
			ignored = append(ignored, d.Ignored)
		}
	}
	switch {
	case len(events) == 0:
		out.Ignored = "the batch is empty"
	case len(out.Events) == 0:
		out.Ignored = strings.Join(ignored, "; ")
	}
	return out, nil
}

func (ce cloudEvent) decode() (Decoded, error) {
	if ce.attrs == nil { // no envelope
		return decodeCDEvent(ce)
	}
	if err := ce.validate(); err != nil {
		return Decoded{}, err
	}
	if t := ce.attrs["type"]; strings.HasPrefix(t, cdPrefix) || strings.HasPrefix(t, customPrefix) {
		return decodeCDEvent(ce)
	}
	return decodeGeneric(ce)
}

// validate checks what the specification demands of the attributes.
func (ce cloudEvent) validate() error {
	c := &check{at: ce.at}
	if v := ce.attrs["specversion"]; v == "" {
		c.fail("specversion", "is missing: want a CloudEvent with specversion \"1.0\", or a CDEvent with context and subject")
	} else if v != "1.0" {
		c.fail("specversion", "is %s: want \"1.0\"", quote(v))
	}
	for _, name := range []string{"id", "source", "type"} {
		v := c.text(name, ce.attrs[name])
		if strings.ContainsFunc(v, unicode.IsControl) {
			c.fail(name, "%s holds a control character", quote(v))
		}
	}
	if s := ce.attrs["source"]; types.ParseURIRef(s) == nil {
		c.fail("source", "%s is not a URI reference (RFC 3986)", quote(s))
	}
	c.maybe("time", moment(ce.attrs["time"]))
	ce.revision(c)
	return c.err
}

// revision reads the extension that numbers the corrections of an event.
func (ce cloudEvent) revision(c *check) int {
	s := ce.attrs["revision"]
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 0 {
		c.fail("revision", "is %s: want a whole number from 0, the how-manieth correction of this event this is", quote(s))
	}
	return int(n)
}

// common fills in what every CloudEvent says in its attributes, where nothing
// else has said it.
func (ce cloudEvent) common(c *check, e *whatchanged.Event) {
	e.Revision = ce.revision(c)
	if e.EffectiveAt.IsZero() {
		e.EffectiveAt = c.maybe("time", moment(ce.attrs["time"]))
	}
	where := map[string]*string{
		"environment": &e.Placement.Environment, "region": &e.Placement.Region,
		"cluster": &e.Placement.Cluster, "cell": &e.Placement.Cell,
	}
	for name, v := range ce.attrs {
		field, isPlace := where[name]
		switch {
		case isPlace && *field == "":
			*field = v
		case name == "type", !isPlace && name != "revision" && !slices.Contains(coreAttributes, name):
			attribute(e, name, v)
		}
	}
	if source := ce.attrs["source"]; strings.HasPrefix(source, "https://") || strings.HasPrefix(source, "http://") {
		e.Links = append(e.Links, whatchanged.Link{Rel: "source", URL: source})
	}
}
