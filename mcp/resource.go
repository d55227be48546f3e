package mcp

import (
	"context"
	_ "embed"
	"net/url"
	"slices"
	"strings"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

// scheme is that of the URIs of resources.
const scheme = "prod"

// A resource shows under a URI what a question answers, for hosts that let
// people pick what an assistant is to read. Nothing is reachable only here.
// The host of the URI names the resource, its path the thing asked about, its
// query the further arguments of the question.
type resource struct {
	host        string
	path        string // what the path stands for, as the template names it
	query       []string
	description string
	field       string                        // the question
	about       func(id string) (string, any) // the argument that the path becomes
}

var resources = []resource{
	{"service", "id", []string{"asOf"}, "Owner, on-call, versions, configs, dependencies and recent changes of a service: kind:namespace/name.", "service",
		func(id string) (string, any) { return "service", id }},
	{"change", "id", nil, "A change in full: before, after, diff, links.", "change",
		func(id string) (string, any) { return "ids", []any{id} }},
	{"config", "key", []string{"environment", "regions", "asOf"}, "What a flag, setting, experiment or model is set to, by place: kind:namespace/name.", "config",
		func(key string) (string, any) { return "key", []any{key} }},
	{"incident", "id", []string{"asOf"}, "An incident in brief: suspects, rollouts in flight, owners, on-call, similar ones before.", "incidentBrief",
		func(id string) (string, any) { return "incident", id }},
	{"rollout", "id", []string{"asOf"}, "What goes out in stages: steps, share, places done and next, gate.", "rollouts",
		func(id string) (string, any) { return "ids", []any{id} }},
}

// template is the URI template (RFC 6570). What stands in the path may hold
// slashes and colons, encoded or not.
func (r resource) template() string {
	t := scheme + "://" + r.host + "/{+" + r.path + "}"
	if len(r.query) > 0 {
		t += "{?" + strings.Join(r.query, ",") + "}"
	}
	return t
}

//go:embed glossary.md
var glossary string

// documents are the resources that are the same for everybody.
var documents = []struct{ uri, name, mime, description, text string }{
	{scheme + "://schema.graphql", "schema.graphql", "application/graphql", "Every question with its arguments and every field of the answers.", schema.SDL()},
	{scheme + "://glossary", "glossary", "text/markdown", "What reason codes, states and scores mean.", glossary},
}

func addResources(s *server.MCPServer, r *resolvers.Resolver) {
	for _, d := range documents {
		s.AddResource(mcpgo.NewResource(d.uri, d.name, mcpgo.WithResourceDescription(d.description), mcpgo.WithMIMEType(d.mime)),
			func(context.Context, mcpgo.ReadResourceRequest) ([]mcpgo.ResourceContents, error) {
				return []mcpgo.ResourceContents{mcpgo.TextResourceContents{URI: d.uri, MIMEType: d.mime, Text: d.text}}, nil
			})
	}
	for _, res := range resources {
		t := mcpgo.NewResourceTemplate(res.template(), res.host, mcpgo.WithTemplateDescription(res.description), mcpgo.WithTemplateMIMEType("text/plain"))
		s.AddResourceTemplate(t, func(ctx context.Context, req mcpgo.ReadResourceRequest) ([]mcpgo.ResourceContents, error) {
			text, err := res.read(ctx, r, req.Params.URI)
			if err != nil {
				return nil, fail(ctx, err)
			}
			return []mcpgo.ResourceContents{mcpgo.TextResourceContents{URI: req.Params.URI, MIMEType: "text/plain", Text: text}}, nil
		})
	}
}

// read asks the question that a URI stands for and returns the answer as text.
func (r resource) read(ctx context.Context, of *resolvers.Resolver, uri string) (string, error) {
	args, err := r.arguments(uri)
	if err != nil {
		return "", err
	}
	q, _ := resolvers.Lookup(r.field)
	_, text, err := answer(ctx, of, q, args, maxBudget)
	return text, err
}

// arguments are those of the question that a URI stands for.
func (r resource) arguments(uri string) (map[string]any, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host != r.host || strings.Trim(u.Path, "/") == "" {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want %s", uri, r.template()).In("uri")
	}
	name, value := r.about(strings.TrimPrefix(u.Path, "/"))
	args := map[string]any{name: value}
	for name, values := range u.Query() {
		if !slices.Contains(r.query, name) {
			return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "unknown argument %q: want %s", name, r.template()).In("uri")
		}
		args[name] = values[0]
		if name == "regions" {
			args[name] = values
		}
	}
	return args, nil
}
