package mcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"whatchanged.dev/whatchanged/mcp"
)

func TestResourcesShowWhatToolsAnswer(t *testing.T) {
	c := dial(t, newWorld(3))
	for _, tt := range []struct{ claim, uri, want string }{
		{"a change", "prod://change/deploy/001", "deploy/001"},
		{"a reference as it is spelled", "prod://service/service:shop/web", "service:shop/web"},
		{"one that is encoded", "prod://service/service%3Ashop%2Fweb", "service:shop/web"},
		{"an argument of the question", "prod://config/service:shop/web?asOf=-1h", "service:shop/web"},
		{"the schema", "prod://schema.graphql", "extend type Query"},
		{"the glossary", "prod://glossary", "LAST_OF_ACTOR"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			res, err := c.ReadResource(viewed(t), mcpgo.ReadResourceRequest{Params: mcpgo.ReadResourceParams{URI: tt.uri}})
			if err != nil {
				t.Fatal(err)
			}
			if got := res.Contents[0].(mcpgo.TextResourceContents); got.URI != tt.uri || !strings.Contains(got.Text, tt.want) {
				t.Errorf("%s: %s", got.URI, got.Text)
			}
		})
	}
}

// TestFailuresAreThoseOfTheEra: the code that the client's revision has, and in
// the data what was asked for and why it was refused.
func TestFailuresAreThoseOfTheEra(t *testing.T) {
	s := serve(t, newWorld(3), discard())
	for _, tt := range []struct {
		claim, method  string
		params         map[string]any
		code           string
		legacy, modern float64
	}{
		{"a change that is not known", "resources/read", map[string]any{"uri": "prod://change/none"}, "NOT_FOUND", -32002, -32602},
		{"an argument that the question has not", "resources/read", map[string]any{"uri": "prod://config/web?evil=1"}, "INVALID_ARGUMENT", -32602, -32602},
		{"a moment that is none", "resources/read", map[string]any{"uri": "prod://config/web?asOf=never"}, "INVALID_ARGUMENT", -32602, -32602},
		{"a resource there is not", "resources/read", map[string]any{"uri": "prod://nothing/1"}, "", -32002, -32602},
		{"a prompt without its argument", "prompts/get", map[string]any{"name": "triage_incident"}, "INVALID_ARGUMENT", -32602, -32602},
		{"a prompt with another argument", "prompts/get", map[string]any{"name": "triage_incident", "arguments": map[string]any{"service": "web"}}, "INVALID_ARGUMENT", -32602, -32602},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			body, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": tt.method, "params": tt.params})
			old, legacy := post(t, http.MethodPost, s.URL, http.Header{}, strings.NewReader(string(body)))
			status, modern := postModern(t, s.URL, tt.method, tt.params, func(h http.Header) {
				if uri, ok := tt.params["uri"].(string); ok {
					h.Set("Mcp-Name", uri)
				}
			})
			for era, got := range map[string]map[string]any{"legacy": legacy, "modern": modern} {
				e, _ := got["error"].(map[string]any)
				data, _ := e["data"].(map[string]any)
				want := map[string]float64{"legacy": tt.legacy, "modern": tt.modern}[era]
				if e["code"] != want || data["uri"] != tt.params["uri"] || tt.code != "" && data["code"] != tt.code {
					t.Errorf("%s: %v", era, got)
				}
			}
			if status != http.StatusBadRequest || old != http.StatusOK {
				t.Errorf("HTTP %d, and %d to older clients", status, old)
			}
		})
	}
}

// TestTheBridgeFailsAlike: standard input and output have no HTTP in between.
func TestTheBridgeFailsAlike(t *testing.T) {
	exchange := mcp.Within(handler(resolver(t, newWorld(3), discard()), discard()))
	b, err := exchange(viewed(t), nil, []byte(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"prod://change/none"}}`), nil)
	if err != nil || !strings.Contains(string(b), `"code":-32002`) || !strings.Contains(string(b), `"uri":"prod://change/none"`) {
		t.Errorf("%s %v", b, err)
	}
}

func TestPromptsNameToolsThatThereAre(t *testing.T) {
	c := dial(t, newWorld(1))
	have := []string{"knownAt", "seenAt", "asOf"}
	for _, tool := range tools(t) {
		have = append(have, tool.Name)
	}
	list, err := c.ListPrompts(viewed(t), mcpgo.ListPromptsRequest{})
	if err != nil || len(list.Prompts) != 4 {
		t.Fatal(list, err)
	}
	called := regexp.MustCompile(`(?i:call|ask) ([a-z]+(?:_[a-z]+)*)`)
	for _, p := range list.Prompts {
		res, err := c.GetPrompt(viewed(t), mcpgo.GetPromptRequest{Params: mcpgo.GetPromptParams{Name: p.Name, Arguments: map[string]string{p.Arguments[0].Name: "what\nhurts"}}})
		if err != nil {
			t.Fatal(err)
		}
		text := res.Messages[0].Content.(mcpgo.TextContent).Text
		if !strings.Contains(text, "what hurts") || strings.Contains(text, "{") {
			t.Errorf("%s: %s", p.Name, text)
		}
		for _, m := range called.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(have, m[1]) && m[1] != "again" {
				t.Errorf("%s says to call %s, which is no tool", p.Name, m[1])
			}
		}
	}
}

func TestCompletionsAreOfWhatIsKnown(t *testing.T) {
	c := dial(t, newWorld(3))
	for _, tt := range []struct {
		claim string
		ref   any
		arg   mcpgo.CompleteArgument
		want  []string
	}{
		{"a service of a prompt", mcpgo.PromptReference{Type: "ref/prompt", Name: "safe_to_deploy"}, mcpgo.CompleteArgument{Name: "service", Value: "we"}, []string{"service:shop/web"}},
		{"a service of a template", mcpgo.ResourceReference{Type: "ref/resource", URI: "prod://service/{+id}{?asOf}"}, mcpgo.CompleteArgument{Name: "id", Value: ""}, []string{"service:shop/web"}},
		{"nothing that begins so", mcpgo.PromptReference{Type: "ref/prompt", Name: "safe_to_deploy"}, mcpgo.CompleteArgument{Name: "service", Value: "zz"}, []string{}},
		{"an argument there is not", mcpgo.PromptReference{Type: "ref/prompt", Name: "safe_to_deploy"}, mcpgo.CompleteArgument{Name: "nope", Value: ""}, []string{}},
		{"a template there is not", mcpgo.ResourceReference{Type: "ref/resource", URI: "prod://nope/{id}"}, mcpgo.CompleteArgument{Name: "id", Value: ""}, []string{}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			res, err := c.Complete(viewed(t), mcpgo.CompleteRequest{Params: mcpgo.CompleteParams{Ref: tt.ref, Argument: tt.arg}})
			if err != nil || !slices.Equal(res.Completion.Values, tt.want) {
				t.Errorf("%v %v", res, err)
			}
		})
	}
	res, err := c.Complete(context.WithoutCancel(context.Background()), mcpgo.CompleteRequest{Params: mcpgo.CompleteParams{
		Ref: mcpgo.PromptReference{Type: "ref/prompt", Name: "safe_to_deploy"}, Argument: mcpgo.CompleteArgument{Name: "service"}}})
	if err != nil && !errors.Is(err, context.Canceled) || res != nil && len(res.Completion.Values) > 0 {
		t.Errorf("who is nobody is told %v %v", res, err)
	}
}
