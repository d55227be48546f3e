package graph

import (
	"github.com/99designs/gqlgen/graphql"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// The open sets of words are String in the schema and types of their own in
// the root package. gqlgen binds each through a pair of functions of its name.

// MarshalEventKind writes a kind of event.
func MarshalEventKind(v whatchanged.EventKind) graphql.Marshaler {
	return graphql.MarshalString(string(v))
}

// UnmarshalEventKind reads a kind of event.
func UnmarshalEventKind(v any) (whatchanged.EventKind, error) { return word[whatchanged.EventKind](v) }

// MarshalPhase writes a phase.
func MarshalPhase(v whatchanged.Phase) graphql.Marshaler { return graphql.MarshalString(string(v)) }

// UnmarshalPhase reads a phase.
func UnmarshalPhase(v any) (whatchanged.Phase, error) { return word[whatchanged.Phase](v) }

// MarshalClock writes a clock.
func MarshalClock(v whatchanged.Clock) graphql.Marshaler { return graphql.MarshalString(string(v)) }

// UnmarshalClock reads a clock.
func UnmarshalClock(v any) (whatchanged.Clock, error) { return word[whatchanged.Clock](v) }

// MarshalEvidence writes a kind of evidence.
func MarshalEvidence(v whatchanged.Evidence) graphql.Marshaler {
	return graphql.MarshalString(string(v))
}

// UnmarshalEvidence reads a kind of evidence.
func UnmarshalEvidence(v any) (whatchanged.Evidence, error) { return word[whatchanged.Evidence](v) }

// MarshalCoverageState writes a state of coverage.
func MarshalCoverageState(v whatchanged.CoverageState) graphql.Marshaler {
	return graphql.MarshalString(string(v))
}

// UnmarshalCoverageState reads a state of coverage.
func UnmarshalCoverageState(v any) (whatchanged.CoverageState, error) {
	return word[whatchanged.CoverageState](v)
}

// MarshalCommitState writes a state of a commit.
func MarshalCommitState(v resolvers.CommitState) graphql.Marshaler {
	return graphql.MarshalString(string(v))
}

// UnmarshalCommitState reads a state of a commit.
func UnmarshalCommitState(v any) (resolvers.CommitState, error) {
	return word[resolvers.CommitState](v)
}

// MarshalEntityOrder writes an order of entities.
func MarshalEntityOrder(v resolvers.EntityOrder) graphql.Marshaler {
	return graphql.MarshalString(string(v))
}

// UnmarshalEntityOrder reads an order of entities.
func UnmarshalEntityOrder(v any) (resolvers.EntityOrder, error) {
	return word[resolvers.EntityOrder](v)
}

// MarshalOutcome writes an outcome.
func MarshalOutcome(v whatchanged.Outcome) graphql.Marshaler { return graphql.MarshalString(string(v)) }

// UnmarshalOutcome reads an outcome.
func UnmarshalOutcome(v any) (whatchanged.Outcome, error) { return word[whatchanged.Outcome](v) }

// MarshalDirection writes a direction.
func MarshalDirection(v whatchanged.Direction) graphql.Marshaler {
	return graphql.MarshalString(string(v))
}

// UnmarshalDirection reads a direction.
func UnmarshalDirection(v any) (whatchanged.Direction, error) {
	return word[whatchanged.Direction](v)
}

func word[T ~string](v any) (T, error) {
	s, err := graphql.UnmarshalString(v)
	return T(s), err
}

// MarshalAttributes writes attributes as a JSON object.
func MarshalAttributes(m map[string]string) graphql.Marshaler {
	return MarshalJSON(whatchanged.ValueOf(m))
}

// UnmarshalAttributes reads attributes from a JSON object of strings.
func UnmarshalAttributes(v any) (map[string]string, error) {
	out := map[string]string{}
	m, _ := v.(map[string]any)
	for k, v := range m {
		s, err := graphql.UnmarshalString(v)
		if err != nil {
			return nil, err
		}
		out[k] = s
	}
	return out, nil
}

// MarshalStanding writes what became of a citation.
func MarshalStanding(v resolvers.Standing) graphql.Marshaler { return graphql.MarshalString(string(v)) }

// UnmarshalStanding reads what became of a citation.
func UnmarshalStanding(v any) (resolvers.Standing, error) { return word[resolvers.Standing](v) }
