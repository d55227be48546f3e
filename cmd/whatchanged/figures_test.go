package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/index/hot"
	"whatchanged.dev/whatchanged/resolvers"
)

// The size of what is measured; `make figures FIGURES="…"` passes them on.
var (
	figuresServices = flag.Int("figures-services", 2_000, "services of the estate that is asked about, with ten dependencies each")
	figuresEvents   = flag.Int("figures-events", 100_000, "change events of its last day")
	figuresRounds   = flag.Int("figures-rounds", 5, "rounds of which each figure is the median")
	figuresOnly     = flag.String("figures-only", "", "only these figures, of demo, memory, ingest, singles, visible, asked")
)

// What one round does.
const (
	figuresBatch   = 100 // events a POST
	figuresPosts   = 100 // POSTs of a round of ingest
	figuresRaw     = 1_000
	figuresSingles = 400 // deliveries of one event a round
	figuresAsked   = 60  // questions a round
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
	if f.wanted("demo") {
		f.demo()
	}
	if f.wanted("memory") {
		f.memory()
	}
	if f.wanted("ingest") || f.wanted("singles") || f.wanted("visible") {
		f.writes()
	}
	if f.wanted("asked") {
		estate := f.load(b.TempDir())
		f.ask(estate)
		f.restart(estate)
	}
	f.ReportMetric(0, "ns/op") // of all of it together: says nothing
	f.print(os.Stdout)
}

func (f *figures) wanted(name string) bool {
	return *figuresOnly == "" || strings.Contains(*figuresOnly, name)
}

// demo measures the demo on the repository that it stands in, as a process of
// its own, from its start to its end after the nine answers.
func (f *figures) demo() {
	var took []time.Duration
	for range *figuresRounds {
		begun := time.Now()
		exit, stdout, stderr := result(f, "demo", "--once", "--listen", "127.0.0.1:0", "--repo", "../..")
		if took = append(took, time.Since(begun)); exit != 0 {
			f.Fatalf("exit %d: %s%s", exit, stdout, stderr)
		}
	}
	f.row("demo on this repository, from its start to its end after nine answers (aim: first answer < 10 s)", milliseconds(quantile(took, 0.5)), "", "")
}

// writes measures what is sent.
func (f *figures) writes() {
	always := f.open(f.TempDir(), "always")
	if f.wanted("ingest") {
		f.ingest(always)
	}
	if f.wanted("singles") {
		f.singles(always, "flushed to disk each (--log-sync always)")
	}
	if f.wanted("visible") {
		f.visible(always)
	}
	always.close()
	if f.wanted("singles") {
		interval := f.open(f.TempDir(), "interval")
		f.singles(interval, "in the system's memory (--log-sync interval)")
		interval.close()
	}
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

// ingest measures batches over HTTP until ClickHouse has them, beside the
// driver inserting the rows of the round before into a table laid out alike.
func (f *figures) ingest(u *under) {
	const n = figuresPosts * figuresBatch
	send := func(bodies []string) time.Duration {
		u.merged()
		begun := time.Now()
		f.sending(figuresSenders, u.url+"/v1/events", batchType, bodies, http.StatusAccepted)
		u.stored()
		return time.Since(begun)
	}
	send(u.deliveries(figuresPosts, figuresBatch))
	f.must(u.conn.Exec(f.Context(), "CREATE TABLE raw_events AS events"))
	took := f.rounds(func() []func() time.Duration {
		bodies, rows := u.deliveries(figuresPosts, figuresBatch), f.last(u.conn, n)
		return []func() time.Duration{
			func() time.Duration { return send(bodies) },
			func() time.Duration {
				u.merged()
				return f.insert(u.conn, rows)
			},
		}
	})
	ours, raw := perSecond(n, took[0]), perSecond(n, took[1])
	f.row(fmt.Sprintf("ingest over HTTP in batches of %d, until ClickHouse has them (aim: 0.8)", figuresBatch),
		fmt.Sprintf("%.0f events/s", ours), fmt.Sprintf("%.0f rows/s: the driver alone, %d an insert", raw, figuresRaw), fmt.Sprintf("%.2f", ours/raw))
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

// singles measures deliveries of one event until they are acknowledged. The
// baseline waits until they are stored, too: it is not to pay for that.
func (f *figures) singles(u *under, how string) {
	answer, err := post(f.Context(), u.url+"/v1/events", batchType, u.delivery(1), http.StatusAccepted)
	f.must(err)
	bare := f.bare(http.StatusAccepted, "application/json", answer)
	for _, senders := range []int{1, figuresSenders} {
		took := f.rounds(func() []func() time.Duration {
			bodies := u.deliveries(figuresSingles, 1)
			return []func() time.Duration{
				func() time.Duration {
					took := f.sending(senders, u.url+"/v1/events", batchType, bodies, http.StatusAccepted)
					u.stored()
					return took
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
	var ranked struct {
		Data struct{ WhatChanged struct{ Total int } }
	}
	f.must(json.Unmarshal(answer, &ranked))
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
		f.row(fmt.Sprintf("whatChanged over GraphQL from %d at once, 2 hops, %d services, %d events, %d ranked, %.0f KB", senders, *figuresServices, *figuresEvents, ranked.Data.WhatChanged.Total, float64(len(answer))/1000),
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
