package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/auth"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
)

// An under is an instance under measurement, served over HTTP.
type under struct {
	*openInstance
	f          *figures
	url        string
	data, sync string
	conn       driver.Conn // to its ClickHouse
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
	server, err := o.web(in, t, auth.Config{})
	f.must(err)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l, time.Second) }()
	u := &under{openInstance: &openInstance{in, t}, f: f, url: "http://" + l.Addr().String(), data: data, sync: sync}
	u.end = func() error {
		cancel()
		return errors.Join(<-ended, u.conn.Close(), in.Close(), t.Close(context.WithoutCancel(ctx)))
	}
	options := in.Engine.Writer()
	options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4} // as our writer
	u.conn, err = clickhouse.Open(options)
	f.must(err)
	f.must(in.Ready(ctx))
	return u
}

func (u *under) close() {
	u.f.Helper()
	figuresClient.CloseIdleConnections()
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
			`"commits":["%016[4]x%016[4]x%08[1]x"],"actor":{"name":"person-%[2]d"},"summary":"Deploy v1.%[1]d to production: raise the cart timeout",`+
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

// stored waits until ClickHouse has all that was acknowledged.
func (u *under) stored() {
	last, _, err := u.Log.Last(u.f.Context())
	u.f.must(err)
	until(u.f, "history has all of the log", func() bool {
		var stored uint64
		u.f.must(u.conn.QueryRow(u.f.Context(), "SELECT max(sequence) FROM deliveries").Scan(&stored))
		return stored >= last
	})
}

// merged waits until ClickHouse has merged what was written: merging is not to
// slow what is measured next.
func (u *under) merged() {
	until(u.f, "what was written is merged", func() bool {
		var merges uint64
		u.f.must(u.conn.QueryRow(u.f.Context(), "SELECT count() FROM system.merges").Scan(&merges))
		return merges == 0
	})
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

// load opens an instance that has the estate, in ClickHouse too.
func (f *figures) load(data string) *under {
	u := f.open(data, "always")
	edges, changes := estate()
	for _, events := range [][]whatchanged.Event{edges, changes} {
		_, err := u.Pipeline.Import(f.Context(), "figures", events)
		f.must(err)
	}
	f.must(u.caughtUp(f.Context()))
	u.stored()
	u.merged()
	return u
}
