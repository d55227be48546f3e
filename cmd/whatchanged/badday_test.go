package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/folder"
)

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %d: %.300q, want %d: %.300q", what, len(got), got, len(want), want)
	}
}

// What senders do wrong, and what they do again, on one server.
func TestBadDeliveries(t *testing.T) {
	data := t.TempDir()
	s := serving(t, data)
	now := time.Now().UTC().Truncate(time.Second)

	t.Run("what is wrong is refused in words and kept", func(t *testing.T) {
		structured := "application/cloudevents+json"
		long := `{"specversion":"1.0","id":"long","source":"ci","type":"t","subject":"a","data":"` + strings.Repeat("x", 8<<20) + `"}`
		cases := []struct {
			name, body string
			status     int
			code       whatchanged.Code
			field      string
			kept       bool
		}{
			{"malformed", `{"specversion":"1.0",`, 400, whatchanged.CodeInvalidArgument, "", true},
			{"nothing", ``, 400, whatchanged.CodeInvalidArgument, "", true},
			{"deeply nested", strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000), 400, whatchanged.CodeInvalidArgument, "", true},
			{"wrong-typed", `{"specversion":"1.0","id":7,"source":"ci","type":"t","subject":"a"}`, 422, whatchanged.CodeInvalidArgument, "id", true},
			{"dated beyond all plausible", strings.Replace(ce("x", now), now.Format("2006"), "2999", 1), 422, whatchanged.CodeInvalidArgument, "time", true},
			{"oversized", long, 413, whatchanged.CodeTooLarge, "", false},
		}
		rejected := 0
		for _, c := range cases {
			r := send(t.Context(), s.url+"/v1/events", structured, c.body)
			if r.Status != c.status || r.Code != c.code || r.Field != c.field || r.Detail == "" || r.Position.IsZero() == c.kept {
				t.Errorf("%s: %+v", c.name, r)
			}
			if c.kept {
				rejected++
			}
		}
		r := s.taken(ce("good", now.Add(-time.Minute)))
		a, code := s.timeline(map[string]any{"since": "-1h", "after": r.Position})
		if code != "" || len(a.Coverage.Sources) != 1 || a.Coverage.Sources[0].Rejected != rejected || a.Coverage.Sources[0].Deliveries != rejected+1 {
			t.Errorf("coverage tells of %+v (%s), want %d rejected", a.Coverage.Sources, code, rejected)
		}
	})

	t.Run("what comes again is told once", func(t *testing.T) {
		one, old := ce("one", now.Add(-time.Minute)), ce("one-old", now.Add(-9*time.Hour))
		cases := []struct {
			name       string
			batch      []string
			events     int
			duplicates int
		}{
			{"first", []string{one, old}, 2, 0},
			{"at once", []string{one, old}, 0, 2},
			{"old, in other company", []string{ce("two", now.Add(-time.Minute)), old}, 1, 1},
			{"recent, in other company", []string{one, ce("five", now)}, 1, 1},
			{"twice in one", []string{ce("three", now), ce("three", now)}, 1, 1},
			{"earlier than what came before", []string{ce("four", now.Add(-8*time.Hour))}, 1, 0},
		}
		var last reply
		for _, c := range cases {
			if last = s.taken(c.batch...); last.Events != c.events || last.Duplicates != c.duplicates {
				t.Errorf("%s: %+v", c.name, last)
			}
			s.timeline(map[string]any{"after": last.Position}) // until it is seen
		}
		want := []string{"five", "four", "good", "one", "one-old", "three", "two"}
		equal(t, "found", s.ids(map[string]any{"since": "-1d", "until": now.Add(time.Second), "after": last.Position}), want)
		if n := s.metric("whatchanged_events_total"); n != len(want) {
			t.Errorf("%d events were counted, want %d", n, len(want))
		}
	})

	t.Run("what many tell at once is told once", func(t *testing.T) {
		counted := s.metric("whatchanged_events_total")
		const senders = 16
		shared := []string{ce("shared", now.Add(-60*time.Hour)), ce("shared-old", now.Add(-3*24*time.Hour))}
		replies := make(chan reply, senders)
		for i := range senders {
			go func() {
				replies <- s.events(append(slices.Clone(shared), ce(fmt.Sprintf("own-%02d", i), now.Add(-60*time.Hour)))...)
			}()
		}
		events, last := 0, whatchanged.Position{}
		for range senders {
			r := <-replies
			if r.Status != http.StatusAccepted {
				t.Fatalf("%+v", r)
			}
			if events += r.Events; r.Position.Compare(last) > 0 {
				last = r.Position
			}
		}
		want := senders + len(shared)
		if n := s.metric("whatchanged_events_total") - counted; events != want || n != want {
			t.Errorf("the senders were told of %d new events and %d were counted, want %d", events, n, want)
		}
		found := s.ids(map[string]any{"since": now.Add(-4 * 24 * time.Hour), "until": now.Add(-24 * time.Hour), "after": last})
		if len(found) != want || len(slices.Compact(found)) != want {
			t.Errorf("found %q, want %d", found, want)
		}
	})

	t.Run("what will be is taken, and seen in its time", func(t *testing.T) {
		r := s.taken(ce("future", now.Add(5*time.Hour)))
		hour := func(from, to string) map[string]any {
			return map[string]any{"since": from, "until": to, "after": r.Position}
		}
		at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
		equal(t, "before", s.ids(hour(at(-time.Second), at(5*time.Hour))), []string{"five", "three"})
		equal(t, "then", s.ids(hour(at(4*time.Hour), at(6*time.Hour))), []string{"future"})
	})

	t.Run("a secret in a question is not logged", func(t *testing.T) {
		const secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
		if _, code := s.timeline(map[string]any{"scope": []string{secret}}); code != whatchanged.CodeNotFound {
			t.Errorf("it was answered %s", code)
		}
		until(t, "the question is in the log, without the secret", func() bool { return strings.Contains(s.log.String(), `[\"redacted:`) })
		if log := s.log.String(); strings.Contains(log, secret) {
			t.Errorf("the log is %s", log)
		}
	})

	t.Run("and after a restart", func(t *testing.T) {
		all := func() map[string]any { return map[string]any{"since": "-2d", "until": now.Add(9 * time.Hour)} }
		want := s.ids(all())
		s.stop()
		s = serving(t, data)
		equal(t, "found", s.ids(all()), want)
		for _, batch := range [][]string{{ce("one", now.Add(-time.Minute)), ce("one-old", now.Add(-9*time.Hour))}, {ce("future", now.Add(5*time.Hour))}} {
			if r := s.taken(batch...); r.Events != 0 || r.Duplicates != len(batch) {
				t.Errorf("%v: %+v, want it known", batch, r)
			}
		}
		equal(t, "found again", s.ids(all()), want)
	})
}

func TestWhoMayAskAndWhere(t *testing.T) {
	t.Run("beyond loopback only with a token", func(t *testing.T) {
		for _, listen := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80"} {
			exit, _, stderr := result(t, "serve", "--data", t.TempDir(), "--listen", listen)
			if exit != 2 || !strings.Contains(stderr, "--auth-token") {
				t.Errorf("%s: exit %d: %s", listen, exit, stderr)
			}
		}
	})
	s := serving(t, t.TempDir())
	cases := []struct {
		name, origin, host string
		want               int
	}{
		{"no page", "", "", 200},
		{"a page of another site", "https://evil.example", "", 403},
		{"a page without a name", "null", "", 403},
		{"a name that was made to point here", "", "evil.example", 403},
		{"a page on loopback", "http://localhost:3000", "", 200},
	}
	for _, c := range cases {
		for _, path := range []string{"/graphql", "/mcp", "/v1/events"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(`{"query":"{__typename}"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			if c.origin != "" {
				req.Header.Set("Origin", c.origin)
			}
			req.Host = c.host
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if (res.StatusCode == 403) != (c.want == 403) {
				t.Errorf("%s, %s: %d", c.name, path, res.StatusCode)
			}
		}
	}
}

func TestASecondServerOnTheSameFolderIsRefused(t *testing.T) {
	data := t.TempDir()
	s := serving(t, data)
	exit, _, stderr := result(t, "serve", "--data", data, "--listen", "127.0.0.1:0")
	if exit != 69 || !strings.Contains(stderr, s.url) || !strings.Contains(stderr, data) {
		t.Errorf("exit %d: %s", exit, stderr)
	}
	s.taken(ce("still", time.Now()))
}

func TestWithoutAnEngineLibraryItSaysWhatToDo(t *testing.T) {
	data := t.TempDir()
	exit, _, stderr := result(t, "serve", "--data", data, "--listen", "127.0.0.1:0", "--engine", "/nonexistent")
	if exit != 69 || !strings.Contains(stderr, "/nonexistent") || !strings.Contains(stderr, "--engine") {
		t.Errorf("exit %d: %s", exit, stderr)
	}
	if _, owned, err := folder.Find(data); err != nil || owned {
		t.Errorf("the folder is still owned: %v, %v", owned, err)
	}
}
