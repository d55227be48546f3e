package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
