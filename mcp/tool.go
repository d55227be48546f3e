package mcp

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"unicode"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

// tool describes a question as a tool.
func tool(q resolvers.Question) mcpgo.Tool {
	field, _ := schema.Input(q.Field)
	input, err := json.Marshal(lean(schema.InputSchema(q.Field, budgetArgument)))
	if err != nil {
		panic(err) // made of strings and numbers
	}
	output, err := json.Marshal(schema.OutputSchema(q.Field))
	if err != nil {
		panic(err)
	}
	t := mcpgo.NewTool(Name(q.Field),
		mcpgo.WithDescription(describe(field.Description)),
		mcpgo.WithRawOutputSchema(output),
		mcpgo.WithReadOnlyHintAnnotation(true),
		mcpgo.WithDestructiveHintAnnotation(false),
		mcpgo.WithIdempotentHintAnnotation(true),
		mcpgo.WithOpenWorldHintAnnotation(false),
	)
	t.InputSchema, t.RawInputSchema = mcpgo.ToolInputSchema{}, input
	return t
}

// lean leaves out of a schema what an assistant has no use for: the argument
// that waits for what one has just written, since it writes nothing, and what
// only says again what a name says. What is left out is taken all the same.
func lean(s schema.Object) schema.Object {
	var out schema.Object
	for _, m := range s {
		inner, ok := m.Value.(schema.Object)
		switch {
		case m.Name == "after", m.Name == "description" && plainDescriptions[m.Value]:
			continue
		case m.Name == "limit": // a refusal says how much may be asked
			m.Value = slices.DeleteFunc(slices.Clone(inner), func(m schema.Member) bool { return m.Name == "description" })
		case ok:
			m.Value = lean(inner)
		case reflect.DeepEqual(m.Value, []string{}): // nothing is required
			continue
		}
		out = append(out, m)
	}
	return out
}

// plainDescriptions are the descriptions of arguments that their names tell.
var plainDescriptions = map[any]bool{
	"Default: now.": true, "Only what was known then.": true, "Of the page before.": true, "Where.": true, "Any of these.": true,
	"End, excluded. Default: now.": true, "Or not known where.": true, "Of the topology. Default: onset.": true, "Of the topology. Default: until.": true,
	"In force there; by default everywhere.": true, "In force in these; by default all.": true,
}

// describe spells the questions that a description refers to as tools.
func describe(text string) string {
	for _, q := range resolvers.Questions {
		text = strings.ReplaceAll(text, q.Field, Name(q.Field))
	}
	return text
}

// Name returns the name of a question's tool: whatChanged is what_changed.
func Name(field string) string {
	var b strings.Builder
	for _, r := range field {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
