package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/resolvers"
)

// The size of what is measured; `make figures FIGURES="…"` passes them on.
var (
	figuresServices = flag.Int("figures-services", 2_000, "services of the estate that is asked about, with ten dependencies each")
	figuresEvents   = flag.Int("figures-events", 100_000, "change events of its last day")
	figuresRounds   = flag.Int("figures-rounds", 5, "rounds of which each figure is the median")
)

// What one round does.
const (
	figuresBatch   = 100 // events a POST
	figuresPosts   = 100 // POSTs of a round of ingest
	figuresRaw     = 1_000
	figuresSingles = 400 // deliveries of one event a round
	figuresAsked   = 60 // questions a round
	figuresVisible = 400 // deliveries followed until they are seen
	figuresSenders = 8   // at once, where many are said
)

// BenchmarkFigures measures what README.md says under Figures, in one run:
// each figure beside its baseline in the same rounds, taking turns at who goes
// first, so that what else the machine does meets both. The ratios are what
// to trust. Senders, baselines and the instance are one process; ClickHouse is
// its child.
func BenchmarkFigures(b *testing.B) {
	f := &figures{B: b}
	f.memory()
	always := f.open(b.TempDir(), "always")
	f.ingest(always)
	f.singles(always, "flushed to disk each (--log-sync always)")
	f.visible(always)
	always.close()
	interval := f.open(b.TempDir(), "interval")
	f.singles(interval, "in the system's memory (--log-sync interval)")
	interval.close()
	estate := f.load(b.TempDir())
	f.ask(estate)
	f.restart(estate)
	f.ReportMetric(0, "ns/op") // of all of it together: says nothing
	f.print(os.Stdout)
}

// figures are rows of the table to be.
type figures struct {
	*testing.B
	rows [][4]string
}

func (f *figures) row(what, got, baseline, ratio string) {
	f.rows = append(f.rows, [4]string{what, got, baseline, ratio})
}

func (f *figures) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\n%d CPUs, %s, median of %d rounds\n\nfigure\there\tbaseline\tratio\n", runtime.GOMAXPROCS(0), runtime.Version(), *figuresRounds)
	for _, r := range f.rows {
		fmt.Fprintln(t, strings.Join(r[:], "\t"))
	}
	f.must(t.Flush())
}

func (f *figures) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// rounds prepares and runs all of a round, in turns, and returns the median
// time of each.
func (f *figures) rounds(prepare func() []func() time.Duration) (medians []time.Duration) {
	var took [][]time.Duration
	for round := range *figuresRounds + 1 {
		all := prepare()
		took = append(took, make([]time.Duration, len(all)))
		for i := range all {
			turn := (i + round) % len(all)
			took[round][turn] = all[turn]()
		}
	}
	for i := range took[0] {
		var one []time.Duration
		for _, round := range took[1:] { // the first warms up
			one = append(one, round[i])
		}
		medians = append(medians, quantile(one, 0.5))
	}
	return medians
}

func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1000) }

// An under is an instance under measurement, served over HTTP.
type under struct {
	*openInstance
	f          *figures
	url        string
	data, sync string
	end        func() error
	sent       int // events so far, which number the next
}

// open opens an instance in this process, and listens.
func (f *figures) open(data, sync string) *under {
	f.Helper()
	ctx, cancel := context.WithCancel(f.Context())
	o := &options{data: data, engine: os.Getenv(enginetest.Variable), logSync: sync, logMaxBytes: 8 << 30, keep: 48 * time.Hour, logLevel: "warn"}
	cmd := &cobra.Command{}
	t, err := o.telemetry(ctx, cmd)
	f.must(err)
	in, err := o.open(ctx, cmd, t)
	f.must(err)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	f.must(err)
	server, err := o.web(in, t)
	f.must(err)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l, time.Second) }()
	u := &under{openInstance: &openInstance{in, t}, f: f, url: "http://" + l.Addr().String(), data: data, sync: sync}
	u.end = func() error { cancel(); return errors.Join(<-ended, in.Close(), t.Close(context.WithoutCancel(ctx))) }
	f.must(in.Ready(ctx))
	return u
}

func (u *under) close() {
	u.f.Helper()
	http.DefaultClient.CloseIdleConnections()
	u.f.must(u.end())
}

// delivery is a batch of n deployments that were not sent yet.
func (u *under) delivery(n int) string {
	batch := make([]string, n)
	for i := range batch {
		u.sent++
		at := time.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano)
		batch[i] = fmt.Sprintf(`{"specversion":"1.0","id":"%[1]d","source":"/ci/figures","type":"com.example.service.deployed","subject":"s%[2]d","time":%[3]q,`+
			`"data":{"entity":"service:shop/s%[2]d","kind":"deployment","placement":{"environment":"production","region":"eu-west-1"},"version":"v1.%[1]d","previousVersion":"v1.0",`+
			`"commits":["%[4]016x%[4]016x%08[1]x"],"actor":{"name":"person-%[2]d"},"summary":"Deploy v1.%[1]d to production: raise the cart timeout",`+
			`"before":{"timeout":%[1]d,"retries":2},"after":{"timeout":%[2]d,"retries":3},"links":[{"url":"https://ci.example/deployments/%[1]d"}]}}`,
			u.sent, u.sent%500, at, rand.Uint64())
	}
	return "[" + strings.Join(batch, ",") + "]"
}

func (u *under) deliveries(posts, each int) (all []string) {
	for range posts {
		all = append(all, u.delivery(each))
	}
	return all
}

// post sends one body and reads the answer, which must have the status.
func post(ctx context.Context, url, contentType, body string, status int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	res, err := figuresClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != status {
		err = fmt.Errorf("%s: %d: %.500s", url, res.StatusCode, b)
	}
	return b, err
}

var figuresClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: figuresSenders}}

// sending sends all bodies from so many senders, and tells how long that took.
func (f *figures) sending(senders int, url, contentType string, bodies []string, status int) time.Duration {
	f.Helper()
	g, ctx := errgroup.WithContext(f.Context())
	next := make(chan string, len(bodies))
	for _, body := range bodies {
		next <- body
	}
	close(next)
	begun := time.Now()
	for range senders {
		g.Go(func() error {
			for body := range next {
				if _, err := post(ctx, url, contentType, body, status); err != nil {
					return err
				}
			}
			return nil
		})
	}
	f.must(g.Wait())
	return time.Since(begun)
}

// bare is the least that net/http can do: read what is sent, and answer.
func (f *figures) bare(status int, contentType string, answer []byte) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write(answer)
	}))
	f.Cleanup(s.Close)
	return s.URL
}

// ingest measures batches over HTTP until ClickHouse has them, beside the
// driver inserting the rows of the round before into a table laid out alike.
func (f *figures) ingest(u *under) {
	options := u.Engine.Writer()
	options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4} // as our writer
	conn, err := clickhouse.Open(options)
	f.must(err)
	defer conn.Close()
	const n = figuresPosts * figuresBatch
	send := func(bodies []string) time.Duration {
		begun := time.Now()
		f.sending(figuresSenders, u.url+"/v1/events", batchType, bodies, http.StatusAccepted)
		u.stored(conn)
		return time.Since(begun)
	}
	send(u.deliveries(figuresPosts, figuresBatch))
	f.must(conn.Exec(f.Context(), "CREATE TABLE raw_events AS events"))
	took := f.rounds(func() []func() time.Duration {
		bodies, rows := u.deliveries(figuresPosts, figuresBatch), f.last(conn, n)
		return []func() time.Duration{
			func() time.Duration { return send(bodies) },
			func() time.Duration { return f.insert(conn, rows) },
		}
	})
	ours, raw := perSecond(n, took[0]), perSecond(n, took[1])
	f.row(fmt.Sprintf("ingest over HTTP in batches of %d, until ClickHouse has them (aim: 0.8)", figuresBatch),
		fmt.Sprintf("%.0f events/s", ours), fmt.Sprintf("%.0f rows/s: the driver alone, %d an insert", raw, figuresRaw), fmt.Sprintf("%.2f", ours/raw))
}

// stored waits until ClickHouse has all that was acknowledged.
func (u *under) stored(conn driver.Conn) {
	last, _, err := u.Log.Last(u.f.Context())
	u.f.must(err)
	until(u.f, "history has all of the log", func() bool {
		var stored uint64
		u.f.must(conn.QueryRow(u.f.Context(), "SELECT max(sequence) FROM deliveries").Scan(&stored))
		return stored >= last
	})
}

// last reads the n latest rows, whatever their columns.
func (f *figures) last(conn driver.Conn, n int) (all [][]any) {
	rows, err := conn.Query(f.Context(), fmt.Sprintf("SELECT * FROM (SELECT * FROM events ORDER BY sequence DESC, ordinal DESC LIMIT %d) ORDER BY sequence, ordinal", n))
	f.must(err)
	defer rows.Close()
	for rows.Next() {
		var row, into []any
		for _, c := range rows.ColumnTypes() {
			into = append(into, reflect.New(c.ScanType()).Interface())
		}
		f.must(rows.Scan(into...))
		for _, v := range into {
			row = append(row, reflect.ValueOf(v).Elem().Interface())
		}
		all = append(all, row)
	}
	f.must(rows.Err())
	if len(all) != n {
		f.Fatalf("read %d rows, want %d", len(all), n)
	}
	return all
}

// insert inserts rows as the driver's own example does.
func (f *figures) insert(conn driver.Conn, rows [][]any) time.Duration {
	begun := time.Now()
	for batch := range slices.Chunk(rows, figuresRaw) {
		b, err := conn.PrepareBatch(f.Context(), "INSERT INTO raw_events")
		f.must(err)
		for _, row := range batch {
			f.must(b.Append(row...))
		}
		f.must(b.Send())
	}
	return time.Since(begun)
}

// singles measures deliveries of one event until they are acknowledged.
func (f *figures) singles(u *under, how string) {
	answer, err := post(f.Context(), u.url+"/v1/events", batchType, u.delivery(1), http.StatusAccepted)
	f.must(err)
	bare := f.bare(http.StatusAccepted, "application/json", answer)
	for _, senders := range []int{1, figuresSenders} {
		took := f.rounds(func() []func() time.Duration {
			bodies := u.deliveries(figuresSingles, 1)
			return []func() time.Duration{
				func() time.Duration {
					return f.sending(senders, u.url+"/v1/events", batchType, bodies, http.StatusAccepted)
				},
				func() time.Duration { return f.sending(senders, bare, batchType, bodies, http.StatusAccepted) },
			}
		})
		ours, theirs := perSecond(figuresSingles, took[0]), perSecond(figuresSingles, took[1])
		f.row(fmt.Sprintf("single deliveries from %d at once, %s", senders, how), fmt.Sprintf("%.0f /s", ours),
			fmt.Sprintf("%.0f /s: net/http alone", theirs), fmt.Sprintf("%.3f", ours/theirs))
	}
}

// visible measures from the 202 to the end of the first answer of whatChanged
// that has the event, asked again as soon as the position is seen.
func (f *figures) visible(u *under) {
	ctx := localViewer(f.Context(), "figures")
	var took []time.Duration
	for range figuresVisible {
		body := u.delivery(1)
		scope, id := fmt.Sprintf("service:shop/s%d", u.sent%500), fmt.Sprintf("cloudevents//ci/figures/%d", u.sent)
		answer, err := post(ctx, u.url+"/v1/events", batchType, body, http.StatusAccepted)
		begun := time.Now()
		f.must(err)
		var accepted reply
		f.must(json.Unmarshal(answer, &accepted))
		f.must(u.Index.Await(ctx, accepted.Position))
		until(f, "the event is seen", func() bool {
			a, err := u.Resolver.WhatChanged(ctx, resolvers.WhatChangedInput{Scope: []string{scope}, Limit: 100})
			f.must(err)
			return slices.ContainsFunc(a.Items, func(s resolvers.Suspect) bool { return s.Change.ID == id })
		})
		took = append(took, time.Since(begun))
	}
	f.row(fmt.Sprintf("202 to the end of an answer that has it, %d times (aim: p99 < 50 ms)", figuresVisible),
		fmt.Sprintf("p50 %s, p99 %s", milliseconds(quantile(took, 0.5)), milliseconds(quantile(took, 0.99))), "", "")
}

// estate is a topology of ten dependencies a service, and a day of changes.
func estate() (edges, changes []whatchanged.Event) {
	r := rand.New(rand.NewPCG(1, 2))
	service := func(i int) whatchanged.Ref {
		return whatchanged.Ref{Kind: whatchanged.KindService, Namespace: "shop", Name: fmt.Sprint("s", i)}
	}
	now := time.Now().UTC()
	for i := range 10 * *figuresServices {
		edges = append(edges, whatchanged.Event{ID: fmt.Sprint("edge-", i), Kind: whatchanged.Topology, Action: "declared", Entity: service(i % *figuresServices),
			EffectiveAt: whatchanged.Canonical(now.Add(-30 * time.Hour)), Clock: whatchanged.SourceClock,
			Dependency: &whatchanged.Dependency{To: service(r.IntN(*figuresServices)), Evidence: whatchanged.Declared}})
	}
	kinds := []whatchanged.EventKind{whatchanged.Deployment, whatchanged.Flag, whatchanged.Config, whatchanged.Commit}
	for i := range *figuresEvents {
		changes = append(changes, whatchanged.Event{ID: fmt.Sprint("figures/change/", i), Kind: kinds[i%4], Action: "changed", Entity: service(r.IntN(*figuresServices)),
			Placement: whatchanged.Placement{Environment: "production", Region: []string{"eu-west-1", "us-east-1"}[i%2]}, Actor: &whatchanged.Actor{Name: fmt.Sprint("person-", i%500)},
			EffectiveAt: whatchanged.Canonical(now.Add(-time.Duration(24 * float64(time.Hour) * r.Float64()))), Clock: whatchanged.SourceClock,
			Version: fmt.Sprint("v1.", i), PreviousVersion: fmt.Sprint("v1.", i-1), Commits: []string{fmt.Sprintf("%040x", r.Uint64())},
			Summary: fmt.Sprintf("Deploy v1.%d: raise the cart timeout", i), Links: []whatchanged.Link{{Rel: "evidence", URL: fmt.Sprint("https://ci.example/deployments/", i)}}})
	}
	return edges, changes
}

// memory measures what the hot tier holds, of events as they come from the log.
func (f *figures) memory() {
	edges, changes := estate()
	tier := hot.Open(hot.Base{})
	var sequence uint64
	tell := func(events []whatchanged.Event) (bytes int64) {
		before := heap()
		for batch := range slices.Chunk(events, figuresRaw) {
			sequence++
			tier.Apply([]whatchanged.Delivery{f.fromLog(sequence, batch)})
		}
		return heap() - before
	}
	services := tell(edges)
	events := tell(changes)
	f.row(fmt.Sprintf("memory of a service with its ten dependencies and their events, of %d", *figuresServices), fmt.Sprintf("%d bytes", services/int64(*figuresServices)), "", "")
	f.row(fmt.Sprintf("memory of an event, of %d", tier.Len()-len(edges)), fmt.Sprintf("%d bytes", events/int64(len(changes))), "", "")
	runtime.KeepAlive(tier)
	runtime.KeepAlive(edges)
	runtime.KeepAlive(changes)
}

// fromLog gives events strings of their own, as reading them does.
func (f *figures) fromLog(sequence uint64, events []whatchanged.Event) whatchanged.Delivery {
	d := whatchanged.Delivery{Sequence: sequence, Source: "figures", Type: "import", Outcome: whatchanged.Accepted, ReceivedAt: whatchanged.Canonical(time.Now())}
	b, err := json.Marshal(events)
	f.must(err)
	f.must(json.Unmarshal(b, &d.Events))
	for i := range d.Events {
		e := &d.Events[i]
		e.Position, e.SeenAt, e.Source = whatchanged.Position{Sequence: sequence, Index: uint32(i)}, d.ReceivedAt, d.Source
	}
	return d
}

// heap returns the bytes in use once all garbage is gone.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// load opens an instance that has the estate, in ClickHouse too.
func (f *figures) load(data string) *under {
	u := f.open(data, "always")
	edges, changes := estate()
	for _, events := range [][]whatchanged.Event{edges, changes} {
		_, err := u.Pipeline.Import(f.Context(), "figures", events)
		f.must(err)
	}
	f.must(u.caughtUp(f.Context()))
	conn, err := clickhouse.Open(u.Engine.Writer())
	f.must(err)
	defer conn.Close()
	u.stored(conn)
	return u
}

// question asks what changed within two hops of a service, every field of it.
func question() string {
	_, input := schema.Input("whatChanged")
	body, err := json.Marshal(map[string]any{"variables": map[string]any{"input": map[string]any{"scope": []string{"service:shop/s0"}, "hops": 2, "limit": 20}},
		"query": fmt.Sprintf("query($input: %s!){whatChanged(input:$input)%s}", input.Name, schema.Selection("whatChanged"))})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// answer asks the question, and wants suspects.
func (u *under) answer() []byte {
	u.f.Helper()
	b, err := post(u.f.Context(), u.url+"/graphql", "application/json", question(), http.StatusOK)
	u.f.must(err)
	if !bytes.Contains(b, []byte(`"score"`)) || bytes.Contains(b, []byte(`"errors"`)) {
		u.f.Fatalf("no suspects: %.1000s", b)
	}
	return b
}

// ask measures questions of what is in memory.
func (f *figures) ask(u *under) {
	answer := u.answer()
	bare, body := f.bare(http.StatusOK, "application/json", answer), slices.Repeat([]string{question()}, figuresAsked)
	mallocs := make([]uint64, 2)
	asking := func(i int, senders int, url string) func() time.Duration {
		return func() time.Duration {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			took := f.sending(senders, url, "application/json", body, http.StatusOK)
			runtime.ReadMemStats(&after)
			mallocs[i] = (after.Mallocs - before.Mallocs) / figuresAsked
			return took
		}
	}
	for _, senders := range []int{1, figuresSenders} {
		took := f.rounds(func() []func() time.Duration {
			return []func() time.Duration{asking(0, senders, u.url+"/graphql"), asking(1, senders, bare)}
		})
		ours, theirs := perSecond(figuresAsked, took[0]), perSecond(figuresAsked, took[1])
		f.row(fmt.Sprintf("whatChanged over GraphQL from %d at once, 2 hops, %d services, %d events, %.0f KB answer", senders, *figuresServices, *figuresEvents, float64(len(answer))/1000),
			fmt.Sprintf("%.0f /s, %d allocations", ours, mallocs[0]-mallocs[1]), fmt.Sprintf("%.0f /s: net/http alone, same bytes", theirs), fmt.Sprintf("%.3f", ours/theirs))
	}
}

// restart measures from opening what was closed to the first answer.
func (f *figures) restart(u *under) {
	var ready, answered []time.Duration
	for range *figuresRounds {
		u.close()
		begun := time.Now()
		u = f.open(u.data, u.sync)
		ready = append(ready, time.Since(begun))
		u.answer()
		answered = append(answered, time.Since(begun))
	}
	u.close()
	f.row("restart with that to the first answer, ClickHouse's start included (aim: < 1 s)", milliseconds(quantile(answered, 0.5)),
		fmt.Sprintf("%s until ready", milliseconds(quantile(ready, 0.5))), "")
}
