package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// A subscription answers the fields of Subscription with streams of the
// resolvers'.
type subscription struct{ *resolvers.Resolver }

var _ SubscriptionResolver = subscription{}

// Changes implements [SubscriptionResolver].
func (s subscription) Changes(ctx context.Context, filter *resolvers.ChangeFilter, after *whatchanged.Position, limit *int) (<-chan *resolvers.ChangeBrief, error) {
	return opened(ctx, s.FollowChanges, filter, after, limit)
}

// RolloutProgress implements [SubscriptionResolver].
func (s subscription) RolloutProgress(ctx context.Context, filter *resolvers.ChangeFilter, after *whatchanged.Position, limit *int) (<-chan *resolvers.RolloutProgress, error) {
	return opened(ctx, s.FollowRollouts, filter, after, limit)
}

// IncidentUpdates implements [SubscriptionResolver].
func (s subscription) IncidentUpdates(ctx context.Context, filter *resolvers.ChangeFilter, after *whatchanged.Position, limit *int) (<-chan *resolvers.IncidentUpdate, error) {
	return opened(ctx, s.FollowIncidents, filter, after, limit)
}

func opened[T any](ctx context.Context, follow func(context.Context, resolvers.Following) (*resolvers.Stream[T], error),
	filter *resolvers.ChangeFilter, after *whatchanged.Position, limit *int) (<-chan *T, error) {
	s, err := follow(ctx, resolvers.Following{Filter: filter, After: after, Limit: limit})
	if err != nil {
		return nil, err
	}
	if e, ok := ctx.Value(endingKey{}).(*ending); ok {
		e.stream = s
	}
	return s.C, nil
}

// An ending is how a subscription comes to tell why it ended. gqlgen's channels
// carry no errors, and its own way around that is for WebSockets alone.
type ending struct {
	stream interface {
		Err() error
		Position() whatchanged.Position
	}
	told bool
}

type endingKey struct{}

// withEnding makes room for how a subscription ends. A subscription on a
// connection that can carry one answer only is refused.
func withEnding(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if op := graphql.GetOperationContext(ctx).Operation; op == nil || op.Operation != ast.Subscription {
		return next(ctx)
	}
	if !isStream(ctx) {
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{present(ctx, errNoStream)}})
	}
	return next(context.WithValue(ctx, endingKey{}, &ending{}))
}

var errNoStream = invalid("a subscription needs a stream: POST with Accept: %s, or a WebSocket with the protocol %s", typeStream, protocol)

// tellEnding answers once more when a subscription did not end well: with the
// reason, and with the position after which to go on.
func tellEnding(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if res := next(ctx); res != nil {
		return res
	}
	e, ok := ctx.Value(endingKey{}).(*ending)
	if !ok || e.stream == nil || e.told || e.stream.Err() == nil {
		return nil
	}
	e.told = true
	out := present(ctx, e.stream.Err())
	out.Path = nil
	position := e.stream.Position().String()
	out.Message += "; nothing is lost: subscribe again with after: \"" + position + "\""
	out.Extensions["position"] = position
	return &graphql.Response{Errors: gqlerror.List{out}}
}
