// Package enginetest gives tests a real engine. All tests of a binary share
// one, and each gets a database of its own in it, so that one more test costs
// milliseconds. A package's use of it is:
//
//	func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }
//
//	func TestX(t *testing.T) { e := enginetest.Start(t); … e.Writer() … }
//
// A test that kills or closes the engine needs one for itself, from
// [embedded.Start].
package enginetest

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"whatchanged.dev/whatchanged/index/cold/embedded"
)

// Variable names the library to test with, as --engine does for the program.
// Without it the cached one is used, or fetched.
const Variable = "WHATCHANGED_ENGINE"

//go:embed tables.sql
var tablesSQL string

var (
	shared struct {
		sync.Mutex
		engine *embedded.Engine
		data   string
		err    error
	}
	databases atomic.Int64
)

// Main runs the tests of a package, and the engine in the process that is its
// child. The engine starts with the first test that asks for it.
func Main(m *testing.M) int {
	embedded.Child()
	defer stop()
	return m.Run()
}

// Start returns an engine whose Writer and Reader are opened on a new, empty
// database, which is emptied when the test ends. Do not close it.
func Start(t testing.TB) *embedded.Engine {
	t.Helper()
	engine, err := start()
	if err != nil {
		t.Fatalf("engine: %v", err)
	}
	database := fmt.Sprintf("whatchanged_%d", databases.Add(1))
	e, err := engine.For(t.Context(), database)
	if err != nil {
		t.Fatalf("engine: %v", err)
	}
	t.Cleanup(func() { empty(t, e) })
	return e
}

func start() (*embedded.Engine, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.engine != nil || shared.err != nil {
		return shared.engine, shared.err
	}
	if shared.data, shared.err = os.MkdirTemp("", "whatchanged-engine-"); shared.err != nil {
		return nil, shared.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // a download may be part of it
	defer cancel()
	shared.engine, shared.err = embedded.Start(ctx, embedded.Config{
		Data: shared.data, Library: os.Getenv(Variable), Progress: os.Stderr, Shared: true,
	})
	return shared.engine, shared.err
}

func stop() {
	shared.Lock()
	defer shared.Unlock()
	if shared.engine != nil {
		shared.engine.Close()
	}
	if shared.data != "" {
		os.RemoveAll(shared.data)
	}
}

// empty makes room for the tests that follow. It drops the tables and not the
// database, because a pool that is still open on it may connect again, and the
// engine aborts when it is asked for a database that is not there.
func empty(t testing.TB, e *embedded.Engine) {
	conn, err := clickhouse.Open(e.Writer())
	if err != nil {
		t.Errorf("empty the database: %v", err)
		return
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var tables []struct {
		Name string `ch:"name"`
	}
	if err := conn.Select(ctx, &tables, tablesSQL); err != nil {
		t.Errorf("empty the database: %v", err)
	}
	for _, table := range tables {
		if err := conn.Exec(ctx, fmt.Sprintf("DROP TABLE IF EXISTS `%s` SYNC", table.Name)); err != nil {
			t.Errorf("empty the database: %v", err)
		}
	}
}
