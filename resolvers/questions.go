package resolvers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// Questions lists everything that can be asked, in the order it is shown. A
// row here puts a question on the MCP server and on the command line; the
// schema file of the same name puts it in GraphQL. A test holds them together.
var Questions = []Question{
	question("whatChanged", (*Resolver).WhatChanged),
	question("timeline", (*Resolver).Timeline),
	question("change", (*Resolver).Change),
	question("config", (*Resolver).Config),
	question("find", (*Resolver).Find),
	question("incidentBrief", (*Resolver).IncidentBrief),
	question("service", (*Resolver).Service),
	question("topology", (*Resolver).Topology),
	question("impact", (*Resolver).Impact),
	question("rollouts", (*Resolver).Rollouts),
	question("compare", (*Resolver).Compare),
	question("findCommit", (*Resolver).FindCommit),
	question("overview", (*Resolver).Overview),
	question("dataHealth", (*Resolver).DataHealth),
}

// Walks lists the fields of Query that are no questions: GraphQL alone lets
// tools walk from one entity to the next.
var Walks = []string{"node", "entity", "entities"}

// A Question is one method of [Resolver] with its types erased.
type Question struct {
	// Field is the question's field of Query in the schema. The tool and the
	// subcommand take their names from it.
	Field string

	// Ask answers the question. The arguments are those of the field's input,
	// already checked against the schema.
	Ask func(r *Resolver, ctx context.Context, args map[string]any) (Answered, error)

	// Decode reads an answer that some other process wrote as JSON.
	Decode func(b []byte) (Answered, error)
}

func question[In any, Out any, P interface {
	*Out
	Answered
}](field string, ask func(*Resolver, context.Context, In) (*Out, error)) Question {
	return Question{
		Field: field,
		Ask: func(r *Resolver, ctx context.Context, args map[string]any) (Answered, error) {
			var in In
			if err := decode(args, &in); err != nil {
				return nil, err
			}
			out, err := ask(r, ctx, in)
			if err != nil {
				return nil, err // not a typed nil
			}
			return P(out), nil
		},
		Decode: func(b []byte) (Answered, error) {
			out := P(new(Out))
			if err := json.Unmarshal(b, out); err != nil {
				return nil, fmt.Errorf("answer of %s: %w", field, err)
			}
			return out, nil
		},
	}
}

// decode reads arguments into an input, one at a time, so that a refusal names
// the one that does not fit, in the words of its type's own parser where it
// has one.
func decode(args map[string]any, in any) error {
	return decodeAt(nil, args, in)
}

// decodeAt reads the fields of the object that stands at a path of an input.
func decodeAt(path []string, args map[string]any, in any) error {
	for _, field := range slices.Sorted(maps.Keys(args)) {
		at := append(slices.Clip(path), field)
		if object, ok := args[field].(map[string]any); ok && len(object) > 0 {
			if err := decodeAt(at, object, in); err != nil {
				return err
			}
			continue
		}
		name, whole := strings.Join(at, "."), args[field]
		for _, key := range slices.Backward(at) {
			whole = map[string]any{key: whole}
		}
		b, err := json.Marshal(whole)
		if err == nil {
			err = json.Unmarshal(b, in)
		}
		var own *whatchanged.Error
		var shape *json.UnmarshalTypeError
		switch {
		case err == nil:
		case errors.As(err, &own):
			return own.In(name)
		case errors.As(err, &shape):
			return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "a %s does not fit", shape.Value).In(name)
		default:
			return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "it does not fit").In(name).Hiding(err)
		}
	}
	return nil
}

// Lookup returns the question called field.
func Lookup(field string) (Question, bool) {
	for _, q := range Questions {
		if q.Field == field {
			return q, true
		}
	}
	return Question{}, false
}
