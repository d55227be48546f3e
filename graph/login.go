package graph

import (
	"context"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// How a connection is closed on which nobody may ask: as graphql-transport-ws
// has it, and again later as RFC 6455 has it. Clients try again of themselves
// but after the first.
const (
	closeUnknown  = 4401
	closeRefused  = 4403
	closeNotNow   = 1013
	closeNoInit   = 4400
	maxCloseWords = 123 // bytes
)

// A webSocket is gqlgen's transport, of connections of which it is known whose
// they are: by the header, or by the payload of the first message, since a page
// in a browser cannot set headers.
type webSocket struct {
	transport.Websocket
	all      *sockets
	resolver *resolvers.Resolver
	login    func(r *http.Request, authorization string) (resolvers.Viewer, error)
}

// Do implements [graphql.Transport].
func (t webSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	entered, err := t.all.enter()
	if err != nil {
		refuse(w, r, http.StatusTooManyRequests, err)
		return
	}
	defer entered()
	var s *socket
	t.Implementation = accepting(func(w http.ResponseWriter, r *http.Request) (transport.WebsocketConn, error) {
		s, err = t.all.accept(w, r)
		return s, err
	})
	leave := func() {}
	t.InitFunc = func(ctx context.Context, first transport.InitPayload) (context.Context, *transport.InitPayload, error) {
		authorization := first.Authorization()
		ctx, left, err := t.connect(ctx, r, authorization)
		if err != nil {
			return closing(ctx, authorization, err), nil, err
		}
		leave = left
		entered()
		return ctx, nil, nil
	}
	t.Websocket.Do(w, r, exec)
	leave()
	if s != nil {
		_ = s.WriteClose(closeNoInit, "the first message cannot be read") // unless it is closed: gqlgen forgets to
	}
}

// connect says whose a connection is, and counts it.
func (t webSocket) connect(ctx context.Context, r *http.Request, authorization string) (_ context.Context, leave func(), err error) {
	if authorization != "" && t.login != nil {
		v, err := t.login(r, authorization)
		if err != nil {
			return ctx, nil, err
		}
		ctx = resolvers.WithViewer(ctx, v)
	}
	leave, err = t.resolver.Connect(ctx)
	return ctx, leave, err
}

// closing says how a connection is closed on which nobody may ask, and why.
func closing(ctx context.Context, authorization string, err error) context.Context {
	e, code := whatchanged.AsError(err), closeNotNow
	switch {
	case e.Code == whatchanged.CodeUnauthenticated && authorization == "":
		code = closeUnknown
	case e.Code == whatchanged.CodeUnauthenticated:
		code = closeRefused
	}
	words := string(e.Code) + ": " + e.Error()
	words = strings.ToValidUTF8(words[:min(len(words), maxCloseWords)], "")
	return transport.AppendCloseReason(transport.WithWebsocketCloseCode(ctx, code), words)
}

// accepting answers the handshake of one request.
type accepting func(http.ResponseWriter, *http.Request) (transport.WebsocketConn, error)

// Accept implements [transport.WebsocketImplementation].
func (a accepting) Accept(w http.ResponseWriter, r *http.Request, _ transport.WebsocketAcceptOptions) (transport.WebsocketConn, error) {
	return a(w, r)
}
