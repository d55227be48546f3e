package cold

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

// estate returns n deliveries of one event each, from a sequence on: an even
// stream over 90 days for n = total, on 10,000 entities, every field of the
// common kinds filled as a sender would, one in 200 a correction.
func estate(first, n, total int) []whatchanged.Delivery {
	g := rand.New(rand.NewPCG(uint64(first), 1))
	dawn := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	all := make([]whatchanged.Delivery, n)
	for i := range all {
		sequence := uint64(first + i)
		at := whatchanged.Canonical(dawn.Add(time.Duration(float64(90*24*time.Hour) * float64(sequence) / float64(total))))
		sha, version := fmt.Sprintf("%016x%016x%08x", g.Uint64(), g.Uint64(), g.Uint32()), g.IntN(400)
		e := whatchanged.Event{
			ID: fmt.Sprintf("github/deployment/%d", 140000000+sequence), Position: whatchanged.Position{Sequence: sequence},
			Source: "github", Kind: whatchanged.Deployment, Action: "deployed",
			Entity:    whatchanged.Ref{Kind: "service", Namespace: fmt.Sprint("team-", g.IntN(100)), Name: fmt.Sprint("service-", g.IntN(100))},
			Placement: whatchanged.Placement{Environment: "production", Region: []string{"eu-west-1", "us-east-1", "ap-south-1"}[g.IntN(3)]},
			Actor:     &whatchanged.Actor{Name: fmt.Sprint("person-", g.IntN(500)), Automation: g.IntN(3) == 0},
			// effective a little before it is heard of, rarely a day
			EffectiveAt: at.Add(-time.Duration(g.IntN(60)) * time.Second), SeenAt: at, Clock: whatchanged.SourceClock,
			Version: fmt.Sprint("v1.", version), PreviousVersion: fmt.Sprint("v1.", version-1), Commits: []string{sha},
			Summary: fmt.Sprintf("Deploy %s to production: %s the %s timeout", sha[:7], []string{"raise", "lower", "fix"}[g.IntN(3)], []string{"cart", "search", "login"}[g.IntN(3)]),
			Links:   []whatchanged.Link{{Rel: "evidence", URL: "https://github.example.com/acme/repo/deployments/" + sha[:9]}},
		}
		if sequence%200 == 0 {
			e.ID, e.Revision = fmt.Sprintf("github/deployment/%d", 140000000+sequence-100), 1
		}
		if sequence%4 == 0 {
			e.Kind, e.Action = whatchanged.Config, "updated"
			e.Before, e.After = whatchanged.ValueOf(map[string]int{"timeout": version}), whatchanged.ValueOf(map[string]int{"timeout": version + 1})
			e.Diff = whatchanged.Diff(e.Before, e.After)
		}
		all[i] = whatchanged.Delivery{Source: "github", Type: "deployment_status", ID: sha, Outcome: whatchanged.Accepted, Sequence: sequence,
			ReceivedAt: at, Header: map[string]string{"x-github-event": "deployment_status"}, Events: []whatchanged.Event{e}}
		all[i].Body = fmt.Appendf(nil, `{"deployment":{"id":%d,"sha":%q,"environment":"production"},"padding":%q}`, sequence, sha, strings.Repeat(sha, 10))
	}
	return all
}

const batchSize = 10_000

// fill writes an estate of n deliveries and returns how long the writes took.
func fill(tb testing.TB, w *Writer, n int) (took time.Duration) {
	tb.Helper()
	for first := 1; first <= n; first += batchSize {
		batch := estate(first, min(batchSize, n+1-first), n)
		begun := time.Now()
		write(tb, w, batch)
		took += time.Since(begun)
	}
	return took
}

// explain returns how ClickHouse would run a query.
func explain(tb testing.TB, r *Reader, q *query) string {
	tb.Helper()
	var plan strings.Builder
	_, selection, _ := strings.Cut(q.text, "SELECT")
	q.text = "EXPLAIN indexes = 1, projections = 1 SELECT" + selection
	err := r.each(tb.Context(), "explain", q, func(rows driver.Rows) error {
		var line string
		err := rows.Scan(&line)
		plan.WriteString(line + "\n")
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return plan.String()
}

// Each read must find its rows by the key, the projection or the index that
// the schema holds for it.
func TestReadsUseTheirIndexes(t *testing.T) {
	s := newStore(t)
	const n = 50_000
	fill(t, s.openWriter(t), n)
	r := s.openReader(t)
	v := whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(n)}
	hours := whatchanged.Interval{From: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 2, 1, 5, 0, 0, 0, time.UTC)}
	one := []whatchanged.Ref{{Kind: "service", Namespace: "team-7", Name: "service-7"}}
	tests := []struct {
		claim string
		query *query
		want  []string
	}{
		{"a whole-estate window reads the projection by_time", composeChanges(v, whatchanged.Selection{Interval: hours, Descending: true, Limit: 50}, false), []string{"(by_time)", "effective_at", "InReverseOrder"}},
		{"and so does its total", composeChanges(v, whatchanged.Selection{Interval: hours}, true), []string{"(by_time)", "effective_at"}},
		{"the newest of all read it from its end", composeChanges(v, whatchanged.Selection{Descending: true, Limit: 50}, false), []string{"(by_time)", "InReverseOrder"}},
		{"entities are found by the primary key", composeChanges(v, whatchanged.Selection{Entities: one, Limit: 50}, false), []string{".events)", "PrimaryKey", "entity in 1-element set"}},
		{"ids are found by their bloom filter", composeChanges(v, whatchanged.Selection{IDs: []string{"github/deployment/140000007"}, Limit: 50}, false), []string{".events)", "Name: events_id"}},
		{"the newest of each of several entities are found by the primary key", composeSelection("each", v, whatchanged.Selection{Entities: one, Descending: true, Limit: 5}, false, trust{}), []string{".events)", "PrimaryKey", "entity in 1-element set"}},
		{"what arrived lately is in no old granule", composeChanges(v, whatchanged.Selection{Seen: whatchanged.Interval{From: time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC), To: whatchanged.MaxTime}}, true), []string{"Name: events_seen"}},
		{"known ids are looked up in the projection by_id", compose("lookup", nil).set("ids", []string{"github/deployment/140000007"}), []string{"(by_id)", "id in 1-element set"}},
		{"what lies beyond the watermark is in no old granule", compose("present", nil).set("after", uint64(n-10)), []string{"Name: events_sequence"}},
		{"recent events are in no old granule", compose("recent", nil).at("since", time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC)), []string{"Name: events_seen"}},
		{"a position at a time is read from the end of the key", compose("watermark", lastDelivery{Before: true}).at("before", hours.From), []string{"InReverseOrder", "Name: deliveries_received"}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			plan := explain(t, r, test.query)
			for _, want := range test.want {
				if !strings.Contains(plan, want) {
					t.Errorf("the plan does not say %q:\n%s", want, plan)
				}
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	w := newStore(b).openWriter(b)
	n := 0
	for b.Loop() {
		b.StopTimer()
		batch := estate(n+1, batchSize, 10_000_000)
		n += batchSize
		b.StartTimer()
		write(b, w, batch)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkReads reads from a million events.
func BenchmarkReads(b *testing.B) {
	s := newStore(b)
	const n = 1_000_000
	w := s.openWriter(b)
	took := fill(b, w, n)
	b.Logf("%d events written at %.0f events/s", n, n/took.Seconds())
	b.Log(sizes(b, w))
	r := s.openReader(b)
	v := whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.At(n)}
	at := func(day, hour int) time.Time { return time.Date(2026, 1, day, hour, 0, 0, 0, time.UTC) }
	ref := func(i int) whatchanged.Ref {
		return whatchanged.Ref{Kind: "service", Namespace: fmt.Sprint("team-", i%100), Name: fmt.Sprint("service-", i/7%100)}
	}
	var twenty []whatchanged.Ref
	for i := range 20 {
		twenty = append(twenty, ref(i*13))
	}
	var thousand []string
	for i := range 1000 {
		thousand = append(thousand, fmt.Sprintf("github/deployment/%d", 140000000+i*977))
	}
	changes := func(s whatchanged.Selection) func() error {
		return func() error { _, err := r.Changes(b.Context(), v, s); return err }
	}
	for _, read := range []struct {
		name string
		do   func() error
	}{
		{"one entity, all of history", changes(whatchanged.Selection{Entities: []whatchanged.Ref{ref(7)}, Descending: true, Limit: 1000})},
		{"the newest 5 of each of 20 entities", func() error {
			_, err := r.ChangesOfEach(b.Context(), v, whatchanged.Selection{Entities: twenty, Descending: true, Limit: 5})
			return err
		}},
		{"20 entities, last 2 h", changes(whatchanged.Selection{Entities: twenty, Interval: whatchanged.Interval{From: at(90, 22), To: at(91, 0)}, Descending: true, Limit: 50})},
		{"20 entities, 24 h of 40 days ago", changes(whatchanged.Selection{Entities: twenty, Interval: whatchanged.Interval{From: at(50, 0), To: at(51, 0)}, Descending: true, Limit: 50})},
		{"everything, 2 h of 40 days ago, newest 50 and the total", changes(whatchanged.Selection{Interval: whatchanged.Interval{From: at(50, 0), To: at(50, 2)}, Descending: true, Limit: 50})},
		{"one id", changes(whatchanged.Selection{IDs: thousand[500:501], Limit: 50})},
		{"a thousand known ids", func() error { _, err := w.Known(b.Context(), thousand); return err }},
		{"mention of a commit, all of history", func() error {
			_, err := r.Mentions(b.Context(), v, whatchanged.Mention{Text: "abcdef0", Limit: 20})
			return err
		}},
		{"mention of two words, all of history", func() error {
			_, err := r.Mentions(b.Context(), v, whatchanged.Mention{Text: "raise login", Limit: 20})
			return err
		}},
		{"entities by text", func() error {
			_, err := r.Entities(b.Context(), v, whatchanged.EntitySelection{Text: "service-77", Limit: 20})
			return err
		}},
		{"sources in 24 h", func() error {
			_, err := r.Sources(b.Context(), v, whatchanged.Interval{From: at(50, 0), To: at(51, 0)})
			return err
		}},
		{"position at a time", func() error { _, err := r.PositionAt(b.Context(), at(50, 0)); return err }},
		{"one delivery", func() error { _, err := r.Deliveries(b.Context(), v, []uint64{543210}); return err }},
	} {
		b.Run(read.name, func(b *testing.B) {
			for b.Loop() {
				if err := read.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// sizes says what is stored of the events: bytes for each, with and without
// projections and indexes.
func sizes(b *testing.B, w *Writer) string {
	var parts, bytes, rows, columns uint64
	if err := w.conn.QueryRow(b.Context(), `SELECT count(), sum(bytes_on_disk), sum(rows), sum(data_compressed_bytes)
		FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'`).Scan(&parts, &bytes, &rows, &columns); err != nil {
		b.Fatal(err)
	}
	return fmt.Sprintf("%d events in %d parts, %.1f bytes an event, %.1f without projections and indexes", rows, parts, float64(bytes)/float64(rows), float64(columns)/float64(rows))
}
