// Package web is the HTTP surface of an instance: every path it answers, and
// what holds for all of them.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/auth"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/instance"
	"whatchanged.dev/whatchanged/graph"
	"whatchanged.dev/whatchanged/mcp"
)

// A Config says what is served to whom.
type Config struct {
	Instance *instance.Instance
	Auth     auth.Config
	Secrets  func(source string) bool // whether a source has a secret, and so proves itself
	Metrics  http.Handler
	GraphiQL http.Handler
	Version  string
	Log      *slog.Logger

	Operations *graph.Operations // all that GraphQL may be asked; nil is anything
}

// Limits on connections. Bodies are bounded by each surface.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// A Server serves an instance over HTTP.
type Server struct {
	http     *http.Server
	graph    *graph.Handler
	draining atomic.Bool
	config   Config
}

// New returns a server that does not listen yet.
func New(c Config) *Server {
	s := &Server{config: c}
	c.Auth.Open, c.Auth.Late, c.Auth.Sends, c.Auth.Log = s.open, late, sends, c.Log
	mux := http.NewServeMux()
	s.graph = graph.NewHandler(graph.Options{Resolver: c.Instance.Resolver, Log: c.Log, Login: c.Auth.Login, Operations: c.Operations})
	mux.Handle("/graphql", s.graph)
	mux.Handle("/mcp", mcp.NewHandler(mcp.NewServer(c.Instance.Resolver, c.Version, c.Log), c.Instance.Resolver))
	mux.Handle("/v1/", c.Instance.Pipeline.Handler())
	mux.HandleFunc("POST /v1/import/{source}", s.importEvents)
	mux.HandleFunc("POST /v1/import/{source}/stored", s.stored)
	mux.HandleFunc("POST /v1/import/{source}/report", s.report)
	mux.Handle("GET /graphiql/", c.GraphiQL)
	mux.Handle("GET /metrics", c.Metrics)
	mux.Handle("/.well-known/", c.Auth.Metadata())
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /{$}", s.front)
	s.http = &http.Server{Handler: c.Auth.Guard(traced(mux)), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug)}
	return s
}

// traced makes what a request starts part of the caller's trace, if it names one.
func traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := otel.GetTextMapPropagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// open lets through without a token what tells nothing, and senders that prove
// themselves by a signature.
func (s *Server) open(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, "/.well-known/") {
		return true // clients without a token read there how to get one
	}
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/graphiql" || strings.HasPrefix(r.URL.Path, "/graphiql/") {
		return true
	}
	source, ok := strings.CutPrefix(r.URL.Path, "/v1/webhooks/")
	if r.URL.Path == "/v1/events" {
		source, ok = "cloudevents", true
	}
	return ok && s.config.Secrets(source)
}

// late says of a request that it asks for a WebSocket, on which a page says in
// its first message who asks.
func late(r *http.Request) bool {
	return r.URL.Path == "/graphql" && r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// sends says of a request that it tells us of changes.
func sends(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v1/") }

// Serve answers on l until ctx ends, and then drains: it tells that it is no
// longer ready, takes no new connections, and finishes what it has begun.
func (s *Server) Serve(ctx context.Context, l net.Listener, drain time.Duration) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("http: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.config.Log.Info("draining", "at most", drain)
	s.config.Instance.Resolver.Drain()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := errors.Join(s.http.Shutdown(ctx), s.graph.Shutdown(ctx)); err != nil {
		return errors.Join(fmt.Errorf("drain: %w", err), s.http.Close())
	}
	return nil
}

// health says that the process answers.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, "ok", nil) }

// ready says whether questions are answered and deliveries taken. While
// ClickHouse is away both still are, in part, so that is told and no reason to
// be taken out of rotation.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	tiers := s.config.Instance.Index.Tiers(r.Context())
	parts := map[string]any{"index": "loaded", "watermark": tiers.Hot.Position, "clickhouse": "answers"}
	status, text := http.StatusOK, "ready"
	if err := s.config.Instance.Index.Ping(r.Context()); err != nil {
		parts["clickhouse"] = string(whatchanged.CodeOf(err))
	}
	if !tiers.Loaded {
		parts["index"] = "loading"
		status, text = http.StatusServiceUnavailable, "loading"
	}
	if s.draining.Load() {
		status, text = http.StatusServiceUnavailable, "draining"
	}
	write(w, status, text, parts)
}

func write(w http.ResponseWriter, status int, text string, parts map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body := map[string]any{"status": text}
	for k, v := range parts {
		body[k] = v
	}
	_ = json.NewEncoder(w).Encode(body)
}

// front lists what there is to ask.
func (s *Server) front(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = fmt.Fprint(w, frontPage)
}

const frontPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>whatchanged</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem}code{background:#8882;padding:.1em .3em}</style>
<h1>whatchanged</h1><p>What changed in production, what is true now, what was true then.</p>
<ul><li><a href="/graphiql">GraphiQL</a>: ask in the browser<li><code>/graphql</code>: GraphQL over HTTP
<li><code>/mcp</code>: Model Context Protocol, streamable HTTP<li><code>/v1/events</code>: CloudEvents and CDEvents in
<li><code>/v1/webhooks/{source}</code>: webhooks in<li><a href="/metrics">metrics</a>, <a href="/healthz">health</a>, <a href="/readyz">readiness</a></ul></html>
`
