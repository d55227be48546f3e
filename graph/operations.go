package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

// Operations are those that may be asked when not anything may: an allow-list.
// What counts is what an operation says, not its layout. The questions as the
// command line asks them are always among them.
type Operations struct {
	known map[string]bool   // by how they are spelled canonically
	by    map[string]string // text by hash, or by the name a list gives it
}

var (
	_ graphql.OperationContextMutator = (*Operations)(nil)
	_ graphql.Cache[string]           = (*Operations)(nil)
)

// ParseOperations reads an allow-list: a GraphQL document of operations, or a
// JSON object of documents by their hash, as Relay and GraphQL Code Generator
// write it. All must fit the schema. The error is [whatchanged.ErrInvalid].
func ParseOperations(text []byte) (*Operations, error) {
	o := &Operations{known: map[string]bool{}, by: map[string]string{}}
	for _, q := range resolvers.Questions {
		if err := o.allow(q.Field, schema.Query(q.Field)); err != nil {
			return nil, err
		}
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{\"")) {
		return o, o.allow("", string(text))
	}
	var all map[string]string
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, invalid(`want a GraphQL document, or a JSON object such as {"HASH": "query A { … }"}`)
	}
	for name, document := range all {
		if err := o.allow(name, document); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// allow adds the operations of a document.
func (o *Operations) allow(name, text string) error {
	doc, errs := gqlparser.LoadQueryWithRules(schema.Parsed, text, nil)
	if errs != nil {
		return invalid("operation %s: %s", name, errs[0].Message)
	}
	for _, op := range doc.Operations {
		o.known[spelled(op)] = true
	}
	o.by[name], o.by[digest(text)] = text, text
	return nil
}

// spelled writes one operation and the fragments it names, alike however they
// were laid out.
func spelled(op *ast.OperationDefinition) string {
	one := &ast.QueryDocument{Operations: ast.OperationList{op}}
	named(op.SelectionSet, func(f *ast.FragmentDefinition) bool {
		if one.Fragments.ForName(f.Name) != nil {
			return false
		}
		one.Fragments = append(one.Fragments, f)
		return true
	})
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithIndent("")).FormatQueryDocument(one)
	return b.String()
}

// named calls found for each fragment that is named in a selection, and goes on
// in those of which it returns true.
func named(set ast.SelectionSet, found func(*ast.FragmentDefinition) bool) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			named(s.SelectionSet, found)
		case *ast.InlineFragment:
			named(s.SelectionSet, found)
		case *ast.FragmentSpread:
			if found(s.Definition) {
				named(s.Definition.SelectionSet, found)
			}
		}
	}
}

// ExtensionName implements [graphql.HandlerExtension].
func (*Operations) ExtensionName() string { return "operations" }

// Validate implements [graphql.HandlerExtension].
func (*Operations) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext implements [graphql.OperationContextMutator].
func (o *Operations) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if o.known[spelled(op.Operation)] {
		return nil
	}
	name := ""
	if op.Operation.Name != "" {
		name = fmt.Sprintf(" %q", op.Operation.Name)
	}
	return refusal(whatchanged.Errorf(whatchanged.CodeInvalidArgument,
		"the operation%s is not on the list of those that this server answers; who runs it can add it with --graphql-operations", name), nil)
}

// Get implements [graphql.Cache]: an operation may be named by its hash, or as
// the list names it.
func (o *Operations) Get(_ context.Context, hash string) (string, bool) {
	text, ok := o.by[hash]
	return text, ok && hash != ""
}

// Add implements [graphql.Cache]. What is sent makes the list no longer.
func (o *Operations) Add(context.Context, string, string) {}
