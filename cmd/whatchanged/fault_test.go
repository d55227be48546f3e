package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/folder"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
)

func TestTheEngineComesLater(t *testing.T) {
	w := enginetest.Start(t).Writer()
	gate := enginetest.NewGate(t, w.Addr[0])
	dsn := url.URL{Scheme: "clickhouse", User: url.UserPassword(w.Auth.Username, w.Auth.Password), Host: gate.Addr, Path: w.Auth.Database}
	s := listening(t, t.TempDir(), "--clickhouse", dsn.String())
	now := time.Now().UTC().Truncate(time.Second)
	var want []string
	for i := range 20 {
		id := fmt.Sprintf("early-%02d", i)
		want = append(want, id)
		s.taken(ce(id, now.Add(-time.Minute)))
	}
	if r := s.events(ce("old", now.Add(-9*time.Hour))); r.Status != http.StatusServiceUnavailable || r.Code != whatchanged.CodeUnavailable {
		t.Errorf("whether something old is known cannot be said, and it was answered %+v", r)
	}
	if _, code := s.timeline(map[string]any{"since": "-1h"}); code != whatchanged.CodeUnavailable {
		t.Errorf("a question was answered with %q", code)
	}
	if status, body := s.get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "loading") {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := s.get("/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}

	gate.Open()
	s.ready()
	r := s.taken(ce("old", now.Add(-9*time.Hour)))
	want = append(want, "old")
	equal(t, "found", s.ids(map[string]any{"since": "-1d", "after": r.Position}), want)

	gate.Shut()
	r = s.taken(ce("while away", now))
	hot := map[string]any{"since": now.Add(-time.Hour), "until": now.Add(time.Second), "after": r.Position}
	equal(t, "found while it is away again", s.ids(hot), append(slices.Clone(want[:20]), "while away"))
	if _, code := s.timeline(map[string]any{"since": "-9d"}); code != whatchanged.CodeUnavailable {
		t.Errorf("a question about long ago was answered with %q", code)
	}
	if status, body := s.get("/readyz"); status != http.StatusOK || !strings.Contains(body, "UNAVAILABLE") {
		t.Errorf("readyz while it is away: %d %s", status, body)
	}
	gate.Open()
	until(t, "all is answered again", func() bool {
		a, code := s.timeline(map[string]any{"since": "-9d", "fold": false})
		return code == "" && a.Total == len(want)+1
	})
}

func TestTheEngineIsKilledWhileAsked(t *testing.T) {
	s := serving(t, t.TempDir(), "--hot", "1h")
	now := time.Now().UTC().Truncate(time.Second)
	var all []string
	tell := func(at time.Time) reply {
		all = append(all, fmt.Sprintf("%03d", len(all)))
		return s.taken(ce(all[len(all)-1], at))
	}
	for i := range 20 {
		tell(now.Add(-time.Duration(i) * 24 * time.Hour))
	}
	var asked, refused, told int
	killed := s.engine
	for round := range 2 {
		if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		until(t, "the engine is there again", func() bool {
			r := tell(now.Add(-time.Minute)) // what is recent is taken
			told++
			if _, code := s.timeline(map[string]any{"since": "-30m", "after": r.Position}); code != "" {
				t.Errorf("a question about the last half hour was refused as %s", code)
			}
			// Each time another question, so that none is answered from before.
			switch _, code := s.timeline(map[string]any{"since": now.Add(-40*24*time.Hour - time.Duration(asked)*time.Second)}); code {
			case "":
			case whatchanged.CodeUnavailable, whatchanged.CodeStale:
				refused++
			default:
				t.Errorf("a question about long ago was refused as %s", code)
			}
			asked++
			engines := children(t, s.cmd.Process.Pid)
			return len(engines) == 1 && engines[0] != killed && strings.Contains(second(s.get("/readyz")), "answers")
		})
		killed = children(t, s.cmd.Process.Pid)[0]
		t.Logf("round %d: %d asked, %d refused, %d told meanwhile", round, asked, refused, told)
	}
	s.engine = killed
	if refused == 0 {
		t.Error("the engine was never away: nothing was tried")
	}
	until(t, "questions about long ago are answered", func() bool {
		_, code := s.timeline(map[string]any{"since": "-41d"})
		return code == ""
	})
	equal(t, "found", s.ids(map[string]any{"since": "-42d"}), all)
}

func second(_ int, s string) string { return s }

// Several senders, each with batches of its own, send until each is
// acknowledged, while the server is killed and started again.
func TestTheServerIsKilledDuringIngest(t *testing.T) {
	const senders, batches, size, kills = 4, 40, 25, 3
	data := t.TempDir()
	s := serving(t, data)
	var address atomic.Value
	address.Store(s.url)
	now := time.Now().UTC().Truncate(time.Second)
	acknowledged := make(chan string, senders*batches)
	var repeated atomic.Int64
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for b := range batches {
				var batch []string
				for i := range size {
					at := now.Add(-time.Minute)
					if i%5 == 0 {
						at = now.Add(-time.Duration(b) * time.Hour) // some are late
					}
					batch = append(batch, ce(fmt.Sprintf("%d-%02d-%02d", sender, b, i), at))
				}
				if !insist(t, &address, "["+strings.Join(batch, ",")+"]", &repeated) {
					return
				}
				acknowledged <- fmt.Sprint(sender, " ", b)
			}
		})
	}
	for kill := range kills {
		for range senders * batches / (kills + 1) {
			<-acknowledged
		}
		s.kill()
		s = listening(t, data) // at another address, and not yet ready
		address.Store(s.url)
		t.Logf("kill %d: back at %s", kill+1, s.url)
	}
	all.Wait()
	s.kill() // and once more, after which nothing comes that would push on what was in hand
	s = serving(t, data)
	var want []string
	for sender := range senders {
		for b := range batches {
			for i := range size {
				want = append(want, fmt.Sprintf("%d-%02d-%02d", sender, b, i))
			}
		}
	}
	equal(t, "found", s.ids(map[string]any{"since": "-7d"}), want)
	_, ready := s.get("/readyz")
	t.Logf("%d events in %d deliveries, each found once; %d attempts failed and were repeated; %s",
		len(want), senders*batches, repeated.Load(), ready)
}

// insist sends until it is acknowledged.
func insist(t testing.TB, address *atomic.Value, body string, repeated *atomic.Int64) bool {
	late := time.After(2 * patience)
	for poll := time.NewTicker(20 * time.Millisecond); ; {
		r := send(t.Context(), address.Load().(string)+"/v1/events", batchType, body)
		switch r.Status {
		case http.StatusAccepted:
			return true
		case 0, http.StatusServiceUnavailable, http.StatusTooManyRequests:
			repeated.Add(1)
		default:
			t.Errorf("refused: %+v", r)
			return false
		}
		select {
		case <-poll.C:
		case <-late:
			t.Errorf("never acknowledged; the last answer was %+v", r)
			return false
		}
	}
}

func TestToldToStopItFinishesWhatItBegan(t *testing.T) {
	data := t.TempDir()
	s := serving(t, data)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := "[" + ce("begun", time.Now()) + "]"
	half := len(body) / 2
	fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		strings.TrimPrefix(s.url, "http://"), batchType, len(body))
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") { // it waits for the body
		t.Fatalf("%q, %v", line, err)
	}
	fmt.Fprint(conn, body[:half])
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "nothing new is taken", func() bool {
		status, _ := s.get("/healthz")
		return status == 0
	})
	fmt.Fprint(conn, body[half:])
	rest := new(strings.Builder)
	for line, err := answers.ReadString('\n'); err == nil; line, err = answers.ReadString('\n') {
		rest.WriteString(line)
	}
	if !strings.Contains(rest.String(), "202 Accepted") {
		t.Errorf("what was begun was answered %q", rest)
	}
	s.gone()
	if s.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("it ended with %v", s.cmd.ProcessState)
	}
	if _, owned, err := folder.Find(data); err != nil || owned {
		t.Errorf("the folder is still owned: %v, %v", owned, err)
	}
	s = serving(t, data)
	equal(t, "found", s.ids(map[string]any{"since": "-1h"}), []string{"begun"})
}

// A sender that hangs does not keep the server from ending.
func TestDrainingEnds(t *testing.T) {
	s := serving(t, t.TempDir(), "--drain", "100ms")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.gone()
	s.exit = whatchanged.Codes[whatchanged.CodeInternal].Exit
	if code := s.cmd.ProcessState.ExitCode(); code != s.exit {
		t.Errorf("it ended with %d, want %d: something was cut off", code, s.exit)
	}
}
