package mcp

import (
	"context"
	"embed"
	"strings"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

//go:embed prompts/*.md
var promptFiles embed.FS

// A prompt is a way of working that a person asks an assistant for. Its text
// names the tools to call, in order, and stands in a file of its name.
type prompt struct {
	name, title, description string
	argument, about          string // the one argument, and what it is
	kind                     string // of the entities it may be; "" for a region
}

var prompts = []prompt{
	{"triage_incident", "Triage an incident", "Find what may have caused an incident, and whom to call.", "incident", "Its id, such as INC-42, or inc:INC-42.", "incident"},
	{"safe_to_deploy", "Is it safe to deploy?", "Look for what speaks against deploying a service now.", "service", "kind:namespace/name, or a name that only one has.", "service"},
	{"postmortem_timeline", "Timeline for a post-mortem", "Write down what happened in an incident, and what was known when.", "incident", "Its id, such as INC-42.", "incident"},
	{"region_readiness", "Is a region ready?", "Compare a region with its peers before traffic goes there.", "region", "Such as eu-west-1.", ""},
}

// maxPromptArgument bounds what a person fills in, in bytes.
const maxPromptArgument = 200

func addPrompts(s *server.MCPServer) {
	for _, p := range prompts {
		text, err := promptFiles.ReadFile("prompts/" + p.name + ".md")
		if err != nil {
			panic(err) // embedded, so it is there
		}
		s.AddPrompt(mcpgo.NewPrompt(p.name, mcpgo.WithPromptTitle(p.title), mcpgo.WithPromptDescription(p.description),
			mcpgo.WithArgument(p.argument, mcpgo.RequiredArgument(), mcpgo.ArgumentDescription(p.about))),
			func(ctx context.Context, req mcpgo.GetPromptRequest) (*mcpgo.GetPromptResult, error) {
				filled, err := p.fill(string(text), req.Params.Arguments)
				if err != nil {
					return nil, fail(ctx, err)
				}
				return &mcpgo.GetPromptResult{Description: p.description,
					Messages: []mcpgo.PromptMessage{{Role: mcpgo.RoleUser, Content: mcpgo.NewTextContent(filled)}}}, nil
			})
	}
}

// fill puts the argument into the text.
func (p prompt) fill(text string, args map[string]string) (string, error) {
	for name := range args {
		if name != p.argument {
			return "", whatchanged.Errorf(whatchanged.CodeInvalidArgument, "unknown argument; want %s", p.argument).In(name)
		}
	}
	value := resolvers.Flat(strings.TrimPrefix(args[p.argument], "inc:"))
	if value == "" || len(value) > maxPromptArgument {
		return "", whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%d bytes: want 1 to %d; %s", len(value), maxPromptArgument, p.about).In(p.argument)
	}
	return strings.ReplaceAll(text, "{"+p.argument+"}", value), nil
}
