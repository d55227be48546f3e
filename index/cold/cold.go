// Package cold keeps all of history in ClickHouse: the tables and their
// migrations, the one writer's batches, and every read.
//
// What is stored: events holds each position of the change log once, and
// deliveries the payloads they came in; entities, dependencies and corrections
// are derived from events. sql/0001_events.sql says how each table is laid out
// and why. The writer stores a batch as events, then what derives from them,
// then deliveries, so the last sequence in deliveries is the watermark: up to
// there everything is complete, whatever crashed when.
//
// What is read: [Reader] answers what package resolvers asks of an index,
// except waiting, and reads the snapshot from which the hot tier starts. A
// read is one file here and one template in sql, and sees nothing beyond its
// view's KnownAt. Of an event that was corrected it finds the last revision
// known at KnownAt, and filters on time apply to that revision.
//
// The package speaks ClickHouse's native protocol, to the engine that package
// embedded starts or to a server or cluster of the user's, with the same SQL.
// The writer and the reader connect as different users; the reader's may only
// select. It was tried on ClickHouse 26.7 only.
package cold

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"whatchanged.dev/whatchanged"
)

// A Config says where to connect and how to be observed.
type Config struct {
	Options *clickhouse.Options // Auth.Database names the database

	// MaxTime bounds every query whose context gives it longer, in the
	// database (as max_execution_time) as well as here. Zero is 30 s.
	MaxTime time.Duration

	// Damaged is called, unless nil, when ClickHouse says that what it has
	// stored is damaged.
	Damaged func()

	Tracer trace.TracerProvider // nil is the global one
	Meter  metric.MeterProvider // nil is the global one
}

// ParseDSN reads the address of a ClickHouse server or cluster, as in
// clickhouse://user:password@host:9000/database. The error never quotes the
// password.
func ParseDSN(dsn string) (*clickhouse.Options, error) {
	opts, err := clickhouse.ParseDSN(dsn)
	if err != nil || opts.Protocol != clickhouse.Native || len(opts.Addr) == 0 {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument,
			"want the address of ClickHouse's native protocol, such as clickhouse://user:password@host:9000/whatchanged").In("clickhouse").Hiding(err)
	}
	if opts.Auth.Database == "" {
		opts.Auth.Database = "whatchanged"
	}
	return opts, nil
}

// dial connects and makes sure that somebody answers.
func dial(ctx context.Context, opts *clickhouse.Options) (driver.Conn, error) {
	own := *opts // the driver fills in defaults
	if own.Compression == nil {
		own.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	own.ReadTimeout = cmp.Or(own.ReadTimeout, time.Minute) // of silence; a server at work reports progress
	conn, err := clickhouse.Open(&own)
	if err != nil {
		return nil, fmt.Errorf("connect to ClickHouse: %w", err)
	}
	if err := conn.Ping(ctx); err != nil {
		conn.Close()
		return nil, outside("connect to ClickHouse", err)
	}
	return conn, nil
}

// passing lists what ClickHouse refuses for a reason that will pass or that
// asking for less avoids: time (159, 160), too many queries (202), its own
// network (209, 210, 279), memory (241), read-only tables (242), being
// cancelled or shut down (236, 394, 692), Keeper (999).
var passing = []int32{159, 160, 202, 209, 210, 236, 241, 242, 279, 394, 692, 999}

// damage lists what ClickHouse says of files that are not as they should be: cut
// short (32, 33), of another checksum (40), empty or inconsistent (246).
var damage = []int32{32, 33, 40, 246}

func damaged(err error) bool {
	var refused *clickhouse.Exception
	return errors.As(err, &refused) && slices.Contains(damage, refused.Code)
}

// outside says what became of a query. That ClickHouse is away or overloaded
// is the caller's to know and becomes UNAVAILABLE; all else is a fault of ours
// and keeps its text for the log.
func outside(what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", what, err)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var refused *clickhouse.Exception
	if errors.As(err, &refused) && !slices.Contains(passing, refused.Code) && !slices.Contains(damage, refused.Code) {
		return err
	}
	var network net.Error
	if refused != nil || errors.As(err, &network) || gone(err) {
		return whatchanged.Errorf(whatchanged.CodeUnavailable,
			"the store of all history is away or overloaded; ask for less, or again later").Hiding(err)
	}
	return err
}

// gone reports whether err says that a connection broke or could not be had.
func gone(err error) bool {
	for _, e := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
		clickhouse.ErrAcquireConnTimeout, clickhouse.ErrConnectionClosed,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
