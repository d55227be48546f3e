// Package mcp serves the questions of package resolvers to AI assistants over
// the Model Context Protocol: one read-only tool to a question.
//
// A tool's name, description and schemas are read from the GraphQL schema, so
// that a person and an assistant are told the same. An answer goes out twice,
// each time complete: as structuredContent, and as text that costs few tokens.
// A refusal is a result that the assistant can read and act on, never a
// protocol error.
package mcp

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"go.opentelemetry.io/otel/propagation"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

//go:embed instructions.md
var instructions string

// listTTL is how long a client may keep the lists, in milliseconds: they only
// change with the version, and are the same for everybody. What is read from
// production is neither.
const (
	listTTL = 300_000
	readTTL = 0
)

// NewServer returns an MCP server that answers with r. The viewer must be in
// the context of every call. Options beyond ours are for who adds to the server.
func NewServer(r *resolvers.Resolver, version string, log *slog.Logger, more ...server.ServerOption) *server.MCPServer {
	hooks := &server.Hooks{}
	hooks.AddAfterInitialize(func(_ context.Context, _ any, _ *mcpgo.InitializeRequest, res *mcpgo.InitializeResult) {
		if res.Capabilities.Resources != nil {
			res.Capabilities.Resources.Subscribe = false // clients with a handshake would need a session; those without listen
		}
	})
	s := server.NewMCPServer("whatchanged", version, append([]server.ServerOption{
		server.WithHooks(hooks),
		server.WithToolCapabilities(false),
		server.WithResourceCapabilities(true, false),
		server.WithPromptCapabilities(false),
		server.WithCompletions(),
		server.WithPromptCompletionProvider(completer{r}),
		server.WithResourceCompletionProvider(completer{r}),
		server.WithLogging(), // which clients of 2025-11-25 expect; nothing is logged to them
		server.WithInstructions(instructions),
		server.WithCacheHints(listTTL, mcpgo.CacheScopePublic),
		server.WithMethodCacheHints(mcpgo.MethodResourcesRead, readTTL, mcpgo.CacheScopePrivate),
	}, more...)...)
	addResources(s, r)
	addPrompts(s)
	for _, q := range resolvers.Questions {
		s.AddTool(tool(q), func(ctx context.Context, req mcpgo.CallToolRequest) (res *mcpgo.CallToolResult, _ error) {
			defer func() {
				if v := recover(); v != nil {
					log.ErrorContext(ctx, "mcp: a tool panicked", "tool", req.Params.Name, "panic", v)
					res = refusal(whatchanged.Errorf(whatchanged.CodeInternal, "internal error"))
				}
			}()
			return call(ctx, r, q, req), nil
		})
	}
	return s
}

// call answers one call. Whatever goes wrong becomes a result.
func call(ctx context.Context, r *resolvers.Resolver, q resolvers.Question, req mcpgo.CallToolRequest) *mcpgo.CallToolResult {
	args, budget, err := arguments(req)
	if err != nil {
		return refusal(err)
	}
	if agent := agentOf(req); agent != "" {
		ctx = resolvers.WithAgent(ctx, agent)
	}
	answer, text, err := answer(traced(ctx, req), r, q, args, budget)
	if err != nil {
		return refusal(err)
	}
	return &mcpgo.CallToolResult{Content: []mcpgo.Content{mcpgo.NewTextContent(text)}, StructuredContent: answer}
}

// answer asks a question and returns the answer and its text, which keeps to
// the budget.
func answer(ctx context.Context, r *resolvers.Resolver, q resolvers.Question, args map[string]any, budget int) (resolvers.Answered, string, error) {
	checked, err := schema.Check(q.Field, args)
	if err != nil {
		return nil, "", err
	}
	var text string
	a, err := q.Ask(r.Writing(func(a resolvers.Answered) int {
		text = fit(a, budget)
		return tokensOf(text)
	}), ctx, checked)
	return a, text, err
}

// arguments splits off budget, the one argument that is MCP's own.
func arguments(req mcpgo.CallToolRequest) (map[string]any, int, error) {
	var args map[string]any
	if raw := req.Params.RawArguments; len(raw) > 0 {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber() // no digit is lost on the way to the check
		if err := d.Decode(&args); err != nil {
			return nil, 0, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "the arguments are not a JSON object")
		}
	} else {
		args = maps.Clone(req.GetArguments())
	}
	v, ok := args["budget"]
	if !ok {
		return args, defaultBudget, nil
	}
	delete(args, "budget")
	n, err := strconv.Atoi(fmt.Sprint(v)) // a number, or its text
	if err != nil || n < minBudget || n > maxBudget {
		return nil, 0, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%v: want a whole number of tokens, %d to %d", v, minBudget, maxBudget).In("budget")
	}
	return args, n, nil
}

// traced makes the answer part of the caller's trace, if the request names one
// in its _meta (W3C Trace Context, as of MCP 2026-07-28); a header may have
// named one before.
func traced(ctx context.Context, req mcpgo.CallToolRequest) context.Context {
	if req.Params.Meta == nil {
		return ctx
	}
	carrier := propagation.MapCarrier{}
	for _, field := range (propagation.TraceContext{}).Fields() {
		if v, ok := req.Params.Meta.AdditionalFields[field].(string); ok {
			carrier[field] = v
		}
	}
	return propagation.TraceContext{}.Extract(ctx, carrier)
}

// maxAgent bounds the name that a client gives itself, in bytes.
const maxAgent = 100

// agentOf returns how the client names itself in the request, "" if it does
// not.
func agentOf(req mcpgo.CallToolRequest) string {
	info := req.Params.Meta.ClientInfo()
	if info == nil {
		return ""
	}
	agent := strings.Trim(info.Name+"/"+info.Version, "/")
	return strings.ToValidUTF8(agent[:min(len(agent), maxAgent)], "")
}

// refusal reports err as a result of the tool.
func refusal(err error) *mcpgo.CallToolResult {
	e := whatchanged.AsError(err)
	content := map[string]any{"code": e.Code, "message": e.Error()}
	if e.Field != "" {
		content["field"] = e.Field
	}
	if len(e.Suggest) > 0 {
		content["suggest"] = e.Suggest
	}
	return &mcpgo.CallToolResult{IsError: true, StructuredContent: content,
		Content: []mcpgo.Content{mcpgo.NewTextContent(fmt.Sprintf("%s: %s", e.Code, e.Error()))}}
}
