// Package embedded runs a real ClickHouse on this machine, without a server to
// install: as a child process of ours that this package starts, watches and
// ends.
//
// The engine is a shared library, libchdb.so, that [Locate] obtains from npm
// once and keeps. The child is our own executable started again under another
// name: [Child], which must be the first call of main, sees that name, loads
// the library and runs it. It is a process apart because a fault in the engine
// is then a restart and not the end of ours. It serves the native protocol on a
// loopback port, so the same driver and the same SQL work against it and
// against a production server. What it has not is ZooKeeper: no replicas and
// no ON CLUSTER.
//
// [Start] returns an [Engine] whose ports and passwords stay the same for its
// whole life. When the child crashes it is started again on the same ports, so
// that connection pools recover by themselves. When our process ends, however
// it ends, the child ends too.
package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"whatchanged.dev/whatchanged"
)

// Config says which engine to run, and where.
type Config struct {
	Data     string       // folder of the engine's data and settings, kept between runs; one process at a time
	Library  string       // path of libchdb.so; "" means what [Locate] finds or fetches
	Database string       // the only database the users may touch; "" means whatchanged
	Log      *slog.Logger // nil discards; what the engine prints arrives at level debug
	Backoff  Backoff      // how soon a crashed child is started again

	// Pulse is how often the child is asked whether it still answers. One that
	// has closed its port, or not answered for two minutes, is replaced. Zero
	// means 5 s.
	Pulse time.Duration

	// Progress is told how the download goes if Library is "" and nothing is
	// cached; nil is silent.
	Progress io.Writer

	// Shared grants the databases whose names begin with Database and an
	// underscore as well, so that several indexes, as those of tests, can
	// live in one engine; see [Engine.For].
	Shared bool
}

// Backoff is how long to wait before a crashed child is started again: First,
// then twice that each time up to Max, and First again once a child has
// answered for longer than Max. Zero values mean 100 ms and 10 s.
type Backoff struct {
	First, Max time.Duration
}

// An Engine is a running ClickHouse. Its methods may be called from any
// goroutine.
type Engine struct {
	*process
	database string
}

// process is what all [Engine] values for one child share.
type process struct {
	config Config
	port   int
	stop   context.CancelFunc
	done   chan struct{}
	output *output
	lock   *os.File // held while the data folder is ours

	writer, reader, supervisor string // passwords

	mu       sync.Mutex
	child    *os.Process   // nil between two children
	gone     chan struct{} // closed when child has ended, or the one before it if there is none
	ready    chan struct{} // closed while a child answers, replaced when it ends
	restarts int
	replaced time.Time // when a child was ended because of damaged data
}

// attempts is how often a first start is tried when the port was taken in the
// meantime, or when the owner of the data folder is only just dying.
const attempts = 10

// Start starts an engine and returns once it answers a ping as the writer, its
// database made. ctx bounds the start alone. The error is UNAVAILABLE if there
// is no library or the engine does not come up, and says what it printed last;
// in particular, a data folder that another process holds is refused.
func Start(ctx context.Context, c Config) (*Engine, error) {
	c, err := c.complete(ctx)
	if err != nil {
		return nil, err
	}
	for attempt := range attempts {
		var e *Engine
		var port int
		if port, err = freePort(ctx); err != nil {
			return nil, err
		}
		if e, err = start(ctx, c, port); err == nil {
			return e, nil
		}
		if !errors.Is(err, errPort) && !errors.Is(err, errHeld) {
			break
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(time.Duration(attempt+1) * 20 * time.Millisecond):
		}
	}
	return nil, err
}

var identifier = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// complete fills in what c leaves open and makes its data folder.
func (c Config) complete(ctx context.Context) (Config, error) {
	c.Database = cmp.Or(c.Database, "whatchanged")
	if !identifier.MatchString(c.Database) {
		return c, whatchanged.Errorf(whatchanged.CodeInvalidArgument,
			"database %q: want lower-case letters, digits and underscores, such as whatchanged", c.Database)
	}
	c.Backoff.First = cmp.Or(c.Backoff.First, 100*time.Millisecond)
	c.Backoff.Max = max(cmp.Or(c.Backoff.Max, 10*time.Second), c.Backoff.First)
	c.Pulse = cmp.Or(c.Pulse, 5*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	var err error
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return c, fmt.Errorf("engine data folder: %w", err)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return c, fmt.Errorf("engine data folder: %w", err)
	}
	if c.Library == "" {
		c.Library, err = Locate(ctx, LocateConfig{Progress: c.Progress})
		return c, err
	}
	if c.Library, err = filepath.Abs(c.Library); err != nil {
		return c, fmt.Errorf("engine library: %w", err)
	}
	if _, err := os.Stat(c.Library); err != nil {
		return c, whatchanged.Errorf(whatchanged.CodeUnavailable,
			"no engine library at %s: give the path of libchdb.so with --engine PATH, or leave the flag out to have it fetched", c.Library).Hiding(err)
	}
	return c, nil
}

// start makes one attempt.
func start(ctx context.Context, c Config, port int) (*Engine, error) {
	p := &process{
		config: c, port: port, writer: rand.Text(), reader: rand.Text(), supervisor: rand.Text(),
		done: make(chan struct{}), ready: make(chan struct{}), output: newOutput(c.Log),
	}
	if err := p.hold(); err != nil {
		return nil, err
	}
	if err := p.writeSettings(); err != nil {
		p.lock.Close()
		return nil, err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	first := make(chan error, 1)
	go p.supervise(life, first)
	var err error
	select {
	case err = <-first:
	case <-ctx.Done():
		err = whatchanged.Errorf(whatchanged.CodeUnavailable,
			"the engine did not answer within the time allowed%s", p.output.last()).Hiding(ctx.Err())
	}
	if err != nil {
		stop()
		<-p.done
		return nil, err
	}
	return &Engine{p, c.Database}, nil
}

// freePort returns a loopback port that nothing listens on. Another process
// may take it before the engine does: that start fails with errPort.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("a loopback port for the engine: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Writer returns how to connect with all rights on the engine's database. The
// options are the caller's to alter, save the database and the password: this
// engine, unlike a server, aborts when a connection is refused in its greeting,
// and takes some seconds to do so. It is started again, but do not drop the
// database while a pool is open on it; drop its tables. Keep DialContext too,
// which lets a query be cancelled without that end (see [connection]).
func (e *Engine) Writer() *clickhouse.Options {
	return e.options("writer", e.writer, e.database)
}

// Reader returns how to connect with SELECT on the engine's database and
// nothing else: no write, no file, no network.
func (e *Engine) Reader() *clickhouse.Options {
	return e.options("reader", e.reader, e.database)
}

func (p *process) options(user, password, database string) *clickhouse.Options {
	return &clickhouse.Options{
		Protocol: clickhouse.Native,
		Addr:     []string{net.JoinHostPort("127.0.0.1", fmt.Sprint(p.port))},
		Auth:     clickhouse.Auth{Database: database, Username: user, Password: password},

		DialContext: dial,
	}
}

// For makes a database on the engine, if it is not there, and returns the same
// engine with Writer and Reader opened on it. Unless the engine was started
// with [Config.Shared] and the name begins with its database's and an
// underscore, the engine refuses. Close closes the one engine.
func (e *Engine) For(ctx context.Context, database string) (*Engine, error) {
	if err := e.create(ctx, database); err != nil {
		return nil, fmt.Errorf("database %s: %w", database, err)
	}
	return &Engine{e.process, database}, nil
}

// Await returns once a child is up and answers, at once if that is so now. It
// fails with UNAVAILABLE when the engine is closed or ctx ends first.
func (e *Engine) Await(ctx context.Context) error {
	e.mu.Lock()
	ready := e.process.ready
	e.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-e.done:
		return whatchanged.Errorf(whatchanged.CodeUnavailable, "the engine is closed")
	case <-ctx.Done():
		return whatchanged.Errorf(whatchanged.CodeUnavailable, "the engine is starting again").Hiding(ctx.Err())
	}
}

// Ready reports whether a child is up and has answered; for readiness checks.
func (e *Engine) Ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.process.ready:
		return true
	default:
		return false
	}
}

// Replace ends the child, so that another reads its data anew. Call it when the
// child says that its data are damaged: a disk that is full while parts are
// merged can leave a part without contents (seen with 26.7: "Empty marks
// file"), and the parts it was made of, which are kept for an hour, take its
// place at the next start only. It does so once a minute at most.
func (e *Engine) Replace() {
	e.mu.Lock()
	lately := time.Since(e.replaced) < time.Minute
	if !lately {
		e.replaced = time.Now()
	}
	e.mu.Unlock()
	if lately {
		return
	}
	e.config.Log.Error("data of the engine are damaged; starting it again to have it take what they were made of")
	_ = e.Kill() // it may have ended by itself
}

// Restarts returns how often a crashed child was replaced; for metrics.
func (e *Engine) Restarts() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.restarts
}

// Done is closed when the engine has ended for good, which only Close brings
// about.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Gone is closed when the child that runs now has ended, and at once between
// two children. What Await says from then on is about the next one.
func (e *Engine) Gone() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gone
}

// PID returns the process id of the child, 0 between two children.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child == nil {
		return 0
	}
	return e.child.Pid
}

// Kill ends the child as a crash would and returns when it is gone; it is then
// started again. It is here for fault tests and drills, which must show that
// what was acknowledged is still there afterwards.
func (e *Engine) Kill() error {
	e.mu.Lock()
	child, gone := e.child, e.gone
	e.mu.Unlock()
	if child == nil {
		return nil
	}
	if err := child.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the engine: %w", err)
	}
	<-gone
	return nil
}

// Close asks the child to end, kills it if it has not done so after two
// seconds, and returns when it is gone. The child waits for its connections, so
// close the pools first. Closing again does nothing.
func (e *Engine) Close() error {
	e.stop()
	<-e.done
	return nil
}
