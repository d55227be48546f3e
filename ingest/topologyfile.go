package ingest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"whatchanged.dev/whatchanged"
)

// TopologySource is the source name of topology files.
const TopologySource = "topology"

// topologyFile is our own format, for those who keep no catalog. It is
// described in schemas/topology.md, and its schema is schemas/topology.json.
var topologyFile = catalogFormat{source: TopologySource, files: "topology*.y*ml", parse: parseTopology}

// ReadTopology reads topology files as [ReadBackstage] reads catalogs.
func ReadTopology(ctx context.Context, config CatalogConfig, yield func([]whatchanged.Event) error) (Catalog, error) {
	return readCatalog(ctx, topologyFile, config, yield)
}

// ReadTopologyHistory reads topology files as [ReadBackstageHistory] reads
// catalogs.
func ReadTopologyHistory(ctx context.Context, config CatalogConfig, yield func([]whatchanged.Event) error) (Catalog, error) {
	return readCatalogHistory(ctx, topologyFile, config, yield)
}

var topologySchema = sync.OnceValue(func() *jsonschema.Schema {
	return schemaCompiler().MustCompile(schemaBase + "topology.json")
})

// A topology is a document of a topology file.
type topology struct {
	Namespace string                     `json:"namespace"`
	Services  map[string]topologyService `json:"services"`
}

type topologyService struct {
	Description string              `json:"description"`
	Owner       string              `json:"owner"`
	System      string              `json:"system"`
	Repository  string              `json:"repository"`
	DependsOn   []string            `json:"dependsOn"`
	Placements  []map[string]string `json:"placements"`
	Links       map[string]string   `json:"links"`
	Tags        []string            `json:"tags"`
}

func parseTopology(file string, content []byte) (p parsed) {
	docs, err := yamlDocuments(content)
	for _, doc := range docs {
		topologyDocument(&p, file, doc)
	}
	if err != nil {
		at, text := yamlFault(file, err)
		p.refuse(at, "is not YAML: %s", text)
		p.broken = true
	}
	return p
}

func topologyDocument(p *parsed, file string, doc yamlNode) {
	refuse := func(line int, err error) {
		e := whatchanged.AsError(err)
		p.refuse(fmt.Sprintf("%s:%d", file, line), "%s", e.Error())
		p.broken = true
	}
	var t topology
	if line, err := decodeDocument(doc, topologySchema(), &t); err != nil {
		refuse(line, err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(t.Services)) {
		at := doc.lineAt([]string{"services", name})
		d, err := t.declaration(name, t.Services[name])
		if err != nil {
			refuse(at, err)
			continue
		}
		d.at, d.attributes["file"] = fmt.Sprintf("%s:%d", file, at), file
		p.declarations = append(p.declarations, d)
	}
}

// schemaFault returns where in a document the schema finds its first fault.
func schemaFault(schema *jsonschema.Schema, body []byte) []string {
	var invalid *jsonschema.ValidationError
	said, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil || !errors.As(schema.Validate(said), &invalid) {
		return nil
	}
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	return invalid.InstanceLocation
}

// reference reads a name, namespace/name or kind:namespace/name.
func (t *topology) reference(name string, kind whatchanged.Kind) (whatchanged.Ref, error) {
	if named, rest, ok := strings.Cut(name, ":"); ok {
		kind, name = whatchanged.Kind(named), rest
	}
	namespace, rest, ok := strings.Cut(name, "/")
	if !ok {
		namespace, rest = cmp.Or(t.Namespace, whatchanged.DefaultNamespace), name
	}
	ref := whatchanged.Ref{Kind: kind, Namespace: namespace, Name: rest}.Canonical()
	if !ref.Valid() {
		return ref, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s is not a reference: want a name, namespace/name or kind:namespace/name", quote(name))
	}
	return ref, nil
}

func (t *topology) declaration(name string, s topologyService) (declaration, error) {
	entity, err := t.reference(name, whatchanged.KindService)
	d := declaration{ref: entity.String(), entity: entity, said: map[string]any{}, attributes: map[string]string{}}
	d.summary = entity.String() + " is declared"
	if s.Description != "" {
		d.said["description"] = s.Description
		d.summary += ": " + firstLine(s.Description)
	}
	for _, one := range []struct {
		field, name string
		kind        whatchanged.Kind
	}{{"owner", s.Owner, whatchanged.KindGroup}, {"system", s.System, "system"}, {"repository", s.Repository, whatchanged.KindRepository}} {
		if one.name == "" {
			continue
		}
		ref, bad := t.reference(one.name, one.kind)
		err = errors.Join(err, bad)
		d.said[one.field], d.attributes[one.field] = ref.String(), ref.String()
	}
	var needs []string
	for _, name := range s.DependsOn {
		ref, bad := t.reference(name, whatchanged.KindService)
		err = errors.Join(err, bad)
		needs = append(needs, ref.String())
	}
	d.list("dependsOn", needs)
	d.list("tags", s.Tags)
	if len(s.Placements) > 0 {
		d.said["placements"] = s.Placements
	}
	for _, rel := range slices.Sorted(maps.Keys(s.Links)) {
		d.links = append(d.links, whatchanged.Link{Rel: rel, URL: s.Links[rel]})
	}
	if len(s.Links) > 0 {
		d.said["links"] = s.Links
	}
	return d, err
}

// list keeps a list whose order says nothing.
func (d *declaration) list(field string, all []string) {
	if len(all) > 0 {
		slices.Sort(all)
		d.said[field] = slices.Compact(all)
	}
}
