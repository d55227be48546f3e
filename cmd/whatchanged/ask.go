package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/vektah/gqlparser/v2/ast"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/folder"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/remote"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/settings"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/mcp"
	"whatchanged.dev/whatchanged/resolvers"
)

// An asker answers questions: a server elsewhere, or an instance of our own.
type asker func(ctx context.Context, q resolvers.Question, args map[string]any) (resolvers.Answered, error)

func newAsk() *cobra.Command {
	var o options
	var server, token string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ask QUESTION",
		Short: "Ask a question and print its answer",
		Long: "Ask a question and print its answer: of the server named by --server, else of the owner of the data folder,\n" +
			"else of the folder itself. Exit statuses tell refusals apart: 2 not well formed, 3 not found, 4 ambiguous,\n" +
			"5 too large, 6 stale, 7 cursor expired, 69 unavailable, 70 internal, 75 rate limited, 77 unauthenticated.",
	}
	f := cmd.PersistentFlags()
	o.instanceFlags(f)
	clientFlags(f, &server, &token)
	f.BoolVar(&asJSON, "json", false, "print the whole answer as JSON")
	for _, q := range resolvers.Questions {
		sub := newQuestion(q, func(cmd *cobra.Command, args map[string]any) error {
			return o.withAsker(cmd, server, token, func(ask asker) error {
				return answer(cmd.Context(), cmd.OutOrStdout(), ask, q, args, asJSON)
			})
		})
		sub.ValidArgsFunction = func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
			s, err := o.server(server, token)
			if err != nil || s == nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return names(cmd.Context(), s.Ask, begun), cobra.ShellCompDirectiveNoFileComp
		}
		cmd.AddCommand(sub)
	}
	return cmd
}

// names completes what a word may name: entities that a running server knows,
// best match first. Nothing is started for it.
func names(ctx context.Context, ask asker, begun string) []string {
	if begun == "" {
		return nil
	}
	q, _ := resolvers.Lookup("find")
	checked, err := schema.Check(q.Field, map[string]any{"query": begun, "limit": 50})
	if err != nil {
		return nil
	}
	found, err := ask(ctx, q, checked)
	if err != nil {
		return nil // the question itself will say why
	}
	var out []string
	for _, m := range found.(*resolvers.Find).Items {
		if m.Type == "entity" {
			out = append(out, m.Entity.String())
		}
	}
	return out
}

// newQuestion returns the subcommand of a question. Its flags are the fields
// of the question's input in the schema, described and defaulted there; words
// without a flag are values of the first field, or one text where it takes one.
func newQuestion(q resolvers.Question, run func(*cobra.Command, map[string]any) error) *cobra.Command {
	field, input := schema.Input(q.Field)
	args := map[string]any{}
	short, _, _ := strings.Cut(field.Description, ". ")
	first := input.Fields[0]
	cmd := &cobra.Command{
		Use:     fmt.Sprintf("%s [%s]", q.Field, strings.ToUpper(first.Name)),
		Aliases: []string{mcp.Name(q.Field), strings.ReplaceAll(mcp.Name(q.Field), "_", "-")},
		Short:   strings.TrimSuffix(short, "."),
		Long:    field.Description,
		RunE: func(cmd *cobra.Command, words []string) error {
			if len(words) > 1 && first.Type.Elem == nil {
				words = []string{strings.Join(words, " ")}
			}
			for _, w := range words {
				set(args, first, w)
			}
			return run(cmd, args)
		},
	}
	for _, f := range input.Fields {
		cmd.Flags().Var(&argument{field: f, args: args}, f.Name, f.Description)
		_ = cmd.Flags().SetAnnotation(f.Name, settings.Argument, []string{"true"}) // it is there
		if f.Type.NamedType == "Boolean" {
			cmd.Flags().Lookup(f.Name).NoOptDefVal = "true"
		}
	}
	return cmd
}

// An argument is a flag that sets a field of a question's input.
type argument struct {
	field *ast.FieldDefinition
	args  map[string]any
}

var _ pflag.Value = (*argument)(nil)

// String is the default, as help shows it.
func (a *argument) String() string {
	if a.field == nil || a.field.DefaultValue == nil {
		return ""
	}
	return a.field.DefaultValue.String()
}

// Set notes a value; the schema checks it later, as for every surface.
func (a *argument) Set(text string) error {
	set(a.args, a.field, text)
	return nil
}

// Type names the type for help.
func (a *argument) Type() string {
	if schema.Parsed.Types[a.field.Type.Name()].Kind == ast.InputObject {
		return "name=value,…"
	}
	return a.field.Type.String()
}

func set(args map[string]any, f *ast.FieldDefinition, text string) {
	if def := schema.Parsed.Types[f.Type.Name()]; def.Kind == ast.InputObject {
		args[f.Name] = members(def, args[f.Name], text)
		return
	}
	if f.Type.Elem == nil {
		args[f.Name] = value(f.Type, text)
		return
	}
	list, _ := args[f.Name].([]any)
	args[f.Name] = append(list, value(f.Type.Elem, text))
}

// value reads a flag's text as the JSON value that its type calls for. What it
// cannot read it passes on, for the schema to refuse by name.
func value(t *ast.Type, text string) any {
	var v any
	switch t.Name() {
	case "Int", "Float", "Boolean":
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if d.Decode(&v) == nil {
			return v
		}
	}
	return text
}

// members reads name=value,name=value into what is there of an object already,
// when the flag is given again. What names no member it passes on, for the
// schema to refuse.
func members(def *ast.Definition, was any, text string) any {
	object, _ := was.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	for part := range strings.SplitSeq(text, ",") {
		name, given, ok := strings.Cut(strings.TrimSpace(part), "=")
		f := def.Fields.ForName(name)
		switch {
		case ok && f != nil:
			object[name] = value(f.Type, given)
		case ok:
			object[name] = given
		case f != nil && f.Type.Name() == "Boolean":
			object[name] = true
		default:
			return text
		}
	}
	return object
}

// answer asks and prints.
func answer(ctx context.Context, w io.Writer, ask asker, q resolvers.Question, args map[string]any, asJSON bool) error {
	checked, err := schema.Check(q.Field, args)
	if err != nil {
		return err
	}
	a, err := ask(ctx, q, checked)
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(a)
	}
	return printerTo(w).answer(a)
}

// withAsker calls do with whoever can answer.
func (o *options) withAsker(cmd *cobra.Command, server, token string, do func(asker) error) (err error) {
	ctx := cmd.Context()
	s, err := o.server(server, token)
	if err != nil {
		return err
	}
	if s != nil {
		return do(s.Ask)
	}
	return o.alone(ctx, cmd, func(in *openInstance) error { return do(in.ask) })
}

// server returns the server to talk to: the one that is named, or the owner of
// the data folder; nil when there is none.
func (o *options) server(url, token string) (*remote.Server, error) {
	agent := "whatchanged/" + version()
	if url != "" {
		return &remote.Server{URL: url, Token: token, Agent: agent}, nil
	}
	owner, ok, err := folder.Find(o.data)
	if err != nil || !ok {
		return nil, err
	}
	if owner.Address == "" {
		return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "process %d owns the data folder %s and does not listen yet; ask again", owner.PID, o.data)
	}
	return &remote.Server{URL: owner.Address, Token: token, Agent: agent}, nil
}
