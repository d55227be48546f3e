package mcp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/mcp"
	"whatchanged.dev/whatchanged/resolvers"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A world is an index in memory with n deployments of one service, the last a
// minute before noon. Question by question it can be made to panic.
type world struct {
	*hot.Tier
	log    []whatchanged.Delivery
	panics bool
}

// Deliveries implements [resolvers.Index].
func (w *world) Deliveries(_ context.Context, v whatchanged.View, sequences []uint64) (out []whatchanged.Delivery, _ error) {
	for _, d := range w.log {
		if slices.Contains(sequences, d.Sequence) && d.Sequence <= v.KnownAt.Sequence {
			out = append(out, d)
		}
	}
	return out, nil
}

// Watermark implements [resolvers.Index].
func (w *world) Watermark(ctx context.Context) (whatchanged.Watermark, error) {
	if w.panics {
		panic("secret text")
	}
	return w.Tier.Watermark(ctx)
}

func newWorld(n int) *world {
	w := &world{Tier: hot.Open(hot.Base{})}
	for i := range n {
		d := whatchanged.Delivery{Sequence: uint64(i + 1), Source: "test", ReceivedAt: noon.Add(-time.Minute), Body: []byte("the\tbody\nof it")}
		d.Events = []whatchanged.Event{{ID: fmt.Sprintf("deploy/%03d", i), Source: "test", Kind: whatchanged.Deployment, Action: "deployed", Clock: whatchanged.SourceClock,
			Entity: whatchanged.Ref{Kind: "service", Namespace: "shop", Name: "web"}, EffectiveAt: noon.Add(-time.Duration(n-i) * time.Minute),
			Position: whatchanged.Position{Sequence: d.Sequence}, SeenAt: d.ReceivedAt, Summary: "deploy <web> & \t more\nof it", Version: fmt.Sprint("v", i),
			Actor: &whatchanged.Actor{Name: "ann"}, Links: []whatchanged.Link{{Rel: "evidence", URL: fmt.Sprintf("https://ci.example/runs?a=1&b=%d", i)}}}}
		w.log = append(w.log, d)
	}
	w.Apply(w.log)
	return w
}

func resolver(t testing.TB, w *world, log *slog.Logger) *resolvers.Resolver {
	t.Helper()
	r, err := resolvers.New(resolvers.Config{Index: w, Now: func() time.Time { return noon }, Log: log, Clean: strings.Clone,
		Tracer: tracenoop.NewTracerProvider(), Meter: metricnoop.NewMeterProvider()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func handler(r *resolvers.Resolver, log *slog.Logger) http.Handler {
	return mcp.NewHandler(mcp.NewServer(r, "test", log), r)
}

// serve serves w over HTTP, to whoever asks.
func serve(t testing.TB, w *world, log *slog.Logger) *httptest.Server {
	t.Helper()
	h := handler(resolver(t, w, log), log)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(resolvers.WithViewer(r.Context(), resolvers.Viewer{Who: "ann", Agent: r.UserAgent()})))
	}))
	t.Cleanup(s.Close)
	return s
}

// dial returns a client that is not ours, in process.
func dial(t testing.TB, w *world) *client.Client {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	c, err := client.NewInProcessClient(mcp.NewServer(resolver(t, w, log), "test", log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	ctx := viewed(t)
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Initialize(ctx, mcpgo.InitializeRequest{}); err != nil {
		t.Fatal(err)
	}
	return c
}

func viewed(t testing.TB) context.Context {
	return resolvers.WithViewer(t.Context(), resolvers.Viewer{Who: "ann", Agent: "test"})
}

// A reply is the result of a call.
type reply struct {
	text    string
	content map[string]any
	isError bool
}

func call(t testing.TB, c *client.Client, tool string, args any) reply {
	t.Helper()
	var req mcpgo.CallToolRequest
	req.Params.Name, req.Params.Arguments = tool, args
	res, err := c.CallTool(viewed(t), req)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{isError: res.IsError, text: res.Content[0].(mcpgo.TextContent).Text}
	b, err := json.Marshal(res.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &r.content); err != nil {
		t.Fatal(err)
	}
	return r
}
