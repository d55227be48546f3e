package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
)

// The size of a siege: small in `make test`, whole in `make fault`.
var (
	siegeEvents = flag.Int("siege-events", 4_000, "events that are sent while things break")
	siegeAway   = flag.Duration("siege-away", time.Second, "how long ClickHouse is away")
)

const (
	siegeSenders = 8
	siegeBatch   = 25
	siegeThings  = 5 // entities that a sender tells of
)

// A siege is several senders that send each batch until it is acknowledged,
// and go on to the next only then, while things break. Each entity is told of
// by one sender, version by version, over the last three hours: some of it is
// older than memory, and older than what the log recognises as repeated.
type siege struct {
	t            *testing.T
	address      atomic.Value // where to send to now
	began        time.Time
	batches      int           // of each sender
	acknowledged chan struct{} // one for each batch
	repeated     atomic.Int64  // attempts that failed
	senders      sync.WaitGroup
	stop         context.CancelFunc
	ctx          context.Context
}

func besiege(t *testing.T, s *process) *siege {
	g := &siege{t: t, began: time.Now().UTC().Truncate(time.Second), batches: *siegeEvents / siegeSenders / siegeBatch}
	g.acknowledged = make(chan struct{}, siegeSenders*g.batches)
	g.ctx, g.stop = context.WithCancel(t.Context())
	t.Cleanup(func() { g.stop(); g.senders.Wait() })
	g.address.Store(s.url)
	for sender := range siegeSenders {
		g.senders.Go(func() {
			for b := range g.batches {
				if !g.insist(g.batch(sender, b)) {
					return
				}
				g.acknowledged <- struct{}{}
			}
		})
	}
	return g
}

func (g *siege) entity(sender, thing int) string {
	return fmt.Sprintf("service:shop/s%d-%d", sender, thing)
}

// versions is how many each entity has in the end.
func (g *siege) versions() int { return g.batches * siegeBatch / siegeThings }

func (g *siege) batch(sender, b int) string {
	var events []string
	for i := range siegeBatch {
		n := b*siegeBatch + i
		version := n/siegeThings + 1
		at := g.began.Add(-3 * time.Hour).Add(time.Duration(version) * 3 * time.Hour / time.Duration(g.versions()+1)).Truncate(time.Second)
		events = append(events, fmt.Sprintf(`{"specversion":"1.0","id":"%d-%d","source":"ci","type":"com.example.service.changed","subject":"x","time":%q,`+
			`"data":{"entity":%q,"version":"%d","summary":"version %[5]d"}}`, sender, n, at.Format(time.RFC3339), g.entity(sender, n%siegeThings), version))
	}
	return "[" + strings.Join(events, ",") + "]"
}

// insist sends until it is acknowledged.
func (g *siege) insist(body string) bool {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		r := send(g.ctx, g.address.Load().(string)+"/v1/events", batchType, body)
		switch r.Status {
		case http.StatusAccepted:
			return true
		case 0, http.StatusServiceUnavailable, http.StatusTooManyRequests:
			g.repeated.Add(1)
		default:
			g.t.Errorf("refused: %+v", r)
			return false
		}
		select {
		case <-poll.C:
		case <-g.ctx.Done():
			g.t.Errorf("never acknowledged; the last answer was %+v", r)
			return false
		}
	}
}

// part waits until one more of n parts of all batches is acknowledged.
func (g *siege) part(n int) {
	g.t.Helper()
	for range siegeSenders * g.batches / n {
		select {
		case <-g.acknowledged:
		case <-time.After(4 * patience):
			g.t.Fatal("nothing is acknowledged any more")
		}
	}
}

// over waits until every sender is done, and says what it took.
func (g *siege) over() {
	g.t.Helper()
	g.senders.Wait()
	g.t.Logf("%d events in %d deliveries acknowledged in %v; %d attempts failed and were repeated",
		siegeSenders*g.batches*siegeBatch, siegeSenders*g.batches, time.Since(g.began).Round(time.Millisecond), g.repeated.Load())
}

// whole wants every version of every entity found once and in order.
func (g *siege) whole(s *process) {
	g.t.Helper()
	for sender := range siegeSenders {
		for thing := range siegeThings {
			entity := g.entity(sender, thing)
			got := s.versions(entity)
			for i := range got {
				if got[i] != strconv.Itoa(i+1) {
					g.t.Fatalf("%s: version %s stands where %d should", entity, got[i], i+1)
				}
			}
			if len(got) != g.versions() {
				g.t.Errorf("%s: %d versions found, %d were acknowledged", entity, len(got), g.versions())
			}
		}
	}
}

// versions asks for the versions of an entity in order of time.
func (s *process) versions(entity string) (all []string) {
	s.t.Helper()
	input := map[string]any{"scope": []string{entity}, "since": "-1d", "hops": 0, "fold": false, "limit": 500}
	for {
		body, err := json.Marshal(map[string]any{"variables": map[string]any{"input": input},
			"query": `query($input: TimelineInput!){timeline(input:$input){cursor items{change{version}}}}`})
		if err != nil {
			s.t.Fatal(err)
		}
		res, err := http.Post(s.url+"/graphql", "application/json", strings.NewReader(string(body)))
		if err != nil {
			s.t.Fatal(err)
		}
		var out struct {
			Data struct {
				Timeline struct {
					Cursor *string
					Items  []struct{ Change struct{ Version string } }
				}
			}
			Errors []any
		}
		err = json.NewDecoder(res.Body).Decode(&out)
		res.Body.Close()
		if err != nil || len(out.Errors) > 0 {
			s.t.Fatalf("%s: %v %v\n%s", entity, err, out.Errors, s.log)
		}
		for _, i := range out.Data.Timeline.Items {
			all = append(all, i.Change.Version)
		}
		if out.Data.Timeline.Cursor == nil {
			return all
		}
		input["cursor"] = *out.Data.Timeline.Cursor
	}
}

func TestSiegeTheServerIsKilled(t *testing.T) {
	data := t.TempDir()
	s := serving(t, data, "--hot", "1h")
	g := besiege(t, s)
	for range 3 {
		g.part(4)
		s.kill()
		s = listening(t, data, "--hot", "1h") // at another address, and not yet ready
		g.address.Store(s.url)
	}
	g.over()
	s.kill() // and once more, after which nothing comes that would push on what was in hand
	s = serving(t, data, "--hot", "1h")
	g.whole(s)
}

func TestSiegeTheEngineIsKilled(t *testing.T) {
	data := t.TempDir()
	s := serving(t, data, "--hot", "1h")
	g := besiege(t, s)
	for range 3 {
		g.part(4)
		killed := s.engine
		if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		until(t, "there is another engine", func() bool {
			engines := children(t, s.cmd.Process.Pid)
			if len(engines) == 1 && engines[0] != killed {
				s.engine = engines[0]
			}
			return s.engine != killed
		})
	}
	g.over()
	s.answersOfHistory()
	g.whole(s)
	s.kill()
	g.whole(serving(t, data, "--hot", "1h"))
}

// answersOfHistory waits until history has all that was acknowledged.
func (s *process) answersOfHistory() {
	s.t.Helper()
	defer func() {
		if s.t.Failed() {
			s.t.Log(s.log)
		}
	}()
	until(s.t, "questions about long ago are answered", func() bool {
		_, code := s.timeline(map[string]any{"since": "-9d", "limit": 1})
		return code == ""
	})
}

func TestSiegeTheEngineIsAway(t *testing.T) {
	w := enginetest.Start(t).Writer()
	gate := enginetest.NewGate(t, w.Addr[0])
	dsn := url.URL{Scheme: "clickhouse", User: url.UserPassword(w.Auth.Username, w.Auth.Password), Host: gate.Addr, Path: w.Auth.Database}
	gate.Open()
	s := serving(t, t.TempDir(), "--hot", "1h", "--clickhouse", dsn.String())
	g := besiege(t, s)
	g.part(3)
	gate.Shut()
	<-time.After(*siegeAway)
	if r := s.events(ce("meanwhile", time.Now())); r.Status != http.StatusAccepted {
		t.Errorf("what is recent was answered %+v while the engine was away", r)
	}
	gate.Open()
	g.over()
	s.answersOfHistory()
	g.whole(s)
}

// The data folder lies on a small file system of its own, which something else
// fills while events are sent, and makes room again.
func TestSiegeTheDiskIsFull(t *testing.T) {
	disk := t.TempDir()
	serve := func() *process {
		// In a mount namespace of its own nothing is left behind; as another
		// user there, one need not be root.
		cmd := command()
		cmd.Args = []string{"sh", "-c", `mkdir -p "$0/data" && mount -t tmpfs -o size=` + siegeDisk() + ` tmpfs "$0" && exec "$@"`, disk,
			cmd.Path, "serve", "--data", filepath.Join(disk, "data"), "--listen", "127.0.0.1:0", "--hot", "1h"}
		var err error
		if cmd.Path, err = exec.LookPath("sh"); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
		return started(t, cmd, func(pid int) string { return filepath.Join("/proc", strconv.Itoa(pid), "root", disk, "data") })
	}
	s := serve()
	s.ready()
	ballast := filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "root", disk, "ballast")
	fill(t, ballast)
	g := besiege(t, s)
	until(t, "the disk is full", func() bool { return g.repeated.Load() > 10 })
	if status, _ := s.get("/healthz"); status != http.StatusOK {
		t.Errorf("healthz with a full disk: %d", status)
	}
	empty(t, ballast)
	for range 3 { // and in the midst of it
		g.part(5)
		fill(t, ballast)
		empty(t, ballast)
	}
	g.over()
	s.answersOfHistory()
	g.whole(s)
}

func empty(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

// siegeDisk is the size of the small file system: the log keeps 64 MiB free.
func siegeDisk() string { return fmt.Sprintf("%dm", 256+*siegeEvents/100) }

// fill writes a file until there is no room left.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 1<<10; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
}
