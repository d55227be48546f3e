package enginetest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A Gate is an address that leads to an engine while it is open, and where
// nothing listens while it is shut, so that a test can have the engine away
// without ending it. A new gate is shut.
type Gate struct {
	Addr string

	t      testing.TB
	engine string
	mu     sync.Mutex
	listen net.Listener
	open   map[net.Conn]bool
	ended  sync.WaitGroup
}

// NewGate returns a gate to the engine that listens at an address. It is shut
// when the test ends.
func NewGate(t testing.TB, engine string) *Gate {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &Gate{Addr: l.Addr().String(), t: t, engine: engine, open: map[net.Conn]bool{}}
	l.Close()
	t.Cleanup(func() { g.Shut(); g.ended.Wait() })
	return g
}

// Open lets connections through.
func (g *Gate) Open() {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	l, err := (&net.ListenConfig{}).Listen(g.t.Context(), "tcp4", g.Addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.listen = l
	g.ended.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.ended.Go(func() { g.pass(c.(*net.TCPConn)) })
		}
	})
}

// Shut ends what is open and lets nothing through.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listen == nil {
		return
	}
	g.listen.Close()
	g.listen = nil
	for c := range g.open {
		c.Close()
	}
}

// pass joins a connection with one of its own to the engine, which it ends and
// never resets: see embedded's dial. However either ends, the other is ended.
func (g *Gate) pass(client *net.TCPConn) {
	defer client.Close()
	if !g.admit(client) {
		return
	}
	defer g.leave(client)
	c, err := (&net.Dialer{}).DialContext(g.t.Context(), "tcp4", g.engine)
	if err != nil {
		return
	}
	defer c.Close()
	engine := c.(*net.TCPConn)
	g.ended.Go(func() {
		_, _ = io.Copy(engine, client)
		_ = engine.CloseWrite()
	})
	_, _ = io.Copy(client, engine)
	client.Close()
	_, _ = io.Copy(io.Discard, engine)
}

func (g *Gate) admit(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listen != nil {
		g.open[c] = true
	}
	return g.listen != nil
}

func (g *Gate) leave(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, c)
}
