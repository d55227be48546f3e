package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// listen is the method that asks for a stream of news (MCP 2026-07-28).
const listen = "subscriptions/listen"

// How long a stream may be silent, and how long a client may take for one
// message.
const (
	aliveEvery   = 15 * time.Second
	writeTimeout = 15 * time.Second
)

// A watched is a resource that a client listens to: what of it would have to
// change.
type watched struct {
	uri     string
	entity  whatchanged.Ref
	rollout string
}

// watchedBy returns what a URI stands for, ok if it can be listened to.
func watchedBy(uri string) (w watched, ok bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != scheme {
		return w, false
	}
	id := strings.TrimPrefix(u.Path, "/")
	w.uri = uri
	switch u.Host {
	case "incident":
		w.entity = whatchanged.RefOf(whatchanged.KindIncident, id)
	case "rollout":
		w.rollout = id
	case "service", "config":
		w.entity, err = whatchanged.ParseRef(id)
	default:
		return w, false
	}
	return w, err == nil && id != ""
}

// listening answers a request for news until the client leaves or the server
// drains: mcp-go acknowledges it and keeps the stream, and what happens to the
// resources is told by ours, to those alone who may see it.
func (h *handler) listening(w http.ResponseWriter, r *http.Request, m message, body []byte) {
	var wanted []watched
	var uris []string
	for _, uri := range m.Params.Notifications.ResourceSubscriptions {
		if of, ok := watchedBy(uri); ok {
			wanted, uris = append(wanted, of), append(uris, uri)
		}
	}
	if len(wanted) == 0 && !h.listsChange(r.Context()) {
		nothing(w, m.ID)
		return
	}
	ctx, end := context.WithCancel(r.Context())
	var ours sync.WaitGroup // done with the stream before we are
	defer ours.Wait()
	defer end()
	s := newStream(w)
	if len(wanted) > 0 {
		told, err := h.follow(ctx, wanted)
		if err != nil {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(whatchanged.Codes[whatchanged.CodeOf(err)].HTTP)
			_, _ = w.Write(failure(m.ID, err))
			return
		}
		ours.Go(func() {
			defer end()
			s.tell(ctx, m.ID, told)
		})
	}
	r = r.WithContext(ctx)
	r.Body = only(body, uris)
	h.next.ServeHTTP(s, r)
}

// follow returns a channel of the URIs that something happened to. It is
// closed when the server drains, or the client is too slow.
func (h *handler) follow(ctx context.Context, wanted []watched) (<-chan string, error) {
	var of whatchanged.Ref
	entities, rollouts := map[whatchanged.Ref][]string{}, map[string][]string{}
	for _, w := range wanted {
		if w.entity != of {
			entities[w.entity] = append(entities[w.entity], w.uri)
		} else {
			rollouts[w.rollout] = append(rollouts[w.rollout], w.uri)
		}
	}
	var changes *resolvers.Stream[resolvers.ChangeBrief]
	var steps *resolvers.Stream[resolvers.RolloutProgress]
	var err error
	if len(entities) > 0 {
		filter := &resolvers.ChangeFilter{}
		for ref := range entities {
			filter.Entities = append(filter.Entities, ref)
		}
		if changes, err = h.resolver.FollowChanges(ctx, resolvers.Following{Filter: filter}); err != nil {
			return nil, err
		}
	}
	if len(rollouts) > 0 {
		if steps, err = h.resolver.FollowRollouts(ctx, resolvers.Following{}); err != nil {
			return nil, err
		}
	}
	out := make(chan string)
	var all sync.WaitGroup
	pour := func(uris []string) {
		for _, uri := range uris {
			select {
			case out <- uri:
			case <-ctx.Done():
			}
		}
	}
	if changes != nil {
		all.Go(func() {
			for c := range changes.C {
				pour(entities[c.Entity])
			}
		})
	}
	if steps != nil {
		all.Go(func() {
			for p := range steps.C {
				pour(rollouts[p.Rollout.ID])
			}
		})
	}
	go func() { all.Wait(); close(out) }()
	return out, nil
}

// nothing acknowledges that there is nothing to listen to, and ends. mcp-go may
// lose an acknowledgement that is followed by the end at once.
func nothing(w http.ResponseWriter, id json.RawMessage) {
	meta := map[string]any{mcpgo.MetaKeySubscriptionID: id}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	for _, message := range []map[string]any{
		{"method": mcpgo.MethodNotificationSubscriptionsAcknowledged, "params": map[string]any{"notifications": map[string]any{}, "_meta": meta}},
		{"id": id, "result": map[string]any{"resultType": "complete", "_meta": meta}},
	} {
		message["jsonrpc"] = "2.0"
		b, err := json.Marshal(message)
		if err != nil {
			return // id was JSON
		}
		fmt.Fprintf(w, "event: message\ndata: %s\n\n", b)
	}
}

// only is a request for news of these resources alone: of others there is
// nothing to tell, and the client learns which by the acknowledgement.
func only(body []byte, uris []string) *memory {
	var m map[string]any
	_ = json.Unmarshal(body, &m)
	params, _ := m["params"].(map[string]any)
	if n, ok := params["notifications"].(map[string]any); ok && n["resourceSubscriptions"] != nil {
		n["resourceSubscriptions"] = uris
		if b, err := json.Marshal(m); err == nil {
			body = b
		}
	}
	return inMemory(body)
}

// A stream is written to by two: each message whole, and none of ours before
// mcp-go's first, the acknowledgement. It lasts as long as the client reads.
type stream struct {
	http.ResponseWriter
	conn  *http.ResponseController
	mu    sync.Mutex
	begun chan struct{}
	once  sync.Once
}

func newStream(w http.ResponseWriter) *stream {
	s := &stream{ResponseWriter: w, conn: http.NewResponseController(w), begun: make(chan struct{})}
	_ = s.conn.SetReadDeadline(time.Time{}) // the request has been read
	return s
}

// Write implements [http.ResponseWriter].
func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := s.ResponseWriter.Write(b)
	s.once.Do(func() { close(s.begun) })
	return n, err
}

// Flush implements [http.Flusher].
func (s *stream) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.conn.Flush()
}

// tell writes that resources were updated until there is no more to tell.
func (s *stream) tell(ctx context.Context, id json.RawMessage, uris <-chan string) {
	select {
	case <-s.begun:
	case <-ctx.Done():
		return
	}
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	for {
		var text string
		select {
		case uri, ok := <-uris:
			if !ok {
				return
			}
			b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": mcpgo.MethodNotificationResourceUpdated,
				"params": map[string]any{"uri": uri, "_meta": map[string]any{mcpgo.MetaKeySubscriptionID: id}}})
			if err != nil {
				return // id was JSON
			}
			text = fmt.Sprintf("event: message\ndata: %s\n\n", b)
		case <-alive.C:
			text = ": alive\n\n" // so that no proxy takes the stream for dead
		case <-ctx.Done():
			return
		}
		if _, err := s.Write([]byte(text)); err != nil {
			return
		}
		s.Flush()
	}
}
