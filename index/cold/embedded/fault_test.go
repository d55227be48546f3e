package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold/embedded"
)

// own starts an engine that the test may kill and close.
func own(t testing.TB, c embedded.Config) *embedded.Engine {
	t.Helper()
	c.Library = os.Getenv("WHATCHANGED_ENGINE")
	c.Progress = os.Stderr
	if c.Data == "" {
		c.Data = t.TempDir()
	}
	e, err := embedded.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestDataSurvivesCloseAndStart(t *testing.T) {
	data := t.TempDir()
	e := own(t, embedded.Config{Data: data})
	before := *e.Writer()
	w := open(t, e.Writer())
	exec(t, w, "CREATE TABLE t (n UInt64) ORDER BY n", "INSERT INTO t SELECT number FROM numbers(1000)")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if pid := e.PID(); pid != 0 {
		t.Errorf("child %d is there after Close", pid)
	}
	if err := e.Await(t.Context()); !errors.Is(err, whatchanged.ErrUnavailable) {
		t.Errorf("Await of a closed engine: %v, want UNAVAILABLE", err)
	}

	e = own(t, embedded.Config{Data: data})
	if got := ask[uint64](t, open(t, e.Reader()), "SELECT count() FROM t"); got != 1000 {
		t.Errorf("%d rows after Close and Start, want 1000", got)
	}
	if e.Writer().Auth.Password == before.Auth.Password {
		t.Error("the second start has the password of the first")
	}
}

func TestKilledChildIsReplacedAndPoolsRecover(t *testing.T) {
	e := own(t, embedded.Config{Backoff: embedded.Backoff{First: time.Millisecond}})
	w, r := open(t, e.Writer()), open(t, e.Reader())
	exec(t, w, "CREATE TABLE t (n UInt64) ORDER BY n")
	for kill := range 3 {
		exec(t, w, "INSERT INTO t SELECT number FROM numbers(1000)")
		pid := e.PID()
		if err := e.Kill(); err != nil {
			t.Fatal(err)
		}
		if e.Ready() {
			t.Error("ready without a child")
		}
		if err := e.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e.PID() == pid || !e.Ready() || e.Restarts() != kill+1 {
			t.Errorf("kill %d: child %d after %d, ready %v, %d restarts", kill, e.PID(), pid, e.Ready(), e.Restarts())
		}
		if got, want := ask[uint64](t, r, "SELECT count() FROM t"), uint64(1000*(kill+1)); got != want {
			t.Errorf("kill %d: %d rows, want %d", kill, got, want)
		}
	}
}

// This engine aborts on a refused greeting; a server does not.
func TestWrongPasswordIsRefusedAndTheEngineIsThereAfterwards(t *testing.T) {
	e := own(t, embedded.Config{})
	o := e.Writer()
	o.Auth.Password = e.Reader().Auth.Password
	gone := e.Gone()
	if err := open(t, o).Ping(t.Context()); err == nil {
		t.Error("the reader's password opened the writer")
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second): // a later engine may have learned better
	}
	if err := e.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask[string](t, open(t, e.Writer()), "SELECT version()")
}

func TestDeafChildIsReplaced(t *testing.T) {
	e := own(t, embedded.Config{Pulse: 10 * time.Millisecond})
	o := e.Writer()
	o.Auth = clickhouse.Auth{Username: "default"}
	gone := e.Gone()
	exec(t, open(t, o), stopListen)
	<-gone
	if err := e.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask[string](t, open(t, e.Writer()), "SELECT version()")
}

func TestCloseWhileStartingAgain(t *testing.T) {
	e := own(t, embedded.Config{Backoff: embedded.Backoff{First: time.Hour, Max: time.Hour}})
	if err := e.Kill(); err != nil {
		t.Fatal(err)
	}
	e.Close()
	<-e.Done()
}

func TestHeldDataFolderIsRefused(t *testing.T) {
	for name, prepare := range map[string]func(data string) error{
		"by our lock": func(string) error { return nil },
		"by the engine's own, ours being gone": func(data string) error {
			return os.Remove(filepath.Join(data, "settings", "lock"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			own(t, embedded.Config{Data: data})
			if err := prepare(data); err != nil {
				t.Fatal(err)
			}
			_, err := embedded.Start(t.Context(), embedded.Config{Data: data})
			if !errors.Is(err, whatchanged.ErrUnavailable) || !strings.Contains(err.Error(), "is held by another process") {
				t.Errorf("got %v, want UNAVAILABLE and who is in the way", err)
			}
		})
	}
}

func TestLibraryThatIsNone(t *testing.T) {
	text := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(text, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, library, want string }{
		{"a path that leads nowhere names the flag", filepath.Join(t.TempDir(), "none.so"), "--engine PATH"},
		{"a file that is no library says what the loader said", text, "load the engine"},
		{"another library is not taken for the engine", libc(t), "is not an engine library"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := embedded.Start(t.Context(), embedded.Config{Data: t.TempDir(), Library: c.library})
			if !errors.Is(err, whatchanged.ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want UNAVAILABLE with %q", err, c.want)
			}
		})
	}
}

// libc returns the path of a library that is not the engine: the C library
// that this binary runs with.
func libc(t *testing.T) string {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for field := range strings.FieldsSeq(string(maps)) {
		if strings.HasPrefix(filepath.Base(field), "libc.so") {
			return field
		}
	}
	t.Fatal("this binary runs without a C library")
	return ""
}

func TestDatabaseNameIsChecked(t *testing.T) {
	_, err := embedded.Start(t.Context(), embedded.Config{Data: t.TempDir(), Database: "a; b"})
	if !errors.Is(err, whatchanged.ErrInvalid) {
		t.Errorf("got %v, want INVALID_ARGUMENT", err)
	}
}

func TestReplacedOnceAMinute(t *testing.T) {
	e := own(t, embedded.Config{})
	first := e.PID()
	for range 3 {
		e.Replace()
	}
	if err := e.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := e.PID()
	e.Replace()
	if ask[uint8](t, open(t, e.Reader()), "SELECT 1") != 1 || second == first || e.PID() != second || e.Restarts() != 1 {
		t.Errorf("children %d, %d, %d; %d restarts, want 1", first, second, e.PID(), e.Restarts())
	}
}
