package ingest

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"whatchanged.dev/whatchanged"
)

// BackstageSource is the source name of catalogs in Backstage's format.
const BackstageSource = "backstage"

// backstage is the format of catalog-info.yaml: several documents, each an
// entity of a kind that [Backstage describes]. Kinds that are not listed here
// are passed over.
//
// [Backstage describes]: https://backstage.io/docs/features/software-catalog/descriptor-format
var backstage = catalogFormat{source: BackstageSource, files: "catalog-info*.y*ml", parse: parseBackstage}

// backstageKinds are the kinds of entities that are read, and what they are
// here. A Component is a service whatever its type, as a reference to it does
// not tell the type; the type is kept.
var backstageKinds = map[string]whatchanged.Kind{
	"component": whatchanged.KindService, "resource": whatchanged.KindResource, "group": whatchanged.KindGroup,
	"environment": whatchanged.KindEnvironment, "api": "api", "system": "system", "domain": "domain", "user": "user",
	"airesource": "airesource",
}

// backstageRelations are the fields of spec that name other entities, and the
// kind that a reference there has if it names none.
var backstageRelations = []struct {
	field, kind string
	many        bool
}{
	{"owner", "group", false}, {"system", "system", false}, {"domain", "domain", false},
	{"subcomponentOf", "component", false}, {"subdomainOf", "domain", false}, {"parent", "group", false},
	{"dependsOn", "", true}, {"dependencyOf", "", true}, {"consumesApis", "api", true}, {"providesApis", "api", true}, {"apiConsumedBy", "component", true},
	{"children", "group", true}, {"members", "user", true}, {"memberOf", "group", true},
}

func parseBackstage(file string, content []byte) (p parsed) {
	docs, err := yamlDocuments(content)
	for _, doc := range docs {
		backstageDocument(&p, file, doc)
	}
	if err != nil {
		at, text := yamlFault(file, err)
		p.refuse(at, "is not YAML: %s", text)
		p.broken = true
	}
	return p
}

// backstageDocument reads one document: an entity, a Location, or neither.
func backstageDocument(p *parsed, file string, doc yamlNode) {
	at := fmt.Sprintf("%s:%d", file, doc.line())
	kind, version := doc.at("kind").text(), doc.at("apiVersion").text()
	switch {
	case kind == "" || version == "":
		p.note(at, "no apiVersion and kind: it is no entity")
	case !strings.HasPrefix(version, "backstage.io/"):
		p.note(at, "%s %s is none of Backstage's own kinds", quote(version), quote(kind))
	case strings.EqualFold(kind, "Location"):
		p.targets = append(p.targets, backstageTargets(file, doc)...)
	case backstageKinds[strings.ToLower(kind)] == "":
		p.note(at, "kind %s is not one that is read: Component, API, Resource, System, Domain, Group, User, Environment, AiResource, Location", quote(kind))
	default:
		e := backstageEntity{doc: doc, file: file, kind: strings.ToLower(kind), said: map[string]any{"kind": strings.ToLower(kind)}, p: p}
		if d, ok := e.declaration(); ok {
			p.declarations = append(p.declarations, d)
		} else {
			p.broken = true
		}
	}
}

// backstageTargets returns the files that a Location leads to.
func backstageTargets(file string, doc yamlNode) []target {
	all := append(doc.at("spec", "target").list(), doc.at("spec", "targets").list()...)
	var targets []target
	for _, t := range all {
		targets = append(targets, target{at: fmt.Sprintf("%s:%d", file, t.line()), from: file, path: t.text(),
			url: strings.EqualFold(doc.at("spec", "type").text(), "url")})
	}
	return targets
}

// A backstageEntity is one document on its way to a declaration.
type backstageEntity struct {
	doc       yamlNode
	file      string
	kind      string // in lower case
	namespace string // in which its references are
	said      map[string]any
	p         *parsed
	refused   bool
}

func (e *backstageEntity) refuse(y yamlNode, format string, args ...any) {
	e.refused = true
	e.p.refuse(fmt.Sprintf("%s:%d", e.file, cmp.Or(y.line(), e.doc.line())), format, args...)
}

func (e *backstageEntity) declaration() (declaration, bool) {
	name, namespace := e.doc.at("metadata", "name"), e.doc.at("metadata", "namespace")
	e.namespace = cmp.Or(strings.ToLower(namespace.text()), whatchanged.DefaultNamespace)
	d := declaration{ref: e.kind + ":" + e.namespace + "/" + strings.ToLower(name.text()), at: fmt.Sprintf("%s:%d", e.file, e.doc.line()), said: e.said}
	ref, ok := e.reference(d.ref, "")
	if !ok {
		e.refuse(name, "metadata.name: want a name, and a namespace if any, without spaces, colons and slashes")
		return d, false
	}
	d.entity = ref
	e.metadata()
	e.spec()
	e.repository()
	d.summary = e.summary(ref)
	d.attributes, d.links = e.attributes(d.ref), e.links()
	return d, !e.refused
}

// metadata keeps what the entity says of itself.
func (e *backstageEntity) metadata() {
	m := e.doc.at("metadata")
	e.say("title", m.at("title").text())
	e.say("description", m.at("description").text())
	if tags := sortedTexts(m.at("tags")); len(tags) > 0 {
		e.said["tags"] = tags
	}
	for _, field := range []string{"labels", "annotations"} {
		all := m.at(field).texts()
		// The hash of a declaration is in its id, and must not tell a secret.
		maps.DeleteFunc(all, func(k, v string) bool { return v == "" || secretName(k) })
		if len(all) > 0 {
			e.said[field] = all
		}
	}
	var links []map[string]string
	for _, l := range m.at("links").list() {
		if link := l.texts(); link["url"] != "" {
			delete(link, "icon")
			links = append(links, link)
		}
	}
	if len(links) > 0 {
		e.said["links"] = links
	}
}

// spec keeps what is said of the entity's place among others. The addresses
// and pictures of people are nobody's question and are left out; a definition
// is kept as its hash, so that a change of it is seen.
func (e *backstageEntity) spec() {
	spec := e.doc.at("spec")
	e.say("type", spec.at("type").text())
	e.say("lifecycle", spec.at("lifecycle").text())
	e.say("displayName", spec.at("profile", "displayName").text())
	if e.kind == "group" {
		e.say("email", spec.at("profile", "email").text())
	}
	if definition := spec.at("definition"); definition.kind() == yaml.ScalarNode {
		text := definition.text()
		e.said["definition"] = fmt.Sprintf("sha256=%s:len=%d", shortHash([]byte(text)), len(text))
	} else {
		e.say("definition", cmp.Or(definition.at("$text").text(), definition.at("$json").text(), definition.at("$yaml").text()))
	}
	for _, r := range backstageRelations {
		e.relation(spec, r.field, r.kind, r.many)
	}
}

func (e *backstageEntity) say(field, text string) {
	if text = strings.TrimSpace(text); text != "" {
		e.said[field] = text
	}
}

func (e *backstageEntity) relation(spec yamlNode, field, kind string, many bool) {
	y := spec.at(field)
	switch {
	case y.kind() == yaml.SequenceNode && len(y.real().Content) > maxListed:
		e.refuse(y, "spec.%s: want at most %d entries", field, maxListed)
		return
	case y.kind() == yaml.SequenceNode && !many:
		e.refuse(y, "spec.%s: want one reference, such as %s:default/name", field, kind)
		return
	}
	var refs []string
	for i, entry := range y.list() {
		path := "spec." + field
		if many {
			path += fmt.Sprintf("[%d]", i)
		}
		if entry.kind() == 0 || entry.kind() == yaml.ScalarNode && strings.TrimSpace(entry.text()) == "" {
			continue
		}
		if ref, ok := e.reference(entry.text(), kind); ok {
			refs = append(refs, ref.String())
			continue
		}
		e.refuse(entry, "%s: %s is not a reference: want %s", path, quote(entry.text()), wantReference(kind))
	}
	if len(refs) == 0 {
		return
	}
	slices.Sort(refs)
	if e.said[field] = slices.Compact(refs); !many {
		e.said[field] = refs[0]
	}
}

func wantReference(kind string) string {
	if kind == "" {
		return "kind:namespace/name or kind:name, such as component:default/checkout"
	}
	return "kind:namespace/name, namespace/name or a name, such as " + kind + ":default/name"
}

// backstageRef matches [kind:][namespace/]name.
var backstageRef = regexp.MustCompile(`^(?:([^:/\s]+):)?(?:([^:/\s]+)/)?([^:/\s]+)$`)

// reference reads a reference as Backstage does: case does not matter, the
// kind may be left out where the field implies it, and the namespace is then
// the entity's own. Kinds that are not read keep their name.
func (e *backstageEntity) reference(text, kind string) (whatchanged.Ref, bool) {
	m := backstageRef.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if m == nil || cmp.Or(m[1], kind) == "" {
		return whatchanged.Ref{}, false
	}
	named := cmp.Or(m[1], kind)
	ref := whatchanged.Ref{Kind: cmp.Or(backstageKinds[named], whatchanged.Kind(named)), Namespace: cmp.Or(m[2], e.namespace), Name: m[3]}
	return ref, ref.Valid()
}

// repository finds where a component's code is: a landing there concerns it.
func (e *backstageEntity) repository() {
	annotations, _ := e.said["annotations"].(map[string]string)
	slug := cmp.Or(annotations["github.com/project-slug"], annotations["gitlab.com/project-slug"])
	if slug == "" {
		slug = sourceRepository(annotations["backstage.io/source-location"])
	}
	if ref := whatchanged.RefOf(whatchanged.KindRepository, slug); e.kind == "component" && slug != "" && ref.Valid() {
		e.said["repository"] = ref.String()
	}
}

// sourceRepository takes owner/name out of url:https://github.com/owner/name/…;
// "" when the forge is not known.
func sourceRepository(location string) string {
	host, path, ok := splitRemote(strings.TrimPrefix(strings.TrimSpace(location), "url:"))
	if !ok || !strings.Contains(host, "github") && !strings.Contains(host, "gitlab") {
		return ""
	}
	path, _, _ = strings.Cut(path, "/-/")
	parts := strings.Split(path, "/")
	if strings.Contains(host, "github") && len(parts) > 2 {
		parts = parts[:2]
	}
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}

func (e *backstageEntity) summary(ref whatchanged.Ref) string {
	title, _ := e.said["title"].(string)
	description, _ := e.said["description"].(string)
	if about := cmp.Or(title, firstLine(description)); about != "" {
		return ref.String() + " is declared: " + about
	}
	return ref.String() + " is declared"
}

// attributes repeat what is asked for most, one word each.
func (e *backstageEntity) attributes(ref string) map[string]string {
	all := map[string]string{"declaredBy": ref, "file": e.file}
	for _, field := range []string{"type", "lifecycle", "owner", "system", "domain", "subcomponentOf", "repository"} {
		if s, ok := e.said[field].(string); ok {
			all[field] = s
		}
	}
	if e.kind == "component" {
		all["component"] = ref
	}
	return all
}

// links lead to the source, and to wherever the entity says.
func (e *backstageEntity) links() []whatchanged.Link {
	var all []whatchanged.Link
	annotations, _ := e.said["annotations"].(map[string]string)
	if url, ok := strings.CutPrefix(annotations["backstage.io/source-location"], "url:"); ok {
		all = append(all, whatchanged.Link{Rel: "source", URL: url})
	}
	links, _ := e.said["links"].([]map[string]string)
	for _, l := range links {
		all = append(all, whatchanged.Link{Rel: cmp.Or(l["type"], l["title"], "related"), URL: l["url"]})
	}
	return all
}

// sortedTexts returns the scalars of a list in order.
func sortedTexts(y yamlNode) []string {
	var all []string
	for _, entry := range y.list() {
		if s := entry.text(); s != "" {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
