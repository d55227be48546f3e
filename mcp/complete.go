package mcp

import (
	"context"
	"strings"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// maxCompletions is the protocol's bound on the values of one completion.
const maxCompletions = 100

// A completer suggests what the arguments of prompts and the variables of
// resource templates may be: what the viewer may see, and nothing else.
type completer struct{ r *resolvers.Resolver }

// CompletePromptArgument implements server.PromptCompletionProvider.
func (c completer) CompletePromptArgument(ctx context.Context, name string, arg mcpgo.CompleteArgument, _ mcpgo.CompleteContext) (*mcpgo.Completion, error) {
	for _, p := range prompts {
		if p.name == name && p.argument == arg.Name {
			return c.complete(ctx, p.argument, arg.Value), nil
		}
	}
	return noCompletion, nil
}

// CompleteResourceArgument implements server.ResourceCompletionProvider.
func (c completer) CompleteResourceArgument(ctx context.Context, uri string, arg mcpgo.CompleteArgument, _ mcpgo.CompleteContext) (*mcpgo.Completion, error) {
	for _, r := range resources {
		switch {
		case r.template() != uri:
		case arg.Name == r.path:
			return c.complete(ctx, r.host, arg.Value), nil
		default:
			return c.complete(ctx, strings.TrimSuffix(arg.Name, "s"), arg.Value), nil
		}
	}
	return noCompletion, nil
}

var noCompletion = &mcpgo.Completion{Values: []string{}}

// complete suggests values of what is named. A failure suggests nothing: a
// completion is a courtesy, and the call itself will tell.
func (c completer) complete(ctx context.Context, what, begun string) *mcpgo.Completion {
	var values []string
	total := 0
	switch what {
	case "service":
		values, total = c.entities(ctx, begun, "service")
	case "config":
		values, total = c.entities(ctx, begun, "flag", "config", "experiment", "model")
	case "incident":
		values, total = c.entities(ctx, begun, "incident")
		for i, v := range values {
			values[i] = strings.TrimPrefix(strings.TrimPrefix(v, "incident:"), whatchanged.DefaultNamespace+"/")
		}
	case "region", "environment":
		values = c.places(ctx, what, begun)
		total = len(values)
	}
	if len(values) == 0 {
		return noCompletion
	}
	return &mcpgo.Completion{Values: values, Total: total, HasMore: total > len(values)}
}

// entities suggests references that hold what was begun.
func (c completer) entities(ctx context.Context, begun string, kinds ...string) ([]string, int) {
	first := maxCompletions
	found, err := c.r.Entities(ctx, &resolvers.EntityFilter{Kinds: kinds, Text: &begun}, resolvers.ByRecency, &first, nil, nil, nil, nil, nil)
	if err != nil {
		return nil, 0
	}
	var out []string
	for _, e := range found.Edges {
		out = append(out, e.Node.Ref().String())
	}
	return out, found.TotalCount
}

// places suggests the regions or environments that begin like this, most used
// first.
func (c completer) places(ctx context.Context, what, begun string) []string {
	first := 1
	found, err := c.r.Entities(ctx, nil, resolvers.ByReference, &first, nil, nil, nil, nil, nil)
	if err != nil {
		return nil
	}
	facets, err := found.Facets(ctx)
	if err != nil {
		return nil
	}
	counts := facets.Regions
	if what == "environment" {
		counts = facets.Environments
	}
	var out []string
	for _, f := range counts {
		if strings.HasPrefix(strings.ToLower(f.Value), strings.ToLower(begun)) {
			out = append(out, f.Value)
		}
	}
	return out
}
