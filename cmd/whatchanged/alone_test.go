package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/folder"
)

// Whoever wants to know can ask the owner of a folder, or, if there is none,
// open it: what they are told is the same.
func TestAskingWithAndWithoutAnOwner(t *testing.T) {
	data := t.TempDir()
	s := serving(t, data)
	now := time.Now().UTC().Truncate(time.Second)
	s.taken(ce("first", now.Add(-3*time.Minute)))
	r := s.taken(ce("second", now.Add(-2*time.Minute)), ce("third", now.Add(-100*time.Hour)))
	input := map[string]any{"since": now.Add(-200 * time.Hour).Format(time.RFC3339), "until": now.Format(time.RFC3339), "knownAt": r.Position.String()}
	want := []string{"third", "first", "second"}

	answers := map[string]string{}
	ask := func(t *testing.T, who string) {
		t.Run(who+" by command", func(t *testing.T) {
			args := []string{"ask", "timeline", "--data", data, "--json"}
			for k, v := range input {
				args = append(args, fmt.Sprintf("--%s=%v", k, v))
			}
			exit, stdout, stderr := result(t, args...)
			if exit != 0 {
				t.Fatalf("exit %d: %s", exit, stderr)
			}
			answers[t.Name()] = told(t, []byte(stdout), want)
		})
		t.Run(who+" by MCP", func(t *testing.T) { answers[t.Name()] = told(t, askStdio(t, data, "timeline", input), want) })
	}
	ask(t, "the owner")
	s.stop()
	ask(t, "nobody")
	if _, owned, err := folder.Find(data); err != nil || owned {
		t.Errorf("the folder is still owned: %v, %v", owned, err)
	}
	for name, a := range answers {
		for other, b := range answers {
			if a != b {
				t.Errorf("%s and %s were told different things:\n%s\n%s", name, other, a, b)
			}
		}
	}
	exit, _, stderr := result(t, "ask", "timeline", "nobody-knows-this", "--data", data)
	if exit != 3 || !strings.Contains(stderr, "NOT_FOUND") {
		t.Errorf("exit %d: %s", exit, stderr)
	}
}

// told wants a timeline of these changes, and returns it without its watermark
// and what only some surfaces leave out.
func told(t *testing.T, answer []byte, want []string) string {
	t.Helper()
	var a struct {
		Verdict  string
		Total    int
		KnownAt  string
		Interval any
		Coverage struct{ State string }
		Items    []struct{ Change struct{ ID string } }
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	var got []string
	for _, i := range a.Items {
		got = append(got, strings.TrimPrefix(i.Change.ID, "cloudevents/ci/"))
	}
	equal(t, "told", got, want)
	return fmt.Sprintf("%+v", a)
}

// askStdio calls a tool of a process of the command over its standard input
// and output, with a client that is not ours.
func askStdio(t *testing.T, data, tool string, args map[string]any) []byte {
	t.Helper()
	c, err := client.NewStdioMCPClient(os.Args[0], append(os.Environ(), asCommand+"=1"), "mcp", "--data", data)
	if err != nil {
		t.Fatal(err)
	}
	said := &output{}
	if stderr, ok := client.GetStderr(c); ok {
		go func() { _, _ = io.Copy(said, stderr) }() // until it ends
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v\n%s", err, said)
		}
	}()
	if _, err := c.Initialize(t.Context(), mcpgo.InitializeRequest{}); err != nil {
		t.Fatal(err)
	}
	tools, err := c.ListTools(t.Context(), mcpgo.ListToolsRequest{})
	if err != nil || len(tools.Tools) == 0 {
		t.Fatalf("tools: %v, %v", tools, err)
	}
	var req mcpgo.CallToolRequest
	req.Params.Name, req.Params.Arguments = tool, args
	res, err := c.CallTool(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(res.StructuredContent)
	if err != nil || res.IsError {
		t.Fatalf("%s: %s, %v", tool, b, err)
	}
	return b
}
