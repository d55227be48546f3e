package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/coder/websocket"

	"whatchanged.dev/whatchanged"
)

// sockets are the WebSockets that are open. gqlgen's own adapter waits for ever
// for a client that does not read, and nothing closes its connections when the
// server stops.
type sockets struct {
	mu       sync.Mutex
	open     map[*socket]bool
	entering int           // those of whom it is not known yet who asks
	leaving  chan struct{} // closed when no more are kept
	none     chan struct{} // closed when, after that, none is open
}

// maxEntering bounds how many connections may be open of which nobody has
// said yet whose they are.
const maxEntering = 256

func newSockets() *sockets {
	return &sockets{open: map[*socket]bool{}, leaving: make(chan struct{}), none: make(chan struct{})}
}

// enter counts a connection until entered is called, because it is known whose
// it is or has come to its end.
func (all *sockets) enter() (entered func(), err error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.entering == maxEntering {
		return nil, whatchanged.Errorf(whatchanged.CodeRateLimited, "%d connections wait for their first message already; ask again", maxEntering)
	}
	all.entering++
	return sync.OnceFunc(func() {
		all.mu.Lock()
		defer all.mu.Unlock()
		all.entering--
	}), nil
}

// accept answers the handshake. Which origins may ask was decided for all
// requests alike before this.
func (all *sockets) accept(w http.ResponseWriter, r *http.Request) (*socket, error) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol}, InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	s := &socket{Conn: c, all: all}
	all.mu.Lock()
	all.open[s] = true
	all.mu.Unlock()
	all.leaveIf(s)
	return s, nil
}

// closed forgets a socket.
func (all *sockets) closed(s *socket) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.open, s)
	all.noneIf()
}

// noneIf tells that none is open, once that is so and stays so.
func (all *sockets) noneIf() {
	select {
	case <-all.leaving:
	default:
		return
	}
	select {
	case <-all.none:
	default:
		if len(all.open) == 0 {
			close(all.none)
		}
	}
}

// shutdown closes every socket once what it was told last has been sent, and
// returns when all are closed or ctx ends.
func (all *sockets) shutdown(ctx context.Context) error {
	all.mu.Lock()
	close(all.leaving)
	open := make([]*socket, 0, len(all.open))
	for s := range all.open {
		open = append(open, s)
	}
	all.noneIf()
	all.mu.Unlock()
	for _, s := range open {
		all.leaveIf(s)
	}
	select {
	case <-all.none:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leaveIf closes a socket when no more are kept and nothing on it is underway.
func (all *sockets) leaveIf(s *socket) {
	select {
	case <-all.leaving:
	default:
		return
	}
	s.mu.Lock()
	idle := s.underway == 0
	s.mu.Unlock()
	if idle {
		_ = s.WriteClose(int(websocket.StatusGoingAway), "the server is stopping")
	}
}

// A socket is one connection. It is read by one goroutine, and written to by
// one at a time.
type socket struct {
	*websocket.Conn
	all      *sockets
	mu       sync.Mutex
	underway int         // operations
	late     *time.Timer // closes the connection when no pong comes
	closing  sync.Once
}

// A head is what is looked at of a message.
type head struct {
	Type string `json:"type"`
}

// NextReader implements [transport.WebsocketConn].
func (s *socket) NextReader() (int, io.Reader, error) {
	kind, data, err := s.Read(context.Background())
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd:
		err = transport.ErrWebsocketClosed
	}
	if err != nil {
		s.all.closed(s)
		return int(kind), nil, err
	}
	var h head
	if json.Unmarshal(data, &h) == nil && h.Type == "subscribe" {
		s.mu.Lock()
		s.underway++
		s.mu.Unlock()
	}
	return int(kind), bytes.NewReader(data), nil
}

// WriteJSON implements [transport.WebsocketConn].
func (s *socket) WriteJSON(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	err = s.Write(ctx, websocket.MessageText, b) // when the time is up, it closes the connection
	var h head
	if json.Unmarshal(b, &h) == nil && h.Type == "complete" {
		s.mu.Lock()
		s.underway--
		s.mu.Unlock()
		s.all.leaveIf(s)
	}
	return err
}

// WriteClose implements [transport.WebsocketConn]. The handshake waits for the
// client, and nobody for the handshake.
func (s *socket) WriteClose(code int, reason string) error {
	s.closing.Do(func() {
		go func() {
			_ = s.Conn.Close(websocket.StatusCode(code), reason)
			s.all.closed(s)
		}()
	})
	return nil
}

// Close implements [transport.WebsocketConn].
func (s *socket) Close() error {
	s.closing.Do(func() { _ = s.CloseNow() })
	return nil
}

// SetReadDeadline implements [transport.WebsocketReadDeadliner].
func (s *socket) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late != nil {
		s.late.Stop()
	}
	if !t.IsZero() {
		s.late = time.AfterFunc(time.Until(t), func() { _ = s.CloseNow() })
	}
	return nil
}
