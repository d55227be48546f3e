package mcp_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// What the conformance suite asks of a server so that it can try the protocol:
// tools, resources and prompts that do nothing else. They are in no product.

const (
	img = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
	wav = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
)

type h = server.ToolHandlerFunc

// settle waits for the last notification to be on its way: mcp-go drops one
// that is still in a channel when the result is written.
func settle() { <-time.After(50 * time.Millisecond) }

func obj(props map[string]any, required ...string) map[string]any {
	o := map[string]any{"type": "object", "properties": props}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

var key = []byte("fixture-only")

func sign(s string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(s))
	return s + "." + hex.EncodeToString(m.Sum(nil))
}
func verify(t string) (string, bool) {
	i := strings.LastIndex(t, ".")
	if i < 0 {
		return "", false
	}
	return t[:i], hmac.Equal([]byte(sign(t[:i])), []byte(t))
}

func accepted(e *mcpgo.ElicitationResult) (map[string]any, bool) {
	if e == nil || e.Action != mcpgo.ElicitationResponseActionAccept {
		return nil, false
	}
	m, ok := e.Content.(map[string]any)
	return m, ok
}

func text(t string) h { return content(mcpgo.NewTextContent(t)) }

func content(c ...mcpgo.Content) h {
	return func(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		return &mcpgo.CallToolResult{Content: c}, nil
	}
}

func emb(uri, mime, t string) mcpgo.Content {
	return mcpgo.NewEmbeddedResource(mcpgo.TextResourceContents{URI: uri, MIMEType: mime, Text: t})
}

func nb(state string) *server.InputRequestBuilder { return server.NewInputRequestBuilder(state) }

func ask(b *server.InputRequestBuilder, id, msg, prop, typ string) *server.InputRequestBuilder {
	return b.Elicit(id, mcpgo.ElicitationParams{Message: msg, RequestedSchema: obj(map[string]any{prop: map[string]any{"type": typ}}, prop)})
}

func smp(q string, n int) mcpgo.CreateMessageParams {
	return mcpgo.CreateMessageParams{Messages: []mcpgo.SamplingMessage{{Role: mcpgo.RoleUser, Content: mcpgo.NewTextContent(q)}}, MaxTokens: n}
}

// adder registers tools on s.
func adder(s *server.MCPServer) func(name string, f h, o ...mcpgo.ToolOption) {
	return func(name string, f h, o ...mcpgo.ToolOption) {
		s.AddTool(mcpgo.NewTool(name, append([]mcpgo.ToolOption{mcpgo.WithDescription("conformance fixture " + name)}, o...)...), f)
	}
}

func addFixtures(s *server.MCPServer) {
	addTestTools(s)
	addTalkingTools(s)
	addRoundTrips(s)
	addLongerTrips(s)
	addMutations(s)
	addTestResources(s)
	addTestPrompts(s)
}

func addTestTools(s *server.MCPServer) {
	tool := adder(s)
	tool("test_simple_text", text("This is a simple text response for testing."))
	tool("test_image_content", content(mcpgo.NewImageContent(img, "image/png")))
	tool("test_audio_content", content(mcpgo.NewAudioContent(wav, "audio/wav")))
	tool("test_embedded_resource", content(emb("test://embedded-resource", "text/plain", "This is an embedded resource content.")))
	tool("test_multiple_content_types", content(mcpgo.NewTextContent("Multiple content types test:"), mcpgo.NewImageContent(img, "image/png"), emb("test://mixed-content-resource", "application/json", `{"test":"data","value":123}`)))
	tool("test_error_handling", func(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		return mcpgo.NewToolResultError("This tool intentionally returns an error for testing"), nil
	})
	tool("test_missing_capability", text("the client declared sampling"))
	tool("test_reconnection", func(ctx context.Context, _ mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		settle()
		return mcpgo.NewToolResultText("Reconnection test completed successfully"), nil
	})
	// JSON Schema 2020-12: only a raw schema keeps $schema, $anchor, allOf, if/then/else.
	s.AddTool(mcpgo.NewToolWithRawSchema("json_schema_2020_12_tool", "JSON Schema 2020-12 fixture", json.RawMessage(schema2020)), text("ok"))

	// SEP-2243: a parameter mirrored in a header.
	s.AddTool(mcpgo.NewToolWithRawSchema("test_header_param", "x-mcp-header fixture", json.RawMessage(
		`{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"limit":{"type":"integer"}},"required":["region"]}`)), text("ok"))
}

// addTalkingTools adds what speaks to the client before it answers.
func addTalkingTools(s *server.MCPServer) {
	tool := adder(s)
	tool("test_tool_with_logging", func(ctx context.Context, _ mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		for i, m := range []string{"Tool execution started", "Tool processing data", "Tool execution completed"} {
			if i > 0 {
				settle()
			}
			if err := s.SendNotificationToClient(ctx, "notifications/message", map[string]any{"level": "info", "data": m}); err != nil {
				return nil, err
			}
		}
		settle()
		return mcpgo.NewToolResultText("done"), nil
	})
	// SendLogMessageToClient honours the per-request logLevel; SendNotificationToClient does not.
	tool("test_logging_tool", func(ctx context.Context, _ mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		_ = s.SendLogMessageToClient(ctx, mcpgo.NewLoggingMessageNotification(mcpgo.LoggingLevelInfo, "fixture", "hello"))
		return mcpgo.NewToolResultText("logged"), nil
	})
	tool("test_tool_with_progress", func(ctx context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		if r.Params.Meta != nil && r.Params.Meta.ProgressToken != nil {
			for i, p := range []int{0, 50, 100} {
				if i > 0 {
					settle()
				}
				if err := s.SendNotificationToClient(ctx, "notifications/progress", map[string]any{"progressToken": r.Params.Meta.ProgressToken, "progress": p, "total": 100}); err != nil {
					return nil, err
				}
			}
		}
		settle()
		return mcpgo.NewToolResultText("progress reported"), nil
	})
	tool("test_sampling", func(ctx context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		res, err := s.RequestSampling( //nolint:staticcheck // the suite asks for what 2025-11-25 had
			ctx, mcpgo.CreateMessageRequest{Request: mcpgo.Request{Method: "sampling/createMessage"}, CreateMessageParams: mcpgo.CreateMessageParams{
				Messages: []mcpgo.SamplingMessage{{Role: mcpgo.RoleUser, Content: mcpgo.NewTextContent(r.GetString("prompt", ""))}}, MaxTokens: 100}})
		if err != nil {
			return mcpgo.NewToolResultError(err.Error()), nil
		}
		t, _ := res.Content.(mcpgo.TextContent)
		return mcpgo.NewToolResultText("LLM response: " + t.Text), nil
	}, mcpgo.WithString("prompt", mcpgo.Required()))
	elicit := func(msg func(mcpgo.CallToolRequest) string, schema map[string]any) h {
		return func(ctx context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
			res, err := s.RequestElicitation(ctx, mcpgo.ElicitationRequest{Request: mcpgo.Request{Method: "elicitation/create"}, Params: mcpgo.ElicitationParams{Message: msg(r), RequestedSchema: schema}})
			if err != nil {
				return mcpgo.NewToolResultError(err.Error()), nil
			}
			return mcpgo.NewToolResultText(fmt.Sprintf("Elicitation completed: action=%s, content=%v", res.Action, res.Content)), nil
		}
	}
	str := map[string]any{"type": "string"}
	tool("test_elicitation", elicit(func(r mcpgo.CallToolRequest) string { return r.GetString("message", "") },
		obj(map[string]any{"username": str, "email": str}, "username", "email")), mcpgo.WithString("message", mcpgo.Required()))
	tool("test_elicitation_sep1034_defaults", elicit(func(mcpgo.CallToolRequest) string { return "Provide your information" }, obj(map[string]any{
		"name": map[string]any{"type": "string", "default": "John Doe"}, "age": map[string]any{"type": "integer", "default": 30},
		"score": map[string]any{"type": "number", "default": 95.5}, "verified": map[string]any{"type": "boolean", "default": true},
		"status": map[string]any{"type": "string", "enum": []string{"active", "inactive", "pending"}, "default": "active"}})))
	cv := func(c, t string) map[string]any { return map[string]any{"const": c, "title": t} }
	tool("test_elicitation_sep1330_enums", elicit(func(mcpgo.CallToolRequest) string { return "Select options" }, obj(map[string]any{
		"untitledSingle": map[string]any{"type": "string", "enum": []string{"option1", "option2"}},
		"titledSingle":   map[string]any{"type": "string", "oneOf": []any{cv("value1", "Value One"), cv("value2", "Value Two")}},
		"legacyEnum":     map[string]any{"type": "string", "enum": []string{"opt1", "opt2"}, "enumNames": []string{"Option One", "Option Two"}},
		"untitledMulti":  map[string]any{"type": "array", "items": map[string]any{"type": "string", "enum": []string{"option1", "option2"}}},
		"titledMulti":    map[string]any{"type": "array", "items": map[string]any{"anyOf": []any{cv("value1", "Value One"), cv("value2", "Value Two")}}}})))
}

// addRoundTrips adds what asks the client back, as since 2026-07-28.
func addRoundTrips(s *server.MCPServer) {
	tool := adder(s)
	tool("test_streaming_elicitation", func(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		if _, ok := accepted(server.ElicitationResponse(r.Params.InputResponses, "confirm")); ok {
			return mcpgo.NewToolResultText("confirmed"), nil
		}
		return ask(nb(""), "confirm", "Please confirm", "ok", "boolean").ToolResult(), nil
	})
	tool("test_input_required_result_elicitation", func(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		if m, ok := accepted(server.ElicitationResponse(r.Params.InputResponses, "user_name")); ok {
			return mcpgo.NewToolResultText(fmt.Sprintf("Hello, %v!", m["name"])), nil
		}
		return ask(nb(""), "user_name", "What is your name?", "name", "string").ToolResult(), nil
	})
	tool("test_input_required_result_sampling", func(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		if a := server.SamplingResponse(r.Params.InputResponses, "capital_question"); a != nil {
			b, _ := json.Marshal(a.Content)
			return mcpgo.NewToolResultText(string(b)), nil
		}
		return nb("").Sample("capital_question", smp("What is the capital of France?", 100)).ToolResult(), nil
	})
	tool("test_input_required_result_list_roots", func(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		if a := server.RootsResponse(r.Params.InputResponses, "client_roots"); a != nil {
			b, _ := json.Marshal(a.Roots)
			return mcpgo.NewToolResultText(string(b)), nil
		}
		return nb("").Roots("client_roots").ToolResult(), nil
	})
}

// addLongerTrips adds what keeps a state between the rounds, or asks for more
// than one thing.
func addLongerTrips(s *server.MCPServer) {
	tool := adder(s)
	tool("test_input_required_result_request_state", func(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		if _, ok := accepted(server.ElicitationResponse(r.Params.InputResponses, "confirm")); ok {
			if _, ok := verify(r.Params.RequestState); !ok {
				return nil, errors.New("bad requestState")
			}
			return mcpgo.NewToolResultText("state-ok"), nil
		}
		return ask(nb(sign("s1")), "confirm", "Please confirm", "ok", "boolean").ToolResult(), nil
	})
	tool("test_input_required_result_tampered_state", func(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		if r.Params.RequestState != "" {
			if _, ok := verify(r.Params.RequestState); !ok {
				return nil, errors.New("requestState failed its integrity check")
			}
			return mcpgo.NewToolResultText("state-ok"), nil
		}
		return ask(nb(sign("t1")), "confirm", "Please confirm", "ok", "boolean").ToolResult(), nil
	})
	tool("test_input_required_result_multiple_inputs", func(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		in := r.Params.InputResponses
		if _, ok := accepted(server.ElicitationResponse(in, "user_name")); ok && server.SamplingResponse(in, "greeting") != nil && server.RootsResponse(in, "client_roots") != nil {
			return mcpgo.NewToolResultText("all three answered"), nil
		}
		return ask(nb(sign("m1")), "user_name", "What is your name?", "name", "string").Sample("greeting", smp("Generate a greeting", 50)).Roots("client_roots").ToolResult(), nil
	})
	tool("test_input_required_result_multi_round", func(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		in := r.Params.InputResponses
		if st, ok := verify(r.Params.RequestState); ok {
			if m, ok := accepted(server.ElicitationResponse(in, "step2")); ok && strings.HasPrefix(st, "r2:") {
				return mcpgo.NewToolResultText(fmt.Sprintf("%s likes %v", st[3:], m["color"])), nil
			}
			if m, ok := accepted(server.ElicitationResponse(in, "step1")); ok {
				return ask(nb(sign(fmt.Sprintf("r2:%v", m["name"]))), "step2", "Step 2: What is your favorite color?", "color", "string").ToolResult(), nil
			}
		}
		return ask(nb(sign("r1")), "step1", "Step 1: What is your name?", "name", "string").ToolResult(), nil
	})
	tool("test_input_required_result_capabilities", func(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		c := r.Params.Meta.ClientCapabilities()
		b := nb("")
		n := 0
		if c != nil && c.Elicitation != nil {
			ask(b, "user_name", "What is your name?", "name", "string")
			n++
		}
		if c != nil && c.Sampling != nil {
			b.Sample("greeting", smp("Generate a greeting", 50))
			n++
		}
		if n == 0 {
			return mcpgo.NewToolResultText("nothing to ask"), nil
		}
		return b.ToolResult(), nil
	})
}

// addMutations adds what changes the lists.
func addMutations(s *server.MCPServer) {
	tool := adder(s)
	var seq atomic.Int64
	tool("test_trigger_tool_change", func(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		s.AddTool(mcpgo.NewTool("test_mutable_tool", mcpgo.WithDescription(fmt.Sprint("generation ", seq.Add(1)))), text("ok"))
		return mcpgo.NewToolResultText("tool list changed"), nil
	})
	tool("test_trigger_prompt_change", func(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		s.AddPrompt(mcpgo.NewPrompt("test_mutable_prompt", mcpgo.WithPromptDescription(fmt.Sprint("generation ", seq.Add(1)))), func(context.Context, mcpgo.GetPromptRequest) (*mcpgo.GetPromptResult, error) {
			return &mcpgo.GetPromptResult{Messages: []mcpgo.PromptMessage{{Role: mcpgo.RoleUser, Content: mcpgo.NewTextContent("x")}}}, nil
		})
		return mcpgo.NewToolResultText("prompt list changed"), nil
	})

}

func addTestResources(s *server.MCPServer) {
	s.AddResource(mcpgo.NewResource("test://static-text", "static-text", mcpgo.WithMIMEType("text/plain"), mcpgo.WithResourceDescription("fixture")),
		func(context.Context, mcpgo.ReadResourceRequest) ([]mcpgo.ResourceContents, error) {
			return []mcpgo.ResourceContents{mcpgo.TextResourceContents{URI: "test://static-text", MIMEType: "text/plain", Text: "This is the content of the static text resource."}}, nil
		})
	s.AddResource(mcpgo.NewResource("test://static-binary", "static-binary", mcpgo.WithMIMEType("image/png"), mcpgo.WithResourceDescription("fixture")),
		func(context.Context, mcpgo.ReadResourceRequest) ([]mcpgo.ResourceContents, error) {
			return []mcpgo.ResourceContents{mcpgo.BlobResourceContents{URI: "test://static-binary", MIMEType: "image/png", Blob: img}}, nil
		})
	s.AddResource(mcpgo.NewResource("test://watched-resource", "watched", mcpgo.WithMIMEType("text/plain"), mcpgo.WithResourceDescription("fixture")),
		func(context.Context, mcpgo.ReadResourceRequest) ([]mcpgo.ResourceContents, error) {
			return []mcpgo.ResourceContents{mcpgo.TextResourceContents{URI: "test://watched-resource", MIMEType: "text/plain", Text: "w"}}, nil
		})
	s.AddResourceTemplate(mcpgo.NewResourceTemplate("test://template/{id}/data", "template", mcpgo.WithTemplateMIMEType("application/json")),
		func(_ context.Context, r mcpgo.ReadResourceRequest) ([]mcpgo.ResourceContents, error) {
			p := strings.Split(r.Params.URI, "/")
			b, _ := json.Marshal(map[string]any{"id": p[3], "templateTest": true, "data": "Data for ID: " + p[3]})
			return []mcpgo.ResourceContents{mcpgo.TextResourceContents{URI: r.Params.URI, MIMEType: "application/json", Text: string(b)}}, nil
		})
}

func addTestPrompts(s *server.MCPServer) {
	prompt := func(name string, args []string, f func(mcpgo.GetPromptRequest) *mcpgo.GetPromptResult) {
		o := []mcpgo.PromptOption{mcpgo.WithPromptDescription("conformance fixture")}
		for _, a := range args {
			o = append(o, mcpgo.WithArgument(a, mcpgo.RequiredArgument(), mcpgo.ArgumentDescription("fixture argument "+a)))
		}
		s.AddPrompt(mcpgo.NewPrompt(name, o...), func(_ context.Context, r mcpgo.GetPromptRequest) (*mcpgo.GetPromptResult, error) { return f(r), nil })
	}
	msg := func(c ...mcpgo.Content) *mcpgo.GetPromptResult {
		g := &mcpgo.GetPromptResult{}
		for _, x := range c {
			g.Messages = append(g.Messages, mcpgo.PromptMessage{Role: mcpgo.RoleUser, Content: x})
		}
		return g
	}
	prompt("test_simple_prompt", nil, func(mcpgo.GetPromptRequest) *mcpgo.GetPromptResult {
		return msg(mcpgo.NewTextContent("This is a simple prompt for testing."))
	})
	prompt("test_prompt_with_arguments", []string{"arg1", "arg2"}, func(r mcpgo.GetPromptRequest) *mcpgo.GetPromptResult {
		return msg(mcpgo.NewTextContent(fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", r.Params.Arguments["arg1"], r.Params.Arguments["arg2"])))
	})
	prompt("test_prompt_with_embedded_resource", []string{"resourceUri"}, func(r mcpgo.GetPromptRequest) *mcpgo.GetPromptResult {
		return msg(emb(r.Params.Arguments["resourceUri"], "text/plain", "Embedded resource content for testing."), mcpgo.NewTextContent("Please process the embedded resource above."))
	})
	prompt("test_prompt_with_image", nil, func(mcpgo.GetPromptRequest) *mcpgo.GetPromptResult {
		return msg(mcpgo.NewImageContent(img, "image/png"), mcpgo.NewTextContent("Please analyze the image above."))
	})
	prompt("test_input_required_result_prompt", nil, func(r mcpgo.GetPromptRequest) *mcpgo.GetPromptResult {
		if m, ok := accepted(server.ElicitationResponse(r.Params.InputResponses, "user_context")); ok {
			return msg(mcpgo.NewTextContent(fmt.Sprintf("Use context: %v", m["context"])))
		}
		return ask(nb(""), "user_context", "What context should the prompt use?", "context", "string").PromptResult()
	})
}

const schema2020 = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","$defs":{"address":{"$anchor":"addressDef","type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"}}}},"properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},"contactMethod":{"type":"string","enum":["phone","email"]},"phone":{"type":"string"},"email":{"type":"string"}},"allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],"if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},"then":{"required":["phone"]},"else":{"required":["email"]},"additionalProperties":false}`
