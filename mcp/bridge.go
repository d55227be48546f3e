package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"whatchanged.dev/whatchanged"
)

// An Exchange sends one JSON-RPC message to the /mcp of a server and returns
// its answer, empty when there is none to be had (it was a notification).
type Exchange func(ctx context.Context, header map[string]string, message []byte) ([]byte, error)

// inFlight bounds how many messages of one client wait for an answer at once.
const inFlight = 16

// Bridge carries the messages that an assistant writes on in to a server, and
// its answers back to out, a line each, until in ends. It adds the headers
// that the HTTP transport wants and knows nothing else of the messages.
func Bridge(ctx context.Context, in io.Reader, out io.Writer, exchange Exchange) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	write := func(b []byte) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = out.Write(append(bytes.TrimSpace(b), '\n')) // a client that is gone closes in as well
	}
	var running sync.WaitGroup
	slots := make(chan struct{}, inFlight)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxBody+1)
	for lines.Scan() {
		message := bytes.Clone(bytes.TrimSpace(lines.Bytes()))
		if len(message) == 0 {
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if answer := forward(ctx, exchange, message); len(answer) > 0 {
				write(answer)
			}
		})
	}
	running.Wait()
	if err := lines.Err(); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	return nil
}

// forward sends one message. A server that cannot be reached becomes a
// JSON-RPC error, so that the assistant learns of it.
func forward(ctx context.Context, exchange Exchange, message []byte) []byte {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Name string         `json:"name"`
			URI  string         `json:"uri"`
			Meta map[string]any `json:"_meta"`
		} `json:"params"`
	}
	header := map[string]string{}
	if json.Unmarshal(message, &m) == nil {
		if v, ok := m.Params.Meta["io.modelcontextprotocol/protocolVersion"].(string); ok {
			header["Mcp-Protocol-Version"], header["Mcp-Method"] = v, m.Method
			if name := m.Params.Name + m.Params.URI; name != "" {
				header["Mcp-Name"] = name
			}
		}
	}
	answer, err := exchange(ctx, header, message)
	if err == nil {
		return answer
	}
	if len(m.ID) == 0 {
		return nil
	}
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": m.ID, "error": map[string]any{
		"code": -32603, "message": whatchanged.AsError(err).Error()}})
	if err != nil {
		return nil // m.ID was JSON
	}
	return b
}
