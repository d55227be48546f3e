package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph"
	"whatchanged.dev/whatchanged/resolvers"
)

// knows lets in who says the word; whose header says it is let in before.
func knows(_ *http.Request, authorization string) (resolvers.Viewer, error) {
	switch authorization {
	case "Bearer ann":
		return resolvers.Viewer{Who: "ann", Until: noon.Add(time.Minute)}, nil
	case "Bearer away":
		return resolvers.Viewer{}, whatchanged.Errorf(whatchanged.CodeUnavailable, "the issuer is away")
	}
	return resolvers.Viewer{}, whatchanged.Errorf(whatchanged.CodeUnauthenticated, "this token is nobody's%s", strings.Repeat(", nor was it", 20))
}

// serveUnknown serves the walker to whoever comes.
func (w *walker) serveUnknown() string {
	s := httptest.NewServer(http.HandlerFunc(func(res http.ResponseWriter, r *http.Request) {
		if v, err := knows(r, r.Header.Get("Authorization")); err == nil {
			r = r.WithContext(resolvers.WithViewer(r.Context(), v))
		}
		w.ServeHTTP(res, r)
	}))
	w.t.Cleanup(func() {
		w.Resolver.Drain()
		s.Close()
	})
	return s.URL
}

// A frame is a message of graphql-transport-ws.
type frame struct {
	Type    string          `json:"type"`
	ID      string          `json:"id,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// enters opens a connection with a header and a first message, and returns it
// with the status with which it was closed, 0 if it was not.
func enters(t *testing.T, address, header, first string) (*websocket.Conn, websocket.CloseError) {
	t.Helper()
	c, res, err := websocket.Dial(t.Context(), address, &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{"Authorization": {header}}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		res.Body.Close()
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	if err := c.Write(t.Context(), websocket.MessageText, []byte(first)); err != nil {
		t.Fatal(err)
	}
	var m frame
	err = wsjson.Read(t.Context(), c, &m)
	var closed websocket.CloseError
	if !errors.As(err, &closed) && (err != nil || m.Type != "connection_ack") {
		t.Fatalf("%+v, %v", m, err)
	}
	return c, closed
}

func TestWhoseAWebSocketIs(t *testing.T) {
	initWith := func(payload string) string { return `{"type":"connection_init","payload":` + payload + `}` }
	const plain = `{"type":"connection_init"}`
	for _, tt := range []struct {
		claim, header, first string
		code                 websocket.StatusCode
		says                 string
	}{
		{"the header says", "Bearer ann", plain, 0, ""},
		{"the first message says", "", initWith(`{"authorization":"Bearer ann"}`), 0, ""},
		{"as headers are written", "", initWith(`{"Authorization":"Bearer ann"}`), 0, ""},
		{"nobody says", "", plain, 4401, "UNAUTHENTICATED: nobody is asking"},
		{"nor does a payload without", "", initWith(`{"token":"ann"}`), 4401, "UNAUTHENTICATED"},
		{"nor is a number a word", "", initWith(`{"authorization":7}`), 4401, "UNAUTHENTICATED"},
		{"a wrong one", "", initWith(`{"authorization":"Bearer bob"}`), 4403, "UNAUTHENTICATED: this token is nobody's"},
		{"a wrong one beside a right header", "Bearer ann", initWith(`{"authorization":"Bearer bob"}`), 4403, "UNAUTHENTICATED"},
		{"it cannot be told now", "", initWith(`{"authorization":"Bearer away"}`), 1013, "UNAVAILABLE: the issuer is away"},
		{"a payload that is none", "Bearer ann", initWith(`"what"`), 4400, "cannot be read"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWalkerOf(t, resolvers.Config{}, graph.Options{Login: knows})
			_, closed := enters(t, w.serveUnknown(), tt.header, tt.first)
			if closed.Code != tt.code || !strings.HasPrefix(closed.Reason, tt.says) && !strings.HasSuffix(closed.Reason, tt.says) {
				t.Errorf("closed with %d %q, want %d %q", closed.Code, closed.Reason, tt.code, tt.says)
			}
		})
	}
}

// TestAConnectionOutlivesNoToken: what is asked on it later is asked by nobody.
func TestAConnectionOutlivesNoToken(t *testing.T) {
	w := newWalkerOf(t, resolvers.Config{}, graph.Options{Login: knows}, changed("a", web, 3))
	c, _ := enters(t, w.serveUnknown(), "", `{"type":"connection_init","payload":{"authorization":"Bearer ann"}}`)
	asks := func(id string) string {
		t.Helper()
		payload, _ := json.Marshal(map[string]string{"query": "{timeline(input:{}){total}}"})
		if err := wsjson.Write(t.Context(), c, frame{Type: "subscribe", ID: id, Payload: payload}); err != nil {
			t.Fatal(err)
		}
		var answer string
		for {
			var m frame
			if err := wsjson.Read(t.Context(), c, &m); err != nil {
				t.Fatal(err)
			}
			if m.Type == "complete" && m.ID == id {
				return answer
			}
			answer += string(m.Payload)
		}
	}
	if got := asks("1"); !strings.Contains(got, `"total":1`) {
		t.Errorf("before: %s", got)
	}
	w.later.Store(int64(time.Hour))
	if got := asks("2"); !strings.Contains(got, "UNAUTHENTICATED") || !strings.Contains(got, "has ended at") || strings.Contains(got, `"total"`) {
		t.Errorf("after: %s", got)
	}
}

// TestConnectionsOfOneCallerAreFew: and one that ends makes room; others have
// their own.
func TestConnectionsOfOneCallerAreFew(t *testing.T) {
	const first = `{"type":"connection_init","payload":{"authorization":"Bearer ann"}}`
	w := newWalkerOf(t, resolvers.Config{Connections: 1}, graph.Options{Login: knows})
	address := w.serveUnknown()
	c, closed := enters(t, address, "", first)
	if closed.Code != 0 {
		t.Fatalf("the first: %v", closed)
	}
	if _, closed := enters(t, address, "", first); closed.Code != websocket.StatusTryAgainLater || closed.Reason != "RATE_LIMITED: 1 connections are open for you; close one first" {
		t.Errorf("the second: %v", closed)
	}
	if leave, err := w.Resolver.Connect(resolvers.WithViewer(t.Context(), resolvers.Viewer{Who: "bob"})); err != nil {
		t.Errorf("of somebody else: %v", err)
	} else {
		leave()
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	w.until("there is room again", func() bool {
		_, closed := enters(t, address, "", first)
		return closed.Code == 0
	})
}

// TestStrangersAreFew: connections on which nobody has said anything are not
// kept without bound.
func TestStrangersAreFew(t *testing.T) {
	w := newWalkerOf(t, resolvers.Config{}, graph.Options{Login: knows})
	address := w.serveUnknown()
	var all []*websocket.Conn
	for range 256 {
		all = append(all, dial(t.Context(), t, address))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}}) //nolint:bodyclose // the client has closed it
	if err == nil || res == nil || res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one more: %v, %v", res, err)
	}
	for _, c := range all {
		_ = c.CloseNow()
	}
	w.until("there is room again", func() bool {
		c, _, err := websocket.Dial(ctx, address, &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}}) //nolint:bodyclose // closed with the connection
		if err == nil {
			_ = c.CloseNow()
		}
		return err == nil
	})
}

// TestOnlyAWebSocketMaySayLaterWhoAsks: what else asks to upgrade is answered
// nothing.
func TestOnlyAWebSocketMaySayLaterWhoAsks(t *testing.T) {
	w := newWalkerOf(t, resolvers.Config{}, graph.Options{Login: knows})
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(`{"query":"{__schema{queryType{name}}}"}`))
	req.Header = http.Header{"Content-Type": {oldType}, "Accept": {"text/event-stream"}, "Upgrade": {"websocket"}, "Sec-Websocket-Protocol": {"graphql-transport-ws"}}
	res := httptest.NewRecorder()
	w.ServeHTTP(res, req)
	if res.Code != http.StatusBadRequest || strings.Contains(res.Body.String(), "queryType") {
		t.Errorf("%d %s", res.Code, res.Body)
	}
}
