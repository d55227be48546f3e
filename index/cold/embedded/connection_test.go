package embedded_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged/index/cold/embedded"
)

func TestCancelledQueriesDoNotEndTheEngine(t *testing.T) {
	e := own(t, embedded.Config{})
	r, w := open(t, e.Reader()), open(t, e.Writer())
	exec(t, w,
		"CREATE TABLE t ORDER BY number AS SELECT number, toString(number) AS s FROM numbers(200000)",
		"CREATE TABLE filled (number UInt64, s String) ENGINE = Null")
	random := rand.New(rand.NewPCG(1, 2))
	deadlines := make(chan time.Duration, 1000)
	for range cap(deadlines) {
		deadlines <- time.Duration(random.Int64N(int64(8 * time.Millisecond)))
	}
	close(deadlines)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for deadline := range deadlines {
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				if worker == 0 {
					fill(ctx, w)
				} else {
					read(ctx, r)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if got := ask[uint64](t, r, "SELECT count() FROM t"); got != 200_000 || e.Restarts() != 0 {
		t.Errorf("%d rows, %d restarts", got, e.Restarts())
	}
}

// read reads a table until ctx is done.
func read(ctx context.Context, conn driver.Conn) {
	rows, err := conn.Query(ctx, "SELECT number, s FROM t")
	if err != nil {
		return
	}
	defer rows.Close()
	for rows.Next() {
	}
}

// fill sends blocks until ctx is done.
func fill(ctx context.Context, conn driver.Conn) {
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO filled")
	if err != nil {
		return
	}
	defer batch.Close()
	for ctx.Err() == nil {
		for n := range uint64(1000) {
			if err := batch.Append(n, "x"); err != nil {
				return
			}
		}
		if err := batch.Flush(); err != nil {
			return
		}
	}
	_ = batch.Send()
}
