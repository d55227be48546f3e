package ingest

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"whatchanged.dev/whatchanged"
)

// MappingFile is where a repository keeps its own mapping, at its root.
const MappingFile = ".whatchanged.yaml"

// A Mapping says what the files of a configuration repository are about: from
// their paths to entities and placements. Its format is described in
// schemas/mapping.md, and so is what holds without one. The nil Mapping is
// that default.
type Mapping struct {
	name         string // tells it from others in what was read by it
	environments map[string]string
	exclude      []*regexp.Regexp
	rules        []mappingRule
}

// mappingFile is the file as it is written.
type mappingFile struct {
	Environments map[string]string `json:"environments,omitempty"`
	Exclude      []string          `json:"exclude,omitempty"`
	Paths        []mappingRule     `json:"paths,omitempty"`
}

type mappingRule struct {
	Path      string                `json:"path"`
	Entity    string                `json:"entity,omitempty"`
	Kind      whatchanged.EventKind `json:"kind,omitempty"`
	Read      string                `json:"read,omitempty"`
	At        string                `json:"at,omitempty"`
	Placement map[string]string     `json:"placement,omitempty"`

	path  *regexp.Regexp
	parts []string // named in the path
}

// How a file is read.
const (
	readWhole   = "file"
	readFlags   = "flags"
	readObjects = "objects"
)

// partNames are the names that parts of files have, by how they are read.
var partNames = map[string][]string{readFlags: {"key"}, readObjects: {"kind", "namespace", "name"}}

var mappingSchema = sync.OnceValue(func() *jsonschema.Schema {
	return schemaCompiler().MustCompile(schemaBase + "mapping.json")
})

// ReadMapping reads a mapping file. An error names the line and the field.
func ReadMapping(file string, content []byte) (*Mapping, error) {
	docs, err := yamlDocuments(content)
	if err != nil {
		at, text := yamlFault(file, err)
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s: is not YAML: %s", at, text)
	}
	if len(docs) != 1 {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s: holds %d documents: want one, such as\npaths: [{path: \"apps/{service}/{environment}/**\", entity: \"service:shop/{service}\"}]", file, len(docs))
	}
	var f mappingFile
	if line, err := decodeDocument(docs[0], mappingSchema(), &f); err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s:%d: %s", file, line, whatchanged.AsError(err).Error())
	}
	m := &Mapping{name: shortHash(whatchanged.ValueOf(f))[:12], environments: f.Environments, rules: f.Paths}
	for i, glob := range f.Exclude {
		re, _, err := pathPattern(glob)
		if err != nil {
			return nil, faultIn(file, docs[0], err, "exclude", i)
		}
		m.exclude = append(m.exclude, re)
	}
	for i := range m.rules {
		if field, err := m.rules[i].compile(); err != nil {
			return nil, faultIn(file, docs[0], err, "paths", i, field...)
		}
	}
	return m, nil
}

// faultIn says where in a document something is wrong.
func faultIn(file string, doc yamlNode, err error, list string, i int, field ...string) error {
	path := append([]string{list, fmt.Sprint(i)}, field...)
	return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s:%d: %s: %s", file, doc.lineAt(path), pathOf(path), whatchanged.AsError(err).Error())
}

// decodeDocument reads a document that a schema describes; with an error comes
// the line that it is about.
func decodeDocument(doc yamlNode, schema *jsonschema.Schema, v any) (line int, err error) {
	budget := maxYAMLValues
	said, err := doc.value(&budget, 0)
	if err != nil {
		return doc.line(), err
	}
	body := whatchanged.ValueOf(said)
	if err := checkSchema(schema, body, ""); err != nil {
		return doc.lineAt(schemaFault(schema, body)), err
	}
	return doc.line(), unmarshal(body, "", v)
}

// compile checks a rule; with an error comes the field that it is about.
func (r *mappingRule) compile() (field []string, err error) {
	if r.path, r.parts, err = pathPattern(r.Path); err != nil {
		return []string{"path"}, err
	}
	if r.At != "" && r.Read != readFlags {
		return []string{"at"}, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "says where flags are: want read: flags beside it")
	}
	known := slices.Concat(r.parts, []string{"path"}, partNames[r.Read])
	if r.Read == "" {
		known = slices.Concat(known, partNames[readFlags], partNames[readObjects])
	}
	if err := templateNames(r.Entity, known); err != nil {
		return []string{"entity"}, err
	}
	if r.Entity != "" {
		if _, err := whatchanged.ParseRef(placeholder.ReplaceAllString(r.Entity, "x")); err != nil {
			return []string{"entity"}, err
		}
	}
	for _, what := range slices.Sorted(maps.Keys(r.Placement)) {
		if err := templateNames(r.Placement[what], append(r.parts, "path")); err != nil {
			return []string{"placement", what}, err
		}
	}
	return nil, nil
}

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

func templateNames(template string, known []string) error {
	for _, m := range placeholder.FindAllStringSubmatch(template, -1) {
		if !slices.Contains(known, m[1]) {
			return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "{%s} is not named in the path: want one of {%s}", m[1], strings.Join(known, "}, {"))
		}
	}
	return nil
}

// pathPattern turns apps/{service}/**/values-*.yaml into an expression: * and
// {name} stand for anything within a part of a path, ** for any parts.
func pathPattern(glob string) (re *regexp.Regexp, names []string, err error) {
	var b strings.Builder
	b.WriteString("^")
	for rest := strings.TrimPrefix(glob, "/"); rest != ""; {
		switch {
		case strings.HasPrefix(rest, "**/"):
			b.WriteString("(?:.*/)?")
			rest = rest[3:]
		case strings.HasPrefix(rest, "**"):
			b.WriteString(".*")
			rest = rest[2:]
		case rest[0] == '*':
			b.WriteString("[^/]*")
			rest = rest[1:]
		case rest[0] == '{':
			name, after, ok := strings.Cut(rest[1:], "}")
			if !ok || !partName.MatchString(name) || slices.Contains(names, name) {
				return nil, nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s: want names of letters in braces, each once, such as apps/{service}/{environment}/**", quote(glob))
			}
			names, rest = append(names, name), after
			b.WriteString("([^/]+?)")
		default:
			n := 1 + strings.IndexAny(rest[1:]+"*", "*{")
			b.WriteString(regexp.QuoteMeta(rest[:n]))
			rest = rest[n:]
		}
	}
	re, err = regexp.Compile(b.String() + "$")
	return re, names, err
}

var partName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)

// A mapped is what a mapping says of one file.
type mapped struct {
	read   string
	at     []string // where the flags are
	kind   whatchanged.EventKind
	entity string            // template; "" is the default
	values map[string]string // of the parts of the path
	placed placed
}

// reads reports whether a file is read.
func (m *Mapping) reads(file string) bool {
	if m == nil {
		return isConfig(file)
	}
	for _, re := range m.exclude {
		if re.MatchString(file) {
			return false
		}
	}
	return isConfig(file) || slices.ContainsFunc(m.rules, func(r mappingRule) bool { return r.path.MatchString(file) })
}

// id tells what was read by one mapping from what was read by another.
func (m *Mapping) id() string {
	if m == nil {
		return "default"
	}
	return m.name
}

// rule returns what the first rule whose path matches says, or the default.
func (m *Mapping) rule(file string) mapped {
	if m != nil {
		for i := range m.rules {
			if match := m.rules[i].path.FindStringSubmatch(file); match != nil {
				return m.mapped(&m.rules[i], file, match[1:])
			}
		}
	}
	return mapped{placed: placeOfPath(file)}
}

func (m *Mapping) mapped(r *mappingRule, file string, match []string) mapped {
	d := mapped{read: r.Read, kind: r.Kind, entity: r.Entity, values: map[string]string{"path": file}}
	for i, name := range r.parts {
		d.values[name] = match[i]
	}
	if d.read == "" && d.entity != "" && !d.namesParts() {
		d.read = readWhole // parts could not be told apart
	}
	if r.At != "" {
		for key := range strings.SplitSeq(strings.TrimPrefix(r.At, "/"), "/") {
			d.at = append(d.at, strings.NewReplacer("~1", "/", "~0", "~").Replace(key))
		}
	}
	for _, what := range []string{"environment", "region", "cluster", "cell"} {
		name := cmp.Or(expand(r.Placement[what], d.values), d.values[what])
		if what == "environment" {
			name = cmp.Or(m.environments[name], name)
		}
		d.placed.put(what, name, "mapping")
	}
	if d.placed.IsZero() {
		d.placed = placeOfPath(file)
	}
	return d
}

// namesParts reports whether the entity names what a file is split into.
func (d *mapped) namesParts() bool {
	for _, m := range placeholder.FindAllStringSubmatch(d.entity, -1) {
		if _, ofPath := d.values[m[1]]; !ofPath {
			return true
		}
	}
	return false
}

func expand(template string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(template, func(s string) string { return values[s[1:len(s)-1]] })
}

// named returns the entity of a file or of a part of it: what the rule says,
// if it names one and all that it needs is there.
func (d *mapped) named(fallback whatchanged.Ref, part map[string]string) whatchanged.Ref {
	if d.entity == "" || part == nil && d.namesParts() {
		return fallback
	}
	values := maps.Clone(part)
	if values == nil {
		values = map[string]string{}
	}
	maps.Copy(values, d.values)
	text := expand(d.entity, values)
	if ref, err := whatchanged.ParseRef(text); err == nil {
		return ref
	}
	kind, rest, _ := strings.Cut(text, ":")
	namespace, name, ok := strings.Cut(rest, "/")
	if !ok {
		namespace, name = whatchanged.DefaultNamespace, rest
	}
	if ref := refWithin(whatchanged.Kind(kind), namespace, name); ref.Valid() {
		return ref
	}
	return fallback
}

// refWithin names an entity of a namespace by what others call it; what may
// not stand in a reference becomes "-", and what is too long is cut.
func refWithin(kind whatchanged.Kind, namespace, name string) whatchanged.Ref {
	const before, most = "n/n/", 200 // a name with slashes is kept as it is
	clean := func(s string) string {
		s = strings.TrimPrefix(whatchanged.RefOf(kind, before+strings.Trim(s, "/ ")).Name, before)
		return cmp.Or(strings.ToValidUTF8(s[:min(len(s), most)], ""), "-")
	}
	return whatchanged.Ref{Kind: kind, Namespace: clean(strings.ReplaceAll(namespace, "/", "-")), Name: clean(name)}.Canonical()
}
