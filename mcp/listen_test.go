package mcp_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/mcp"
	"whatchanged.dev/whatchanged/resolvers"
)

// listening is a request for news of these resources.
func listening(uris ...string) string {
	b, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen", "params": map[string]any{
		"notifications": map[string]any{"resourceSubscriptions": uris, "toolsListChanged": true},
		"_meta": map[string]any{"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": map[string]any{"name": "probe", "version": "9"},
			"io.modelcontextprotocol/clientCapabilities": map[string]any{}}}})
	return string(b)
}

// tell appends an event to the log of w.
func (w *world) tell(e whatchanged.Event) {
	n := uint64(len(w.log) + 1)
	e.Source, e.Clock, e.Action, e.EffectiveAt, e.SeenAt = "test", whatchanged.SourceClock, "changed", noon, noon
	e.Position = whatchanged.Position{Sequence: n}
	d := whatchanged.Delivery{Sequence: n, Source: "test", ReceivedAt: noon, Events: []whatchanged.Event{e}}
	w.log = append(w.log, d)
	w.Apply([]whatchanged.Delivery{d})
}

// happen tells of what is listened to, and of what is not.
func (w *world) happen() {
	incident := whatchanged.RefOf(whatchanged.KindIncident, "INC-1")
	flag := whatchanged.Ref{Kind: "flag", Namespace: "shop", Name: "x"}
	web := whatchanged.Ref{Kind: "service", Namespace: "shop", Name: "web"}
	w.tell(whatchanged.Event{ID: "a", Kind: whatchanged.Flag, Entity: whatchanged.Ref{Kind: "flag", Namespace: "shop", Name: "other"}})
	w.tell(whatchanged.Event{ID: "b", Kind: whatchanged.Incident, Entity: incident})
	w.tell(whatchanged.Event{ID: "c", Kind: whatchanged.Flag, Entity: flag})
	w.tell(whatchanged.Event{ID: "d", Kind: whatchanged.RolloutKind, Entity: web, Rollout: &whatchanged.RolloutStep{ID: "r-1", Phase: whatchanged.PhaseProgressing}})
	w.tell(whatchanged.Event{ID: "e", Kind: whatchanged.Incident, Entity: whatchanged.RefOf(whatchanged.KindIncident, "INC-2")})
}

var listenedTo = []string{"prod://incident/INC-1", "prod://rollout/r-1", "prod://config/flag:shop/x", "prod://change/a", "https://elsewhere.example/"}

// heard reads messages until each wanted resource was told of once, or fails.
func heard(t *testing.T, next func() (string, bool), happen func()) {
	t.Helper()
	want := listenedTo[:3]
	var updated []string
	for len(updated) < len(want) {
		line, ok := next()
		if !ok {
			t.Fatalf("the stream ended after %v", updated)
		}
		var m struct {
			Method string
			Params struct {
				URI           string
				Notifications map[string]any
				Meta          map[string]any `json:"_meta"`
			}
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if m.Params.Meta["io.modelcontextprotocol/subscriptionId"] != 7.0 {
			t.Errorf("not tagged: %s", line)
		}
		switch m.Method {
		case "notifications/subscriptions/acknowledged":
			if got := fmt.Sprint(m.Params.Notifications["resourceSubscriptions"]); got != fmt.Sprint(want) || m.Params.Notifications["toolsListChanged"] != nil {
				t.Errorf("acknowledged %v", m.Params.Notifications)
			}
			happen()
		case "notifications/resources/updated":
			updated = append(updated, m.Params.URI)
		default:
			t.Errorf("told %s", line)
		}
	}
	slices.Sort(updated)
	if fmt.Sprint(updated) != "[prod://config/flag:shop/x prod://incident/INC-1 prod://rollout/r-1]" {
		t.Errorf("updated %v", updated)
	}
}

// TestListeningOverHTTP: what happens to a resource is told to who listens to
// it, and nothing else; the stream ends when the server drains.
func TestListeningOverHTTP(t *testing.T) {
	w := newWorld(0)
	r := resolver(t, w, discard())
	url := listen(t, handler(r, discard()))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(listening(listenedTo...)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"subscriptions/listen"}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func() (string, bool) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data, true
			}
		}
		return "", false
	}
	heard(t, next, w.happen)
	r.Drain()
	if line, ok := next(); ok && !strings.Contains(line, `"id":7`) {
		t.Errorf("after draining: %s", line)
	}
	for lines.Scan() {
	}
}

// TestListeningOverTheBridge: the same on standard output, where a stream ends
// with the client.
func TestListeningOverTheBridge(t *testing.T) {
	w := newWorld(0)
	r := resolver(t, w, discard())
	in, client := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- mcp.Bridge(resolvers.WithViewer(t.Context(), resolvers.Viewer{Who: "ann"}), in, out, mcp.Within(handler(r, discard())))
		_ = out.Close()
	}()
	if _, err := io.WriteString(client, listening(listenedTo...)+"\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(answers)
	heard(t, func() (string, bool) { ok := lines.Scan(); return lines.Text(), ok }, w.happen)
	_ = client.Close()
	for lines.Scan() {
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the bridge waits for a stream whose client is gone")
	}
}

// TestNothingToListenTo: a request for what there is no news of is acknowledged
// as such and over.
func TestNothingToListenTo(t *testing.T) {
	s := serve(t, newWorld(0), discard())
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut, http.MethodHead} {
		res, err := http.NewRequestWithContext(t.Context(), method, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := http.DefaultClient.Do(res)
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		if got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != http.MethodPost {
			t.Errorf("%s: %d, allow %q", method, got.StatusCode, got.Header.Get("Allow"))
		}
	}
	exchange := over(s.URL)
	var told []string
	answer, err := exchange(t.Context(), map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"},
		[]byte(listening("prod://change/a")), func(b []byte) { told = append(told, string(b)) })
	if err != nil || !strings.Contains(string(answer), `"id":7`) || len(told) != 1 || strings.Contains(told[0], "prod://change/a") {
		t.Errorf("%s after %v, %v", answer, told, err)
	}
}
