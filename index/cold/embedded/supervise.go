package embedded

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"whatchanged.dev/whatchanged"
)

// Failures of a first start that may pass by themselves.
var (
	errPort = errors.New("the port was taken")
	errHeld = errors.New("the data folder is held")
)

const (
	grace    = 2 * time.Second       // from the request to end until the kill
	polite   = 5 * time.Second       // for one statement of ours
	patience = 2 * time.Minute       // a child that has not answered for so long is replaced; loading many parts takes a while
	interval = 10 * time.Millisecond // between two looks whether the port answers
)

//go:embed sql/hold.sql
var holdSQL string

//go:embed sql/create.sql
var createSQL string

//go:embed sql/end.sql
var endSQL string

// supervise runs one child after another until ctx ends. It tells first how
// the first one came up, and gives up if it did not.
//
// It keeps its thread: the kernel's parent-death signal is tied to the thread
// that started the child, not to the process.
func (p *process) supervise(ctx context.Context, first chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	defer p.lock.Close()
	wait := p.config.Backoff.First
	for {
		answered, err := p.run(ctx, first)
		if ctx.Err() != nil || first != nil && answered == 0 {
			return
		}
		first = nil
		if answered > p.config.Backoff.Max {
			wait = p.config.Backoff.First
		}
		p.config.Log.Error("the engine ended; starting it again", "error", err, "in", wait, "last", p.output.last())
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, p.config.Backoff.Max)
		p.mu.Lock()
		p.restarts++
		p.mu.Unlock()
	}
}

// run runs one child to its end and returns for how long it answered, 0 if it
// never did, and what Wait said. It tells first, unless nil, whether it came up.
func (p *process) run(ctx context.Context, first chan<- error) (time.Duration, error) {
	cmd, release, err := p.launch()
	if err != nil {
		tell(first, err)
		return 0, err
	}
	defer release()
	gone := p.started(cmd.Process)
	up := make(chan time.Time, 1)
	go p.greet(ctx, cmd.Process, gone, up, first)
	go p.end(ctx, cmd.Process, gone)

	err = cmd.Wait()
	p.ended(gone)
	since := <-up
	if since.IsZero() {
		tell(first, p.failure(err))
		return 0, err
	}
	return max(time.Since(since), 1), err
}

func tell(first chan<- error, err error) {
	if first != nil {
		first <- err
	}
}

// launch starts a child. The caller releases what it holds after its end.
func (p *process) launch() (*exec.Cmd, func(), error) {
	exe, err := executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find our own executable: %w", err)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("a pipe to the engine: %w", err)
	}
	defer theirs.Close()
	cmd := exec.Command(exe) //nolint:noctx // ended by end: asked first, then killed
	cmd.Args = append([]string{childName, p.config.Library}, p.arguments()...)
	cmd.Dir = p.config.Data
	cmd.Env = environment()
	cmd.Stdin = theirs // never written: its end is how the child sees ours
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.SysProcAttr = attributes()
	cmd.WaitDelay = grace // for whoever may have inherited its output
	if err := cmd.Start(); err != nil {
		ours.Close()
		return nil, nil, fmt.Errorf("start the engine: %w", err)
	}
	return cmd, func() { ours.Close() }, nil
}

func (p *process) arguments() []string {
	return []string{
		"--config-file", p.settingsPath("config.xml"),
		"--path", p.config.Data,
		"--listen_host", "127.0.0.1",
		"--tcp_port", strconv.Itoa(p.port),
		"--log-level", "warning", "--logger.console", "1", // not read from the settings
		"--query", holdSQL,
	}
}

// environment is all that the child sees of ours. The rest may hold secrets,
// and the engine does look into its environment for keys of other services.
func environment() []string {
	env := []string{"TZ=UTC"}
	if path, ok := os.LookupEnv("LD_LIBRARY_PATH"); ok {
		env = append(env, "LD_LIBRARY_PATH="+path)
	}
	return env
}

func (p *process) started(child *os.Process) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child, p.gone = child, make(chan struct{})
	return p.gone
}

func (p *process) ended(gone chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child = nil
	close(gone)
	select {
	case <-p.ready:
		p.ready = make(chan struct{})
	default:
	}
}

// greet waits until the child answers as the writer, and says since when on
// up, which it closes without a word if the child was gone first. A child that
// answers with a refusal will not do better later.
func (p *process) greet(ctx context.Context, child *os.Process, gone <-chan struct{}, up chan<- time.Time, first chan<- error) {
	defer close(up)
	late := time.After(patience)
	var refusal *clickhouse.Exception
	for {
		err := p.create(ctx, p.config.Database)
		if err == nil {
			break
		}
		if errors.As(err, &refusal) {
			fmt.Fprintf(p.output, "our greeting was refused: %v\n", err)
			_ = child.Kill() // it may have ended by itself
			return
		}
		select {
		case <-gone:
			return
		case <-ctx.Done():
			return // end does the rest
		case <-late:
			fmt.Fprintf(p.output, "no answer to our greeting: %v\n", err)
			_ = child.Kill() // it may have ended by itself
			return
		case <-time.After(interval):
		}
	}
	if p.answers(child, up) {
		tell(first, nil)
		p.watch(ctx, child, gone)
	}
}

// answers notes that a child has come up, unless it is gone already.
func (p *process) answers(child *os.Process, up chan<- time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child != child {
		return false
	}
	up <- time.Now()
	close(p.ready)
	return true
}

// watch asks a child now and then whether it still answers, and kills it if its
// port is closed or it has been silent for too long: it would not end by itself.
// A connection of its own each time, since open ones outlive a closed port.
func (p *process) watch(ctx context.Context, child *os.Process, gone <-chan struct{}) {
	ticker := time.NewTicker(p.config.Pulse)
	defer ticker.Stop()
	heard := time.Now()
	for {
		select {
		case <-gone:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := p.create(ctx, p.config.Database)
		if err == nil {
			heard = time.Now()
			continue
		}
		if errors.Is(err, syscall.ECONNREFUSED) || time.Since(heard) > patience {
			fmt.Fprintf(p.output, "the engine no longer answers: %v\n", err)
			_ = child.Kill() // it may have ended by itself
			return
		}
	}
}

// create makes a database if it is not there.
func (p *process) create(ctx context.Context, database string) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"database": database}))
	return p.exec(ctx, "writer", p.writer, createSQL)
}

// exec runs one statement on a connection of its own and on no database. The
// one that is wanted may not be there yet, and this engine aborts when a
// connection asks for one that is not (see [Engine.Writer]).
func (p *process) exec(ctx context.Context, user, password, statement string) error {
	o := p.options(user, password, "")
	o.DialTimeout = time.Second // greeting included
	conn, err := clickhouse.Open(o)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, polite)
	defer cancel()
	return conn.Exec(ctx, statement)
}

// end asks the child to end when ctx does, and kills it if it takes too long.
func (p *process) end(ctx context.Context, child *os.Process, gone <-chan struct{}) {
	select {
	case <-gone:
		return
	case <-ctx.Done():
	}
	late := time.After(grace)
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := p.exec(asking, "supervisor", p.supervisor, endSQL); err != nil {
		p.config.Log.Debug("the engine could not be asked to end", "error", err)
		_ = child.Kill() // it may have ended by itself
		return
	}
	select {
	case <-gone:
	case <-late:
		p.config.Log.Warn("the engine did not end when asked; killing it")
		_ = child.Kill() // it may have ended by itself
	}
}

// failure says why the first child did not come up.
func (p *process) failure(err error) error {
	last := p.output.last()
	switch {
	case p.output.said("Code: 76."):
		return p.held()
	case p.output.said("Address already in use"):
		return whatchanged.Errorf(whatchanged.CodeUnavailable,
			"the engine's port %d was taken by another process%s", p.port, last).Hiding(errPort)
	}
	return whatchanged.Errorf(whatchanged.CodeUnavailable, "the engine did not start%s", last).Hiding(err)
}
