package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"whatchanged.dev/whatchanged"
)

// inFlight bounds how many messages of one client wait for an answer at once.
// A stream of news waits for as long as the client listens, and is not counted.
const inFlight = 16

// Bridge carries the messages that an assistant writes on in to a server, and
// its answers back to out, a line each, until in or ctx ends. What was asked
// before in ended is answered. It adds the headers that the HTTP transport
// wants, ends requests that the client cancels, and knows nothing else of the
// messages.
func Bridge(ctx context.Context, in io.Reader, out io.Writer, exchange Exchange) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := bridge{exchange: exchange, out: out, running: map[string]context.CancelFunc{}, streams: map[string]bool{}}
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, inFlight)
	lines, ended := scan(ctx, in)
	for {
		select {
		case line := <-lines:
			m := read(line)
			if b.cancelled(m) {
				continue
			}
			waits := m.Method != listen
			if waits {
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			ctx, done := b.begin(ctx, m)
			all.Go(func() {
				defer done()
				b.forward(ctx, m, line)
				if waits {
					<-slots
				}
			})
		case err := <-ended:
			b.unlisten()
			all.Wait()
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// scan reads lines until in ends, and then tells how. A read cannot be ended
// from outside: one that waits when ctx ends goes on until in ends.
func scan(ctx context.Context, in io.Reader) (lines chan []byte, ended chan error) {
	lines, ended = make(chan []byte), make(chan error, 1)
	go func() {
		s := bufio.NewScanner(in)
		s.Buffer(nil, maxBody+1)
		for s.Scan() {
			line := bytes.Clone(bytes.TrimSpace(s.Bytes()))
			if len(line) == 0 {
				continue
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
		err := s.Err()
		if err != nil {
			err = fmt.Errorf("standard input: %w", err)
		}
		ended <- err
	}()
	return lines, ended
}

// A message is what the transport must know of a JSON-RPC message.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name      string          `json:"name"`
		URI       string          `json:"uri"`
		RequestID json.RawMessage `json:"requestId"`
		Meta      map[string]any  `json:"_meta"`

		Notifications struct {
			ResourceSubscriptions []string `json:"resourceSubscriptions"`
		} `json:"notifications"`
	} `json:"params"`
}

// read reads what it can; the server says what is wrong with the rest.
func read(line []byte) (m message) {
	_ = json.Unmarshal(line, &m)
	return m
}

// modern says whether the client speaks 2026-07-28 or later, without a session.
func (m message) modern() bool {
	version, _ := m.Params.Meta[mcpgo.MetaKeyProtocolVersion].(string)
	return mcpgo.IsModernProtocol(version)
}

// header mirrors a message as the HTTP transport wants it since 2026-07-28.
func (m message) header() map[string]string {
	version, ok := m.Params.Meta["io.modelcontextprotocol/protocolVersion"].(string)
	if !ok {
		return nil
	}
	h := map[string]string{"Mcp-Protocol-Version": version, "Mcp-Method": m.Method}
	if name := m.Params.Name + m.Params.URI; name != "" {
		h["Mcp-Name"] = name
	}
	return h
}

type bridge struct {
	exchange Exchange
	mu       sync.Mutex // of what follows
	out      io.Writer
	running  map[string]context.CancelFunc // by request id
	streams  map[string]bool               // those of them that listen
}

// begin notes a request, so that it can be cancelled until done is called.
func (b *bridge) begin(ctx context.Context, m message) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	id := string(m.ID)
	if id == "" {
		return ctx, cancel
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running[id], b.streams[id] = cancel, m.Method == listen
	return ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.running, id)
		delete(b.streams, id)
		cancel()
	}
}

// cancelled ends the request that m cancels; the server cannot, since over
// HTTP that is done by hanging up.
func (b *bridge) cancelled(m message) bool {
	if m.Method != "notifications/cancelled" {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if cancel, ok := b.running[string(m.Params.RequestID)]; ok {
		cancel()
	}
	return true
}

// unlisten ends the streams of a client that is gone: unlike what else it
// asked, they would go on.
func (b *bridge) unlisten() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, listens := range b.streams {
		if listens {
			b.running[id]()
		}
	}
}

// forward sends one message and writes its answer. A server that cannot be
// reached becomes a JSON-RPC error, so that the assistant learns of it; to what
// was cancelled there is no answer.
func (b *bridge) forward(ctx context.Context, m message, line []byte) {
	answer, err := b.exchange(ctx, m.header(), line, func(told []byte) { b.write(m, told) })
	if err != nil {
		if len(m.ID) == 0 || ctx.Err() != nil {
			return
		}
		answer = failure(m.ID, err)
	}
	b.write(m, answer)
}

// write writes what the server said to a message, a line each, however it
// spelled it.
func (b *bridge) write(m message, said []byte) {
	if said = bytes.TrimSpace(said); len(said) == 0 {
		return
	}
	var one bytes.Buffer
	if json.Compact(&one, said) != nil {
		one.Reset()
		one.Write(failure(m.ID, fmt.Errorf("answer of %d bytes is not JSON", len(said))))
	}
	one.WriteByte('\n')
	b.mu.Lock()
	defer b.mu.Unlock()
	_, _ = b.out.Write(one.Bytes()) // a client that is gone closes in as well
}

func failure(id json.RawMessage, err error) []byte {
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{
		"code": -32603, "message": whatchanged.AsError(err).Error()}})
	if err != nil {
		return nil // id was JSON
	}
	return b
}
