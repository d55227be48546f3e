package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/remote"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/ingest"
	"whatchanged.dev/whatchanged/mcp"
	"whatchanged.dev/whatchanged/resolvers"
)

// A demoQuestion is one the demo asks on every surface.
type demoQuestion struct {
	why   string
	field string
	words []string // of the command line
}

// askThree asks three questions, each over GraphQL, MCP and the command line,
// prints the answer and says whether all three gave the same. For that they
// are pinned to one moment and one position.
func askThree(ctx context.Context, out io.Writer, s *remote.Server, now time.Time, position whatchanged.Position) error {
	known := []string{"--knownAt", position.String(), "--after", position.String()}
	at := func(flag string, ago time.Duration) []string {
		return []string{flag, now.Add(-ago).Format(time.RFC3339Nano)}
	}

	first := demoQuestion{"Checkout is slow in eu-west-1 since 42 minutes ago. What changed around it, most suspicious first?", "whatChanged",
		[]string{"checkout", "--environment", "production", "--regions", "eu-west-1", "--onset", "-42m", "--limit", "5"}}
	a, err := askEverywhere(ctx, out, s, first, slices.Concat(known, at("--until", 0), at("--onset", 42*time.Minute)))
	if err != nil {
		return err
	}
	suspects, ok := a.(*resolvers.WhatChanged)
	if !ok || len(suspects.Items) == 0 {
		return fmt.Errorf("demo: %T without suspects", a)
	}
	second := demoQuestion{"Everything on the most suspicious of them.", "change", []string{suspects.Items[0].Change.ID}}
	if _, err := askEverywhere(ctx, out, s, second, known); err != nil {
		return err
	}
	third := demoQuestion{"The last two hours in order of time, storms folded.", "timeline", []string{"--since", "-2h", "--limit", "40"}}
	_, err = askEverywhere(ctx, out, s, third, slices.Concat(known, at("--until", 0), at("--since", 2*time.Hour)))
	return err
}

// askEverywhere asks one question on the three surfaces.
func askEverywhere(ctx context.Context, out io.Writer, s *remote.Server, d demoQuestion, pinned []string) (resolvers.Answered, error) {
	q, _ := resolvers.Lookup(d.field)
	words := append([]string{"ask", d.field}, d.words...)
	fmt.Fprintf(out, "\n── %s\n   whatchanged %s\n\n", d.why, strings.Join(words, " "))
	words = append(words, pinned...)

	// The command line reads the words; the other two get what it read.
	args, err := argumentsOf(ctx, q, words[2:])
	if err != nil {
		return nil, err
	}
	overGraphQL, err := s.Ask(ctx, q, args)
	if err != nil {
		return nil, err
	}
	overMCP, err := askMCP(ctx, s, q, args)
	if err != nil {
		return nil, err
	}
	overCLI, err := askCLI(ctx, s, q, words)
	if err != nil {
		return nil, err
	}
	if err := printerTo(out).answer(overGraphQL); err != nil {
		return nil, err
	}
	if !sameAnswer(overGraphQL, overMCP) || !sameAnswer(overGraphQL, overCLI) {
		return nil, errDiffer
	}
	fmt.Fprintln(out, "\nGraphQL, MCP and CLI gave the same answer.")
	return overGraphQL, nil
}

// argumentsOf reads the words of a question as the command line does.
func argumentsOf(ctx context.Context, q resolvers.Question, words []string) (args map[string]any, err error) {
	cmd := newQuestion(q, func(_ *cobra.Command, read map[string]any) error {
		args, err = schema.Check(q.Field, read)
		return err
	})
	cmd.SetArgs(words)
	return args, cmd.ExecuteContext(ctx)
}

// askMCP asks over streamable HTTP with a client that is not ours.
func askMCP(ctx context.Context, s *remote.Server, q resolvers.Question, args map[string]any) (resolvers.Answered, error) {
	var options []transport.StreamableHTTPCOption
	if s.Token != "" {
		options = append(options, transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + s.Token}))
	}
	c, err := client.NewStreamableHttpClient(s.URL+"/mcp", options...)
	if err != nil {
		return nil, fmt.Errorf("mcp client: %w", err)
	}
	defer c.Close()
	if err := c.Start(ctx); err != nil {
		return nil, fmt.Errorf("mcp client: %w", err)
	}
	if _, err := c.Initialize(ctx, mcpgo.InitializeRequest{}); err != nil {
		return nil, fmt.Errorf("mcp initialize: %w", err)
	}
	var req mcpgo.CallToolRequest
	req.Params.Name = mcp.Name(q.Field)
	withBudget := map[string]any{"budget": 8000}
	for k, v := range args {
		withBudget[k] = v
	}
	req.Params.Arguments = withBudget
	res, err := c.CallTool(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("mcp call: %w", err)
	}
	b, err := json.Marshal(res.StructuredContent)
	if err != nil || res.IsError {
		return nil, fmt.Errorf("mcp call: %s", b)
	}
	a, err := q.Decode(b)
	if err != nil {
		return nil, err
	}
	spellAsFields(a.Head().Next)
	return a, nil
}

// spellAsFields gives the calls that an MCP answer proposes their names in the
// schema: MCP names them as tools, which is all in which its answers differ.
func spellAsFields(next []resolvers.Call) {
	for i := range next {
		for _, q := range resolvers.Questions {
			if mcp.Name(q.Field) == next[i].Question {
				next[i].Question = q.Field
			}
		}
	}
}

// askCLI runs the command.
func askCLI(ctx context.Context, s *remote.Server, q resolvers.Question, words []string) (resolvers.Answered, error) {
	var stdout bytes.Buffer
	root := newRoot() //nolint:contextcheck // the command gets it from ExecuteContext
	root.SetOut(&stdout)
	root.SetArgs(append(words, "--json", "--server", s.URL, "--token", s.Token))
	if err := root.ExecuteContext(ctx); err != nil {
		return nil, err
	}
	return q.Decode(stdout.Bytes())
}

// sameAnswer compares two answers but for how far the index had read when each
// was given.
func sameAnswer(a, b resolvers.Answered) bool {
	return reflect.DeepEqual(plain(a), plain(b))
}

func plain(a resolvers.Answered) any {
	var v map[string]any
	b, _ := json.Marshal(a) // plain data
	_ = json.Unmarshal(b, &v)
	delete(v, "watermark")
	return v
}

func accepted(body []byte) (a ingest.Accepted, err error) {
	err = json.Unmarshal(body, &a)
	return a, err
}
