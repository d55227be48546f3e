// Package graph serves the questions of package resolvers over GraphQL.
//
// There are no resolver stubs here. The generated QueryResolver interface is
// satisfied by *resolvers.Resolver itself, so a schema that names a question
// nobody answers does not compile. What is left to this package is HTTP: which
// transports there are, what they refuse, and how an error is spelled.
package graph

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

var _ QueryResolver = (*resolvers.Resolver)(nil)

type root struct{ *resolvers.Resolver }

func (r root) Query() QueryResolver { return r.Resolver }

func (r root) Subscription() SubscriptionResolver { return subscription(r) }

// Limits on one request; those on what it may cost stand in cost.go.
const (
	maxBody       = 1 << 20
	maxTokens     = 5000
	cachedQueries = 1000
)

// Options say what answers, and how.
type Options struct {
	Resolver *resolvers.Resolver
	Log      *slog.Logger

	// Login says who proves themselves by what the first message on a WebSocket
	// has for an Authorization header; nil: nobody can.
	Login func(r *http.Request, authorization string) (resolvers.Viewer, error)

	// Operations are all that may be asked; nil is anything.
	Operations *Operations

	// Heavy operations run so many at once, 0 is one for every two processors;
	// so many wait, 0 is 64; for so long, 0 is 10 s. The rest is turned away.
	HeavyAtOnce, HeavyWaiting int
	HeavyPatience             time.Duration
}

// A Handler answers GraphQL requests over HTTP, and subscriptions over
// server-sent events and WebSockets.
type Handler struct {
	http.Handler
	sockets *sockets
}

// NewHandler returns a handler. The viewer must already be in the context of
// the requests, but for those that ask for a WebSocket.
func NewHandler(c Options) *Handler {
	refusedBefore()
	all := newSockets()
	h := handler.New(NewExecutableSchema(Config{Schema: schema.Parsed, Resolvers: root{c.Resolver}}))
	h.AddTransport(sse{transport.SSE{KeepAlivePingInterval: pingInterval}})
	h.AddTransport(webSocket{transport.Websocket{InitTimeout: initTimeout, PingPongInterval: pingInterval}, all, c.Resolver, c.Login})
	h.AddTransport(transport.Options{})
	h.AddTransport(transport.GET{})
	h.AddTransport(transport.POST{})
	h.SetQueryCache(short[*ast.QueryDocument]{lru.New[*ast.QueryDocument](cachedQueries)})
	h.SetParserTokenLimit(maxTokens)
	h.SetDisableSuggestion(true)
	h.Use(extension.Introspection{})
	h.Use(newPersisted(c.Operations))
	if c.Operations != nil {
		h.Use(c.Operations)
	}
	h.Use(limits{})
	h.AroundOperations(newTurns(c.HeavyAtOnce, c.HeavyWaiting, c.HeavyPatience).queue)
	h.AroundOperations(withEnding)
	h.AroundResponses(tellEnding)
	h.SetErrorPresenter(present)
	h.SetRecoverFunc(func(ctx context.Context, v any) error {
		c.Log.ErrorContext(ctx, "graphql: a resolver panicked", "panic", v)
		return whatchanged.Errorf(whatchanged.CodeInternal, "internal error")
	})
	return &Handler{conform(h), all}
}

// Shutdown closes what http.Server.Shutdown does not know of: the WebSockets,
// each once what is underway on it has ended. Drain the resolver first, which
// ends subscriptions.
func (h *Handler) Shutdown(ctx context.Context) error { return h.sockets.shutdown(ctx) }

// refusedBefore are the codes of what is refused before it is executed. gqlgen's
// table of which codes make a request that is none is global.
var refusedBefore = sync.OnceFunc(func() {
	for _, code := range []whatchanged.Code{whatchanged.CodeTooLarge, whatchanged.CodeInvalidArgument} {
		errcode.RegisterErrorType(string(code), errcode.KindProtocol)
	}
})

// present tells the client what it can act on; the rest stays in the log.
func present(ctx context.Context, err error) *gqlerror.Error {
	out := graphql.DefaultErrorPresenter(ctx, err)
	e := whatchanged.AsError(err)
	if out.Err == nil || isSyntax(out) { // made by gqlgen itself: the query does not fit the schema
		e = schema.Refusal(out)
	}
	if strings.HasPrefix(out.Message, "exceeded token limit") {
		e = whatchanged.Errorf(whatchanged.CodeTooLarge, "%s", out.Message)
	}
	if e.Code == whatchanged.CodeInvalidArgument && e.Field == "" {
		e = e.In(schema.Field(out.Path)) // a scalar's parser does not know whose value it reads
	}
	out.Message, _, _ = strings.Cut(e.Error(), " Did you mean ") // gqlparser suggests whatever is in the schema
	c := out.Extensions[costKey]
	if out.Extensions["code"] == notPersisted { // clients know it by its code
		return out
	}
	out.Extensions = map[string]any{"code": e.Code}
	if c != nil {
		out.Extensions[costKey] = c
	}
	if e.Field != "" {
		out.Extensions["field"] = e.Field
	}
	if len(e.Suggest) > 0 {
		out.Extensions["suggest"] = e.Suggest
	}
	return out
}

// isSyntax reports whether gqlgen found fault with the document.
func isSyntax(e *gqlerror.Error) bool {
	return e.Rule != "" || e.Extensions["code"] == "GRAPHQL_PARSE_FAILED" || e.Extensions["code"] == "GRAPHQL_VALIDATION_FAILED"
}
