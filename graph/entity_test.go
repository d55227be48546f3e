package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/resolvers"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// counting counts the reads of an index.
type counting struct {
	*hot.Tier
	mu    sync.Mutex
	reads []string
}

func (c *counting) count(read string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads = append(c.reads, read)
}

// Each read of [resolvers.Index] that a walk can reach is counted.
func (c *counting) Watermark(ctx context.Context) (whatchanged.Watermark, error) {
	c.count("watermark")
	return c.Tier.Watermark(ctx)
}

func (c *counting) Changes(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error) {
	c.count("changes")
	return c.Tier.Changes(ctx, v, s)
}

func (c *counting) ChangesOfEach(ctx context.Context, v whatchanged.View, s whatchanged.Selection) ([]whatchanged.Page, error) {
	c.count("changesOfEach")
	return c.Tier.ChangesOfEach(ctx, v, s)
}

func (c *counting) List(ctx context.Context, v whatchanged.View, q whatchanged.EntityList) (whatchanged.Listing, error) {
	c.count("list")
	return c.Tier.List(ctx, v, q)
}

func (c *counting) Entities(ctx context.Context, v whatchanged.View, s whatchanged.EntitySelection) ([]whatchanged.EntityRecord, error) {
	c.count("entities")
	return c.Tier.Entities(ctx, v, s)
}

func (c *counting) Edges(ctx context.Context, v whatchanged.View, refs []whatchanged.Ref, limit int) ([]whatchanged.Edge, error) {
	c.count("edges")
	return c.Tier.Edges(ctx, v, refs, limit)
}

// Deliveries implements [resolvers.Index]; a walk does not reach it.
func (c *counting) Deliveries(context.Context, whatchanged.View, []uint64) ([]whatchanged.Delivery, error) {
	panic("bodies are not in memory")
}

// A walker asks GraphQL about an estate in memory.
type walker struct {
	t     *testing.T
	index *counting
	audit shared
	told  uint64
	later atomic.Int64 // how long after noon it is, in nanoseconds
	*resolvers.Resolver
	*graph.Handler
}

// shared is text that is read while it is written.
type shared struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

// String returns what was written so far.
func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// until waits for what no channel tells of.
func (w *walker) until(what string, holds func() bool) {
	w.t.Helper()
	late := time.After(30 * time.Second)
	for poll := time.NewTicker(time.Millisecond); !holds(); {
		select {
		case <-poll.C:
		case <-late:
			w.t.Fatalf("it did not come about that %s", what)
		}
	}
}

// tell appends one delivery of one event.
func (w *walker) tell(e whatchanged.Event) {
	w.told++
	d := whatchanged.Delivery{Sequence: w.told, Source: "test", ReceivedAt: noon.Add(time.Duration(w.told) * time.Millisecond)}
	e.Position, e.SeenAt, e.Source, e.Clock = whatchanged.Position{Sequence: d.Sequence}, d.ReceivedAt, "test", whatchanged.SourceClock
	d.Events = []whatchanged.Event{e}
	w.index.Apply([]whatchanged.Delivery{d})
}

func newWalker(t *testing.T, events ...whatchanged.Event) *walker {
	t.Helper()
	return newWalkerOf(t, resolvers.Config{}, graph.Options{}, events...)
}

// newWalkerOf returns a walker with limits of its own.
func newWalkerOf(t *testing.T, c resolvers.Config, o graph.Options, events ...whatchanged.Event) *walker {
	t.Helper()
	w := &walker{t: t, index: &counting{Tier: hot.Open(hot.Base{})}}
	for _, e := range events {
		w.tell(e)
	}
	if c.Index == nil {
		c.Index = w.index
	}
	c.Log, c.Now = slog.New(slog.NewJSONHandler(&w.audit, nil)), func() time.Time { return noon.Add(time.Duration(w.later.Load())) }
	c.Tracer, c.Meter = tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider()
	var err error
	if w.Resolver, err = resolvers.New(c); err != nil {
		t.Fatal(err)
	}
	o.Resolver, o.Log = w.Resolver, c.Log
	w.Handler = graph.NewHandler(o)
	return w
}

// ask returns the data of an answer as compact JSON, and the codes and
// messages of its errors.
func (w *walker) ask(query string) (data string, errs []string) {
	w.t.Helper()
	body, _ := json.Marshal(map[string]any{"query": query})
	req := httptest.NewRequestWithContext(resolvers.WithViewer(w.t.Context(), resolvers.Viewer{Who: "ann"}), http.MethodPost, "/graphql", strings.NewReader(string(body)))
	req.Header.Set("Content-Type", "application/json")
	res := httptest.NewRecorder()
	w.ServeHTTP(res, req)
	var out struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct{ Code, Field string }
		}
	}
	if err := json.Unmarshal(res.Body.Bytes(), &out); err != nil {
		w.t.Fatalf("%s: %v", res.Body, err)
	}
	for _, e := range out.Errors {
		errs = append(errs, e.Extensions.Code+" "+e.Extensions.Field+" "+e.Message)
	}
	return string(out.Data), errs
}

// wants fails the test unless the answer is data.
func (w *walker) wants(query, want string) {
	w.t.Helper()
	got, errs := w.ask(query)
	if got != want || errs != nil {
		w.t.Errorf("%s\ngot  %s %v\nwant %s", query, got, errs, want)
	}
}

func service(name string) whatchanged.Ref {
	return whatchanged.Ref{Kind: whatchanged.KindService, Namespace: "shop", Name: name}
}

func changed(id string, ref whatchanged.Ref, minutes int) whatchanged.Event {
	return whatchanged.Event{ID: id, Kind: whatchanged.Deployment, Action: "deployed", Entity: ref, EffectiveAt: noon.Add(-time.Duration(minutes) * time.Minute)}
}

func owns(id string, ref whatchanged.Ref, minutes int, owner string) whatchanged.Event {
	e := changed(id, ref, minutes)
	e.Kind, e.After = whatchanged.Ownership, whatchanged.ValueOf(map[string]string{"owner": owner})
	return e
}

func needs(from, to whatchanged.Ref) whatchanged.Event {
	e := changed(from.Name+"-"+to.Name, from, 1000)
	e.Kind, e.Dependency = whatchanged.Topology, &whatchanged.Dependency{To: to, Evidence: whatchanged.Declared}
	return e
}

// town is n services, each with an owner, two dependencies, seven deployments
// and a step of a rollout.
func town(n int) []whatchanged.Event {
	var all []whatchanged.Event
	for i := range n {
		ref := service(fmt.Sprintf("s%03d", i))
		all = append(all, owns(ref.Name+"-own", ref, 900, fmt.Sprintf("group:shop/g%d", i%7)),
			needs(ref, service(fmt.Sprintf("s%03d", (i+1)%n))), needs(ref, service(fmt.Sprintf("s%03d", (i+2)%n))))
		for j := range 7 {
			all = append(all, changed(fmt.Sprintf("%s-%d", ref.Name, j), ref, 100+j))
		}
		step := changed(ref.Name+"-step", ref, 50)
		step.Rollout = &whatchanged.RolloutStep{ID: "r", Phase: whatchanged.PhaseProgressing}
		all = append(all, step)
	}
	return all
}

// TestAWalkCostsAsManyReadsAsItHasSteps: and not as many as it meets entities.
func TestAWalkCostsAsManyReadsAsItHasSteps(t *testing.T) {
	shallow := `{entities(first:%d, filter:{kinds:["service"]}){totalCount edges{node{ref owner{entity{ref} since}
		dependencies{totalCount edges{node{ref} evidence since}} changes(first:5){edges{node{id}}}}}}}`
	deep := `{entities(first:%d){facets{kinds{value count}} edges{node{ref owner{entity{ref firstKnown}} ownerChain{ref}
		dependencies(first:5){edges{node{ref owner{entity{ref}} changes(first:2){edges{node{id}}} dependents{edges{node{ref changes(first:1){totalCount}}}}}}}
		configs{totalCount} rollouts{id phase} incidents{action} changes(first:5){edges{node{id}}}}}}}`
	for _, tt := range []struct {
		claim, query string
		want         string
	}{
		{"owners, dependencies and recent changes", shallow, "changesOfEach edges list watermark"},
		{"and further", deep, "changes changesOfEach changesOfEach changesOfEach changesOfEach changesOfEach edges edges list list list list watermark"},
	} {
		for _, n := range []int{10, 100} {
			t.Run(fmt.Sprint(tt.claim, " of ", n), func(t *testing.T) {
				w := newWalker(t, town(n)...)
				data, errs := w.ask(fmt.Sprintf(tt.query, n))
				if errs != nil || strings.Count(data, `"owner":{`) < n {
					t.Fatalf("%v %.500s", errs, data)
				}
				slices.Sort(w.index.reads)
				if got := strings.Join(w.index.reads, " "); got != tt.want {
					t.Errorf("%d reads: %s\nwant %d: %s", len(w.index.reads), got, len(strings.Fields(tt.want)), tt.want)
				}
			})
		}
	}
}
