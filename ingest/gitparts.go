package ingest

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// A part is what a file says of one thing: of a flag, of an object of
// Kubernetes, or of the file itself, whose key is "".
type part struct {
	key    string // names it within the file
	kind   whatchanged.EventKind
	entity whatchanged.Ref
	placed placed
	value  whatchanged.Value
}

// maxParts bounds the parts of a file; beyond it, the file is one.
const maxParts = 2000

// A fileReading is what a version of a file says.
type fileReading struct {
	whole part
	parts []part // of a file that is told part by part, and nil of any other
	empty bool   // it says nothing
}

// readFile reads a version of a file as the mapping wants it.
func (m *Mapping) readFile(repository, file string, content []byte) fileReading {
	rule := m.rule(file)
	documents, ok := documentsOf(file, content)
	if rule.parted() && fileFormats[formatOf(file)] == nil {
		documents, ok = documentsOf(file+".yaml", content) // or JSON, which is YAML
	}
	r := fileReading{whole: part{kind: rule.kind, placed: rule.placed}, empty: ok && len(documents) == 0}
	if r.whole.kind == "" {
		r.whole.kind = whatchanged.Config
		if f := formatOf(file); f == ".tf" || f == ".tfvars" {
			r.whole.kind = whatchanged.Infrastructure
		}
	}
	r.whole.entity = rule.named(gitFile(repository, file), nil)
	if ok {
		r.parts = rule.split(repository, file, documents)
	}
	if len(r.parts) > maxParts {
		r.parts = nil
	}
	if r.parts == nil {
		r.whole.value = wholeValue(documents, ok, content)
	} else {
		for i := range r.parts {
			r.parts[i].placed = rule.placed
		}
	}
	return r
}

// split returns the parts of a file that is told part by part, else nil.
func (d *mapped) split(repository, file string, documents []any) []part {
	switch {
	case d.read == readWhole || len(documents) == 0:
		return nil
	case d.read == readObjects || d.read == "" && areObjects(documents):
		return d.objects(documents)
	case d.read == readFlags || d.read == "" && len(documents) == 1 && (isFlagd(documents[0]) || flagsName.MatchString(stem(file))):
		return d.flags(repository, file, documents[0])
	}
	return nil
}

// parted reports whether a rule says that a file has parts.
func (d *mapped) parted() bool { return d.read == readFlags || d.read == readObjects }

// stem is the name of a file without what follows its last point.
func stem(file string) string { return strings.TrimSuffix(path.Base(file), path.Ext(file)) }

// flagsName matches the names of files of flags, as feature-flags.production.
var flagsName = regexp.MustCompile(`(?i)(^|[-_.])(feature)?[-_]?flags?($|[-_.])`)

// isFlagd reports whether a document is a set of flags as flagd reads them.
func isFlagd(document any) bool {
	m, _ := document.(map[string]any)
	flags, _ := m["flags"].(map[string]any)
	for _, f := range flags {
		if flag, _ := f.(map[string]any); flag["variants"] == nil {
			return false
		}
	}
	return len(flags) > 0
}

// flags tells a document flag by flag. What it says besides, as targeting that
// its flags share, is a part of its own.
func (d *mapped) flags(repository, file string, document any) []part {
	all, rest := d.flagsIn(document)
	if len(all) == 0 {
		return nil
	}
	namespace := repository[strings.LastIndex(repository, "/")+1:]
	m, _ := document.(map[string]any)
	metadata, _ := m["metadata"].(map[string]any)
	if set, _ := metadata["flagSetId"].(string); set != "" {
		namespace = set
	}
	var parts []part
	for _, key := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, part{key: key, kind: cmp.Or(d.kind, whatchanged.Flag), value: whatchanged.ValueOf(all[key]),
			entity: d.named(refWithin(whatchanged.KindFlag, namespace, key), map[string]string{"key": key})})
	}
	if len(rest) > 0 {
		parts = append(parts, part{kind: cmp.Or(d.kind, whatchanged.Config), entity: d.named(gitFile(repository, file), nil), value: whatchanged.ValueOf(rest)})
	}
	return parts
}

// flagsIn finds the flags of a document, by key, and what stands beside them:
// where the mapping says, or under "flags", or at the top.
func (d *mapped) flagsIn(document any) (flags, rest map[string]any) {
	if len(d.at) > 0 {
		at := document
		for _, key := range d.at {
			m, _ := at.(map[string]any)
			at = m[key]
		}
		return byKey(at), without(document, d.at)
	}
	m, ok := document.(map[string]any)
	if !ok {
		return byKey(document), nil
	}
	for _, name := range []string{"flags", "featureFlags", "feature_flags", "feature-flags", "featureflags"} {
		if all := byKey(m[name]); len(all) > 0 {
			left := without(m, []string{name})
			delete(left, "$schema")
			return all, left
		}
	}
	return m, nil
}

// byKey returns the entries of an object, or those of a list of objects that
// all say what they are called.
func byKey(v any) map[string]any {
	if m, ok := v.(map[string]any); ok {
		return m
	}
	list, _ := v.([]any)
	all := map[string]any{}
	for _, entry := range list {
		name := entryName(entry)
		if _, twice := all[name]; name == "" || twice {
			return nil
		}
		all[name] = entry
	}
	return all
}

// entryName returns what an entry of a list says that it is called.
func entryName(entry any) string {
	m, _ := entry.(map[string]any)
	for _, field := range []string{"key", "name", "id", "flag"} {
		if s, _ := m[field].(string); s != "" {
			return s
		}
	}
	return ""
}

// without returns an object without what stands at a path; it is not changed.
func without(v any, at []string) map[string]any {
	m, _ := v.(map[string]any)
	left := maps.Clone(m)
	if len(at) > 1 {
		if inner := without(m[at[0]], at[1:]); len(inner) > 0 {
			left[at[0]] = inner
			return left
		}
	}
	delete(left, at[0])
	return left
}

// areObjects reports whether all documents are objects of Kubernetes, or lists
// of them.
func areObjects(documents []any) bool {
	for _, d := range documents {
		if !isManifest(d) && objectList(d) == nil {
			return false
		}
	}
	return len(documents) > 0
}

func isManifest(document any) bool { return objectName(document) != "" && objectKind(document) != "" }

func objectKind(document any) string {
	m, _ := document.(map[string]any)
	version, _ := m["apiVersion"].(string)
	kind, _ := m["kind"].(string)
	if version == "" || strings.HasPrefix(version, "backstage.io/") {
		return ""
	}
	return kind
}

func objectName(document any) string { return objectField(document, "name") }

func objectField(document any, field string) string {
	m, _ := document.(map[string]any)
	metadata, _ := m["metadata"].(map[string]any)
	s, _ := metadata[field].(string)
	return s
}

// objectList returns the objects of a document of kind List.
func objectList(document any) []any {
	m, _ := document.(map[string]any)
	items, _ := m["items"].([]any)
	if !strings.HasSuffix(objectKind(document), "List") || !areObjects(items) {
		return nil
	}
	return items
}

// workloads are the kinds of objects that run a service. What a Service of
// Kubernetes says is how to reach one.
var workloads = set("deployment", "statefulset", "daemonset", "rollout", "helmrelease")

// objects tells documents object by object; an object that is there twice, or
// one that is none, makes the file one again.
func (d *mapped) objects(documents []any) []part {
	var all []any
	for _, doc := range documents {
		if items := objectList(doc); items != nil {
			all = append(all, items...)
		} else {
			all = append(all, doc)
		}
	}
	seen := map[string]bool{}
	var parts []part
	for _, o := range all {
		kind, name := strings.ToLower(objectKind(o)), objectName(o)
		namespace := cmp.Or(objectField(o, "namespace"), whatchanged.DefaultNamespace)
		key := kind + "/" + namespace + "/" + name
		if kind == "" || name == "" || seen[key] {
			return nil
		}
		seen[key] = true
		entity := refWithin(whatchanged.KindConfig, namespace, kind+"/"+name)
		if workloads[kind] {
			entity = refWithin(whatchanged.KindService, namespace, name)
		}
		parts = append(parts, part{key: key, kind: cmp.Or(d.kind, whatchanged.Config), value: whatchanged.ValueOf(o),
			entity: d.named(entity, map[string]string{"kind": kind, "namespace": namespace, "name": name})})
	}
	return parts
}
