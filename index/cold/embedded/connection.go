package embedded

import (
	"context"
	"io"
	"net"
	"time"
)

// dial connects to the engine. See [connection] for why.
func dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return connection{c.(*net.TCPConn)}, nil
}

// A connection to the engine is never reset by us, only ended. The driver
// closes a connection to cancel a query; if something is unread then, the
// kernel resets it, and this engine, unlike a server, aborts when a connection
// is reset while it waits for the next query. An ended one it takes for what it
// is, and gives up the query.
type connection struct{ *net.TCPConn }

// drain is how long an ended connection may take to be ended by the engine too.
const drain = 30 * time.Second

// Close ends our side and returns; what the engine still sends is read in the
// background until it has ended its own.
func (c connection) Close() error {
	if err := c.CloseWrite(); err != nil {
		return c.TCPConn.Close() // it is broken already
	}
	go func() {
		defer c.TCPConn.Close()
		if err := c.SetDeadline(time.Now().Add(drain)); err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, c.TCPConn) // however it ends, it has ended
	}()
	return nil
}
