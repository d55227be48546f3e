package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/folder"
	"whatchanged.dev/whatchanged/index/cold/embedded"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
)

// asCommand, in the environment, makes this binary the command itself, so that
// tests can start processes and kill them.
const asCommand = "WHATCHANGED_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	embedded.Child()
	if os.Getenv(asCommand) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(enginetest.Main(m))
}

// patience bounds every wait of a test for a process.
const patience = 30 * time.Second

// until waits for what no channel tells of.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	late := time.After(patience)
	for poll := time.NewTicker(10 * time.Millisecond); !holds(); {
		select {
		case <-poll.C:
		case <-late:
			t.Fatalf("it did not come about that %s", what)
		}
	}
}

// command prepares the command as a process of its own.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// result runs the command to its end.
func result(t testing.TB, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	cmd := command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// A process is one that serves a data folder.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	url    string
	log    *output
	ended  chan struct{}
	engine int // process id; 0 if it embeds none
	exit   int // status with which it may end
}

// output is what a process writes, for the failure that may come.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String returns what was written so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// listening starts a server and returns once it listens. When the test ends it
// is told to stop, and must leave nothing behind.
func listening(t testing.TB, data string, args ...string) *process {
	t.Helper()
	return started(t, command(append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...)...), func(int) string { return data })
}

// started starts a command that serves, with its data folder as this process
// sees it, and returns once it listens.
func started(t testing.TB, cmd *exec.Cmd, data func(pid int) string) *process {
	t.Helper()
	s := &process{t: t, cmd: cmd, log: &output{}, ended: make(chan struct{})}
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // what matters of it is in ProcessState
		close(s.ended)
	}()
	t.Cleanup(s.stop)
	until(t, "the server listens", func() bool {
		select {
		case <-s.ended:
			t.Fatalf("the server ended: %s\n%s", s.cmd.ProcessState, s.log)
		default:
		}
		owner, ok, err := folder.Find(data(s.cmd.Process.Pid))
		s.url = owner.Address
		return err == nil && ok && owner.PID == s.cmd.Process.Pid && s.url != ""
	})
	if engines := children(t, s.cmd.Process.Pid); len(engines) == 1 {
		s.engine = engines[0]
	}
	return s
}

// serving starts a server and returns once it answers.
func serving(t testing.TB, data string, args ...string) *process {
	t.Helper()
	s := listening(t, data, args...)
	s.ready()
	return s
}

func (s *process) ready() {
	s.t.Helper()
	until(s.t, "the server is ready", func() bool {
		status, _ := s.get("/readyz")
		return status == http.StatusOK
	})
}

// stop tells the server to stop and waits until it and its engine are gone.
func (s *process) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
	s.gone()
	if code := s.cmd.ProcessState.ExitCode(); code > 0 && code != s.exit {
		s.t.Errorf("the server ended with %d:\n%s", code, s.log)
	}
}

// kill ends the server as a crash would.
func (s *process) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	s.gone()
}

func (s *process) gone() {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill() // it is to end, somehow
		<-s.ended
		s.t.Errorf("the server did not end when told to:\n%s", s.log)
	}
	if s.engine != 0 {
		until(s.t, "no engine is left behind", func() bool { return !alive(s.t, s.engine) })
	}
}

// processes lists what runs: process id, parent and state.
func processes(t testing.TB) (all [][3]string) {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,stat=").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 && !strings.HasPrefix(f[2], "Z") {
			all = append(all, [3]string(f))
		}
	}
	return all
}

func children(t testing.TB, parent int) (pids []int) {
	t.Helper()
	for _, p := range processes(t) {
		if pid, err := strconv.Atoi(p[0]); err == nil && p[1] == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func alive(t testing.TB, pid int) bool {
	t.Helper()
	return slices.ContainsFunc(processes(t), func(p [3]string) bool { return p[0] == strconv.Itoa(pid) })
}

func (s *process) get(path string) (int, string) {
	s.t.Helper()
	res, err := http.Get(s.url + path)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body) // what there is of it
	return res.StatusCode, string(b)
}

// metric sums a counter over its labels.
func (s *process) metric(name string) (sum int) {
	s.t.Helper()
	_, text := s.get("/metrics")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok && strings.ContainsAny(rest[:1], "{ ") {
			n, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(strings.TrimSpace(rest), ' '):]), 64)
			if err != nil {
				s.t.Fatal(err)
			}
			sum += int(n)
		}
	}
	return sum
}

// A reply is what a sender is told.
type reply struct {
	Status     int
	Position   whatchanged.Position
	Events     int
	Duplicates int
	Code       whatchanged.Code
	Field      string
	Detail     string
}

// send posts to a path of the server; Status is 0 if nobody answers.
func send(ctx context.Context, url, contentType, body string) (r reply) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return reply{Detail: err.Error()}
	}
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{Detail: err.Error()}
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&r); err != nil {
		return reply{Detail: err.Error()} // it broke off: it does not count
	}
	r.Status = res.StatusCode
	return r
}

const batchType = "application/cloudevents-batch+json"

// events sends a batch of CloudEvents.
func (s *process) events(batch ...string) reply {
	s.t.Helper()
	return send(s.t.Context(), s.url+"/v1/events", batchType, "["+strings.Join(batch, ",")+"]")
}

// taken sends a batch and wants it to be taken.
func (s *process) taken(batch ...string) reply {
	s.t.Helper()
	r := s.events(batch...)
	if r.Status != http.StatusAccepted {
		s.t.Fatalf("%v was answered %+v\n%s", batch, r, s.log)
	}
	return r
}

// ce is a CloudEvent that says a service was changed.
func ce(id string, at time.Time) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"ci","type":"com.example.service.changed","subject":"checkout","time":%q,`+
		`"data":{"entity":"service:shop/checkout","summary":"change %s"}}`, id, at.Format(time.RFC3339Nano), id)
}

// A found is what a timeline holds, in the parts that are looked at here.
type found struct {
	Total    int
	Cursor   *string
	Items    []struct{ IDs []string }
	Coverage struct {
		Sources []struct {
			Source               string
			Deliveries, Rejected int
		}
	}
}

const timelineQuery = `query($input: TimelineInput!){timeline(input:$input){total cursor items{ids} coverage{sources{source deliveries rejected}}}}`

// timeline asks one page, and returns the code of the refusal if it is one.
func (s *process) timeline(input map[string]any) (a found, code whatchanged.Code) {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"query": timelineQuery, "variables": map[string]any{"input": input}})
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.Post(s.url+"/graphql", "application/json", bytes.NewReader(body))
	if err != nil {
		return a, "NO_ANSWER"
	}
	defer res.Body.Close()
	var out struct {
		Data   struct{ Timeline found }
		Errors []struct {
			Extensions struct{ Code whatchanged.Code }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		s.t.Fatal(err)
	}
	if len(out.Errors) > 0 {
		return a, out.Errors[0].Extensions.Code
	}
	return out.Data.Timeline, ""
}

// ids asks all pages, and returns the ids found, sorted, without what is
// common to them.
func (s *process) ids(input map[string]any) (all []string) {
	s.t.Helper()
	input["fold"], input["limit"] = false, 500
	for {
		a, code := s.timeline(input)
		if code != "" {
			s.t.Fatalf("%v was refused as %s\n%s", input, code, s.log)
		}
		for _, i := range a.Items {
			for _, id := range i.IDs {
				all = append(all, strings.TrimPrefix(id, "cloudevents/ci/"))
			}
		}
		if a.Cursor == nil {
			if a.Total != len(all) {
				s.t.Errorf("%v: total is %d, found were %d", input, a.Total, len(all))
			}
			slices.Sort(all)
			return all
		}
		input["cursor"] = *a.Cursor
	}
}
