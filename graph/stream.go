package graph

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql/handler/transport"
)

// How long a connection may be silent or stuck.
const (
	initTimeout  = 10 * time.Second // for the first message on a WebSocket
	pingInterval = 15 * time.Second
	writeTimeout = 15 * time.Second // for one message, to a client that does not read
)

// protocol is the one that is spoken over WebSockets.
const protocol = "graphql-transport-ws"

type streamKey struct{}

// asStream marks a request whose connection can carry many answers.
func asStream(ctx context.Context) context.Context {
	return context.WithValue(ctx, streamKey{}, true)
}

func isStream(ctx context.Context) bool { return ctx.Value(streamKey{}) != nil }

// sse is gqlgen's transport, of what conform found to want a stream.
type sse struct{ transport.SSE }

// Supports implements [graphql.Transport].
func (t sse) Supports(r *http.Request) bool { return isStream(r.Context()) && t.SSE.Supports(r) }

// A stream is written to for as long as the client reads, however long that
// is, and not for longer.
type stream struct {
	http.ResponseWriter
	conn *http.ResponseController
}

func newStream(w http.ResponseWriter) stream {
	s := stream{w, http.NewResponseController(w)}
	_ = s.conn.SetReadDeadline(time.Time{}) // the request has been read
	return s
}

// Write implements [http.ResponseWriter].
func (s stream) Write(b []byte) (int, error) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	return s.ResponseWriter.Write(b)
}

// Flush implements [http.Flusher].
func (s stream) Flush() { _ = s.conn.Flush() }

// upgrade lets through what asks for a WebSocket and the protocol that is
// spoken here: gqlgen would take its predecessor for it.
func upgrade(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") { // of a POST gqlgen would answer what it asks
		refuse(w, r, http.StatusBadRequest, invalid("Upgrade: want GET and websocket"))
		return
	}
	spoken := strings.Split(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",")
	if !slices.ContainsFunc(spoken, func(p string) bool { return strings.TrimSpace(p) == protocol }) {
		refuse(w, r, http.StatusBadRequest, invalid("Sec-WebSocket-Protocol: want %s", protocol))
		return
	}
	next.ServeHTTP(w, r.WithContext(asStream(r.Context())))
}
