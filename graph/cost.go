package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

// Limits on one operation, known before any of it is executed. Its cost is how
// many values it may answer: a field counts once for each time that it may
// occur, so pages multiply. Every question with all fields of its answer and
// the longest page stays below.
const (
	maxDepth  = 20
	maxCost   = 150_000
	heavyCost = 20_000 // what costs more waits for its turn, see turns
)

// listed is how often what is in a list counts, where no argument bounds it.
const listed = 5

// A cost is what an operation may come to.
type cost struct {
	Total  int         `json:"total"`
	Depth  int         `json:"depth"`
	Fields []fieldCost `json:"fields"` // those that cost most, of those that have pages and those at the top
}

// A fieldCost is what one field comes to with all below it, however often it
// may occur.
type fieldCost struct {
	Field string `json:"field"`
	Cost  int    `json:"cost"`
}

// limits refuses operations that are too deep or cost too much.
type limits struct{}

var _ graphql.OperationContextMutator = limits{}

// ExtensionName implements [graphql.HandlerExtension].
func (limits) ExtensionName() string { return "limits" }

// Validate implements [graphql.HandlerExtension].
func (limits) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext implements [graphql.OperationContextMutator].
func (limits) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	c, err := costOf(op.Operation, op.Variables)
	op.Stats.SetExtension(costKey, c)
	switch {
	case err != nil:
		return refusal(err, nil)
	case c.Depth > maxDepth:
		return refusal(whatchanged.Errorf(whatchanged.CodeTooLarge, "the operation is %d fields deep: want at most %d", c.Depth, maxDepth), c)
	case c.Total > maxCost:
		return refusal(whatchanged.Errorf(whatchanged.CodeTooLarge,
			"the operation may answer %d values: want at most %d; most of them %s. Ask for smaller pages or fewer fields", c.Total, maxCost, c.most()), c)
	}
	return nil
}

// refusal turns an operation away before it is executed. gqlgen looks at the
// code for the status.
func refusal(err error, c *cost) *gqlerror.Error {
	e := whatchanged.AsError(err)
	out := &gqlerror.Error{Err: e, Message: e.Error(), Extensions: map[string]any{"code": string(e.Code)}}
	if c != nil {
		out.Extensions[costKey] = c
	}
	return out
}

// costKey names the cost in an operation's statistics and in a refusal.
const costKey = "cost"

// most says which fields cost most.
func (c *cost) most() string {
	var all []string
	for _, f := range c.Fields {
		all = append(all, fmt.Sprintf("%s %d", f.Field, f.Cost))
	}
	return strings.Join(all, ", ")
}

// costOf walks an operation. Each fragment is walked once for each page that it
// may be on, so that those that name one another do not take for ever.
// A page that cannot be asked for is an error.
func costOf(op *ast.OperationDefinition, vars map[string]any) (*cost, error) {
	w := costWalk{vars: vars, fragments: map[fragment]walked{}}
	found := w.selections(op.SelectionSet, nil, 0, 1)
	slices.SortStableFunc(w.fields, func(a, b fieldCost) int { return cmp.Compare(b.Cost, a.Cost) })
	return &cost{found.cost, found.depth, w.fields[:min(5, len(w.fields))]}, w.err
}

type costWalk struct {
	err       error // the first
	vars      map[string]any
	fragments map[fragment]walked
	fields    []fieldCost
}

type fragment struct {
	name string
	page int
}

type walked struct{ cost, depth int }

// selections returns the cost and the depth of what is selected of one object.
// page is the length of the page that the object stands for, 0 if it is none;
// times is how often the object may occur.
func (w *costWalk) selections(set ast.SelectionSet, path []string, page, times int) (all walked) {
	for _, s := range set {
		var one walked
		switch s := s.(type) {
		case *ast.Field:
			one = w.field(s, append(slices.Clip(path), s.Alias), page, times)
		case *ast.InlineFragment:
			one = w.selections(s.SelectionSet, path, page, times)
		case *ast.FragmentSpread:
			key := fragment{s.Name, page}
			known, ok := w.fragments[key]
			if !ok {
				known = w.selections(s.Definition.SelectionSet, path, page, times)
				w.fragments[key] = known
			}
			one = known
		}
		all.cost = add(all.cost, one.cost)
		all.depth = max(all.depth, one.depth)
	}
	return all
}

// field returns what a field costs for one occurrence of its object.
func (w *costWalk) field(f *ast.Field, path []string, page, times int) walked {
	if strings.HasPrefix(f.Name, "__") {
		return walked{} // of the schema; the validator bounds it
	}
	n := 1
	if isList(f.Definition.Type) {
		n = listed
		if page > 0 && isPage(f) {
			n = page
		}
	}
	own := w.pageOf(f)
	below := w.selections(f.SelectionSet, path, own, multiply(times, n))
	one := walked{multiply(n, add(1, below.cost)), below.depth + 1}
	if own > 0 || len(path) == 1 {
		w.fields = append(w.fields, fieldCost{strings.Join(path, "."), multiply(times, one.cost)})
	}
	return one
}

// pageOf returns the length of the pages that a field answers, 0 if it has none.
func (w *costWalk) pageOf(f *ast.Field) int {
	args := f.ArgumentMap(w.vars)
	if strings.HasSuffix(f.Definition.Type.Name(), "Connection") {
		size, err := resolvers.Paging{First: given(args, "first"), Last: given(args, "last")}.Check()
		if err != nil && w.err == nil {
			w.err = err
		}
		return max(1, size)
	}
	_, input := schema.Input(f.Name)
	if input == nil || f.ObjectDefinition != schema.Parsed.Query {
		return 0
	}
	limit := input.Fields.ForName("limit")
	if limit == nil {
		return listed
	}
	in, _ := args["input"].(map[string]any)
	if n := given(in, "limit"); n != nil {
		return max(1, min(*n, longestPage))
	}
	return *number(must(limit.DefaultValue.Value(nil)))
}

// isPage reports whether a field of a connection or an answer is its page, and
// none of the lists that every answer has.
func isPage(f *ast.Field) bool {
	return schema.Parsed.Types["Answer"].Fields.ForName(f.Name) == nil
}

func isList(t *ast.Type) bool { return t.Elem != nil }

// longestPage is more than any page of an answer may have.
const longestPage = 1000

// given returns a whole number among arguments, nil if it is not given.
func given(args map[string]any, name string) *int { return number(args[name]) }

func number(v any) *int {
	var n int64
	switch v := v.(type) {
	case json.Number:
		i, err := v.Int64()
		if err != nil {
			return nil // what is no number is refused elsewhere
		}
		n = i
	case int64:
		n = v
	case int:
		n = int64(v)
	default:
		return nil
	}
	i := int(n)
	return &i
}

func add(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

func multiply(a, b int) int {
	if b != 0 && a > math.MaxInt/b {
		return math.MaxInt
	}
	return a * b
}
