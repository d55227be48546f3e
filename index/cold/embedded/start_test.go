package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// aside returns what start needs for an engine of its own.
func aside(t *testing.T) Config {
	t.Helper()
	c, err := Config{Data: t.TempDir(), Library: os.Getenv("WHATCHANGED_ENGINE"), Progress: os.Stderr}.complete(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTakenPortIsToldFromOtherFailures(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = start(t.Context(), aside(t), l.Addr().(*net.TCPAddr).Port)
	if !errors.Is(err, errPort) {
		t.Errorf("got %v, want errPort, on which another port is tried", err)
	}
}

func TestStartEndsWithItsContextAndLeavesNothing(t *testing.T) {
	c := aside(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, c); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the deadline as its cause", err)
	}
	e, err := Start(t.Context(), c) // refused while anyone holds the folder
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
}

// The kernel's own signal would hide it if this did not work.
func TestChildEndsWhenItsPipeDoes(t *testing.T) {
	port, err := freePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := aside(t)
	p := &process{config: c, port: port, output: newOutput(c.Log)}
	if err := p.hold(); err != nil {
		t.Fatal(err)
	}
	defer p.lock.Close()
	if err := p.writeSettings(); err != nil {
		t.Fatal(err)
	}
	cmd, release, err := p.launch()
	if err != nil {
		t.Fatal(err)
	}
	release()
	// That it ends is the claim: the engine may abort when it is ended while
	// it is only just starting.
	var ended *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &ended) {
		t.Errorf("%v%s", err, p.output.last())
	}
}

func TestOutputKeepsTheLastLines(t *testing.T) {
	o := newOutput(aside(t).Log)
	for _, piece := range []string{"one\ntw", "o\n", "0. ? @ 0x0000000012e0c22e\n\n", strings.Repeat("x", 2*longLine), "\nend"} {
		if n, err := o.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	want := "; it printed last:\none\ntwo\n" + strings.Repeat("x", longLine)
	if got := o.last(); got != want {
		t.Errorf("got %.60q… of %d bytes, want %d", got, len(got), len(want))
	}
	for range 3 * keptLines {
		fmt.Fprintln(o, "more")
	}
	if o.said("one") || strings.Count(o.last(), "more") != keptLines {
		t.Errorf("kept %q", o.last())
	}
}
