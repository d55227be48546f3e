package graph_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph"
	"whatchanged.dev/whatchanged/resolvers"
)

// A told is one message of a subscription.
type told struct {
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Extensions struct{ Code, Field, Position string }
	}
}

// subscribed opens a subscription at an address and returns what it tells,
// until it ends or ctx does.
type subscribed func(ctx context.Context, t testing.TB, address, query string) <-chan told

// transports are the ways to subscribe.
var transports = map[string]subscribed{"server-sent events": overEvents, "WebSocket": overSocket}

func overEvents(ctx context.Context, t testing.TB, address, query string) <-chan told {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"query": query})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {oldType}, "Accept": {"text/event-stream"}}
	res, err := http.DefaultClient.Do(req) //nolint:bodyclose // it is closed by who reads it, below
	if err != nil {
		t.Fatal(err)
	}
	if mt := res.Header.Get("Content-Type"); mt != "text/event-stream" {
		res.Body.Close()
		t.Fatalf("%d %s", res.StatusCode, mt)
	}
	all := make(chan told)
	go func() {
		defer close(all)
		defer res.Body.Close()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if m := (told{}); ok && json.Unmarshal([]byte(data), &m) == nil {
				select {
				case all <- m:
				case <-ctx.Done():
				}
			}
		}
	}()
	return all
}

func overSocket(ctx context.Context, t testing.TB, address, query string) <-chan told {
	t.Helper()
	c := dial(ctx, t, address)
	type message struct {
		Type    string          `json:"type"`
		ID      string          `json:"id,omitempty"`
		Payload json.RawMessage `json:"payload,omitempty"`
	}
	payload, _ := json.Marshal(map[string]string{"query": query})
	for _, m := range []message{{Type: "connection_init"}, {Type: "subscribe", ID: "1", Payload: payload}} {
		if err := wsjson.Write(ctx, c, m); err != nil {
			t.Fatal(err)
		}
	}
	all := make(chan told)
	go func() {
		defer close(all)
		defer func() { _ = c.CloseNow() }()
		for {
			var m message
			if wsjson.Read(ctx, c, &m) != nil || m.Type == "complete" {
				return
			}
			if m.Type == "connection_ack" || m.Type == "ping" {
				continue
			}
			var v told
			_ = json.Unmarshal(m.Payload, &v)
			select {
			case all <- v:
			case <-ctx.Done():
			}
		}
	}()
	return all
}

func dial(ctx context.Context, t testing.TB, address string) *websocket.Conn {
	t.Helper()
	c, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		res.Body.Close()
	}
	return c
}

// serve serves the walker for ann over HTTP.
func (w *walker) serve() string {
	s := httptest.NewServer(http.HandlerFunc(func(res http.ResponseWriter, r *http.Request) {
		w.ServeHTTP(res, r.WithContext(resolvers.WithViewer(r.Context(), resolvers.Viewer{Who: "ann"})))
	}))
	w.t.Cleanup(func() {
		w.Resolver.Drain()
		s.Close()
	})
	return s.URL
}

// texts spells what a subscription told, at most so many of it, errors as their
// code and message.
func texts(all <-chan told, most int) (out []string) {
	for range most {
		m, ok := <-all
		if !ok {
			break
		}
		for _, e := range m.Errors {
			out = append(out, e.Extensions.Code+" "+e.Message)
		}
		if len(m.Data) > 0 && string(m.Data) != "null" {
			out = append(out, string(m.Data))
		}
	}
	return out
}

func is(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSubscriptionsTellWhatWasAskedFor(t *testing.T) {
	for name, subscribe := range transports {
		t.Run(name, func(t *testing.T) {
			for _, tt := range []struct {
				claim, query string
				want         []string
			}{
				{"all changes, from a position on", `subscription{changes(after:"pos:11",limit:2){id position}}`,
					[]string{`{"changes":{"id":"inc-open","position":"pos:12.0"}}`, `{"changes":{"id":"inc-done","position":"pos:13.0"}}`}},
				{"of one kind", `subscription{changes(after:"pos:0",limit:1,filter:{kinds:["oncall"]}){id}}`, []string{`{"changes":{"id":"call"}}`}},
				{"in one place", `subscription{changes(after:"pos:0",limit:1,filter:{environments:["prod"],regions:["eu","us"]}){id}}`, []string{`{"changes":{"id":"eu"}}`}},
				{"on one entity; of an incident, what it is about counts", `subscription{changes(after:"pos:9",limit:4,filter:{entities:["service:shop/web"]}){id}}`,
					[]string{`{"changes":{"id":"step"}}`, `{"changes":{"id":"eu"}}`, `{"changes":{"id":"inc-open"}}`, `{"changes":{"id":"inc-done"}}`}},
				{"of one source and namespace", `subscription{changes(after:"pos:0",limit:1,filter:{sources:["test"],namespaces:["default"]}){id}}`, []string{`{"changes":{"id":"inc-open"}}`}},
				{"a rollout's steps, with where it stands", `subscription{rolloutProgress(after:"pos:0",limit:1){position step{id} rollout{id phase entity steps{id}}}}`,
					[]string{`{"rolloutProgress":{"position":"pos:10.0","step":{"id":"step"},"rollout":{"id":"r1","phase":"paused","entity":"service:shop/web","steps":[{"id":"step"}]}}}`}},
				{"an incident's course", `subscription{incidentUpdates(after:"pos:0",limit:2){incident about startedAt change{action}}}`,
					[]string{`{"incidentUpdates":{"incident":"incident:default/inc-1","about":"service:shop/web","startedAt":"2026-03-01T11:35:00Z","change":{"action":"detected"}}}`,
						`{"incidentUpdates":{"incident":"incident:default/inc-1","about":"service:shop/web","startedAt":"2026-03-01T11:35:00Z","change":{"action":"resolved"}}}`}},
				{"nothing for less than one", `subscription{changes(limit:0){id}}`, []string{`INVALID_ARGUMENT limit: 0: want at least 1, or none to go on for ever`}},
				{"nothing after what has not been", `subscription{changes(after:"pos:99"){id}}`, []string{"STALE after: position pos:99 has not been seen yet; the last is pos:13"}},
				{"nothing of what is no field", `subscription{change{id}}`, []string{`INVALID_ARGUMENT Cannot query field "change" on type "Subscription".`}},
			} {
				t.Run(tt.claim, func(t *testing.T) {
					w := newWalkerOf(t, resolvers.Config{Timeout: time.Second}, graph.Options{}, village()...)
					got := texts(subscribe(t.Context(), t, w.serve(), tt.query), len(tt.want)+1)
					is(t, got, tt.want...)
				})
			}
		})
	}
}

// TestSubscriptionsGoOn: what comes is told when it comes; without a position,
// what came before is not.
func TestSubscriptionsGoOn(t *testing.T) {
	for name, subscribe := range transports {
		t.Run(name, func(t *testing.T) {
			w := newWalker(t, changed("before", web, 1))
			all := subscribe(t.Context(), t, w.serve(), `subscription{changes{id}}`)
			w.until("the subscription is open", func() bool { return strings.Contains(w.audit.String(), `"followChanges"`) })
			for i := range 3 {
				id := fmt.Sprint("live-", i)
				w.tell(changed(id, web, 0))
				is(t, texts(all, 1), `{"changes":{"id":"`+id+`"}}`)
			}
			w.Resolver.Drain()
			is(t, texts(all, 2), `UNAVAILABLE the server is stopping; nothing is lost: subscribe again with after: "pos:4"`)
			is(t, texts(subscribe(t.Context(), t, w.serve(), `subscription{changes{id}}`), 2), "UNAVAILABLE the server is stopping")
		})
	}
}

// TestASubscriptionBrokenOffLosesNothing: while events stream in, it is cut
// after every few, and opened again after the last position told.
func TestASubscriptionBrokenOffLosesNothing(t *testing.T) {
	const n = 300
	for name, subscribe := range transports {
		t.Run(name, func(t *testing.T) {
			w := newWalker(t)
			address := w.serve()
			go func() {
				for i := range n {
					w.tell(changed(fmt.Sprint("e", i), service(fmt.Sprint("s", i%7)), i))
				}
			}()
			after, next := "pos:0", 0
			for cut := 1; next < n; cut++ {
				ctx, leave := context.WithCancel(t.Context())
				all := subscribe(ctx, t, address, fmt.Sprintf(`subscription{changes(after:%q){id position}}`, after))
				for range min(1+cut*7%40, n-next) {
					var m struct {
						Changes struct{ ID, Position string }
					}
					if err := json.Unmarshal((<-all).Data, &m); err != nil {
						t.Fatal(err)
					}
					if want := fmt.Sprint("e", next); m.Changes.ID != want {
						t.Fatalf("told %s after %s, want %s", m.Changes.ID, after, want)
					}
					after = m.Changes.Position
					next++
				}
				leave()
			}
		})
	}
}

// TestWhoDoesNotReadIsDropped: told why, and where to go on.
func TestWhoDoesNotReadIsDropped(t *testing.T) {
	w := newWalkerOf(t, resolvers.Config{Patience: time.Millisecond}, graph.Options{}, changed("a", web, 3), changed("b", web, 2))
	res := &stuck{ResponseRecorder: httptest.NewRecorder(), read: make(chan struct{})}
	req := httptest.NewRequestWithContext(resolvers.WithViewer(t.Context(), resolvers.Viewer{Who: "ann"}), http.MethodPost, "/graphql",
		strings.NewReader(`{"query":"subscription{changes(after:\"pos:0\"){id}}"}`))
	req.Header = http.Header{"Content-Type": {oldType}, "Accept": {"text/event-stream"}}
	done := make(chan struct{})
	go func() { defer close(done); w.ServeHTTP(res, req) }()
	w.until("b has waited in vain", func() bool { return strings.Contains(w.audit.String(), `"STALE"`) })
	close(res.read)
	<-done
	body := res.Body.String()
	for _, want := range []string{`"id":"a"`, `"code":"STALE","position":"pos:1.0"`, `what came next waited 1ms to be taken; nothing is lost: subscribe again with after: \"pos:1.0\"`, "event: complete"} {
		if !strings.Contains(body, want) {
			t.Errorf("nothing says %s:\n%s", want, body)
		}
	}
	if strings.Contains(body, `"id":"b"`) {
		t.Errorf("b was told:\n%s", body)
	}
}

// stuck is a client that does not read what it is told until read is closed.
type stuck struct {
	*httptest.ResponseRecorder
	read chan struct{}
}

// Write implements [http.ResponseWriter].
func (s *stuck) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("event: next")) {
		<-s.read
	}
	return s.ResponseRecorder.Write(b)
}

// TestSubscriptionsOfOneCallerAreFew: and one that ends makes room.
func TestSubscriptionsOfOneCallerAreFew(t *testing.T) {
	w := newWalkerOf(t, resolvers.Config{Subscriptions: 1}, graph.Options{}, changed("a", web, 3))
	address := w.serve()
	ctx, leave := context.WithCancel(t.Context())
	first := overEvents(ctx, t, address, `subscription{changes(after:"pos:0"){id}}`)
	is(t, texts(first, 1), `{"changes":{"id":"a"}}`)
	const query = `subscription{changes(after:"pos:0",limit:1){id}}`
	is(t, texts(overSocket(t.Context(), t, address, query), 2), "RATE_LIMITED 1 subscriptions are open for you; close one first")
	leave()
	w.until("there is room again", func() bool {
		return slices.Equal(texts(overSocket(t.Context(), t, address, query), 2), []string{`{"changes":{"id":"a"}}`})
	})
}

// TestWhoMayNoLongerSeeIsToldNoMore: the viewer is looked at again for every
// event.
func TestWhoMayNoLongerSeeIsToldNoMore(t *testing.T) {
	w := newWalker(t, changed("a", web, 3))
	ctx := resolvers.WithViewer(t.Context(), resolvers.Viewer{Who: "ann", Until: noon.Add(time.Minute)})
	s, err := w.Resolver.FollowChanges(ctx, resolvers.Following{After: &whatchanged.Position{}})
	if err != nil {
		t.Fatal(err)
	}
	if c := <-s.C; c == nil || c.ID != "a" {
		t.Fatalf("told %v, want a", c)
	}
	w.later.Store(int64(time.Minute))
	w.tell(changed("b", web, 1))
	if c, ok := <-s.C; ok {
		t.Errorf("told %v", c)
	}
	if err := s.Err(); whatchanged.CodeOf(err) != whatchanged.CodeUnauthenticated || s.Position() != whatchanged.At(1) {
		t.Errorf("ended with %v at %v", err, s.Position())
	}
}

// TestASubscriptionNeedsAStream: a single answer would be its first event, and
// the rest lost without a sign.
func TestASubscriptionNeedsAStream(t *testing.T) {
	w := newWalker(t)
	_, errs := w.ask(`subscription{changes{id}}`)
	is(t, errs, "INVALID_ARGUMENT  a subscription needs a stream: POST with Accept: text/event-stream, or a WebSocket with the protocol graphql-transport-ws")
}

// TestShutdownClosesSockets: an idle one at once, one with a subscription when
// that was told why it ends.
func TestShutdownClosesSockets(t *testing.T) {
	w := newWalker(t, changed("a", web, 3))
	address := w.serve()
	idle := dial(t.Context(), t, address)
	busy := overSocket(t.Context(), t, address, `subscription{changes(after:"pos:0"){id}}`)
	is(t, texts(busy, 1), `{"changes":{"id":"a"}}`)
	w.Resolver.Drain()
	done := make(chan error, 1)
	go func() { done <- w.Shutdown(t.Context()) }()
	if _, _, err := idle.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the idle one: %v", err)
	}
	is(t, texts(busy, 3), `UNAVAILABLE the server is stopping; nothing is lost: subscribe again with after: "pos:1"`)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestOnlyOneProtocolIsSpoken: a client that asks for another is told so.
func TestOnlyOneProtocolIsSpoken(t *testing.T) {
	address := newWalker(t).serve()
	for protocol, want := range map[string]int{"graphql-ws": http.StatusBadRequest, "": http.StatusBadRequest, "graphql-transport-ws": http.StatusSwitchingProtocols} {
		_, res, _ := websocket.Dial(t.Context(), address, &websocket.DialOptions{Subprotocols: strings.Fields(protocol)}) //nolint:bodyclose // the client has closed it
		if res.StatusCode != want {
			t.Errorf("%q: %d, want %d", protocol, res.StatusCode, want)
		}
	}
}
