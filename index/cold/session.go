package cold

import (
	"cmp"
	"context"
	"maps"
	"math"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// scope names this package to OpenTelemetry.
const scope = "whatchanged.dev/whatchanged/index/cold"

// A session is a connection whose every query is bounded in time, named to
// ClickHouse, traced and measured. All queries of reads go through [session.each].
type session struct {
	conn     driver.Conn
	damaged  func()
	maxTime  time.Duration
	tracer   trace.Tracer
	duration metric.Float64Histogram
}

func open(ctx context.Context, c Config) (*session, error) {
	if c.Tracer == nil {
		c.Tracer = otel.GetTracerProvider()
	}
	if c.Meter == nil {
		c.Meter = otel.GetMeterProvider()
	}
	duration, err := c.Meter.Meter(scope).Float64Histogram("whatchanged.index.query.duration",
		metric.WithUnit("s"), metric.WithDescription("How long queries to ClickHouse take, rows received included."),
		metric.WithExplicitBucketBoundaries(.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30))
	if err != nil {
		return nil, err
	}
	conn, err := dial(ctx, c.Options)
	if err != nil {
		return nil, err
	}
	if c.Damaged == nil {
		c.Damaged = func() {}
	}
	return &session{conn, c.Damaged, cmp.Or(c.MaxTime, 30*time.Second), c.Tracer.Tracer(scope), duration}, nil
}

// reading holds for every read.
var reading = clickhouse.Settings{
	// On a cluster, a subquery that names a Distributed table is answered once
	// and sent to the shards.
	"distributed_product_mode": "global",
	// The only subqueries are those on corrections, which select nearly every
	// granule: asking the indexes about them cost 5 ms of 19.
	"use_index_for_in_with_subqueries": 0,
}

// each runs one query of the read called name and hands over its rows one by
// one; an error of row ends it.
func (s *session) each(ctx context.Context, name string, q *query, row func(driver.Rows) error) (err error) {
	return s.observe(ctx, name, reading, func(ctx context.Context, count *counts) error {
		rows, err := s.ask(ctx, q)
		if err != nil {
			return outside(name, err)
		}
		for rows.Next() {
			count.returned++
			if err := cmp.Or(ctx.Err(), row(rows)); err != nil {
				go rows.Close() // reads what is left; see ask
				return err
			}
		}
		defer rows.Close()
		return outside(name, rows.Err())
	})
}

// ask sends a query and returns when its first rows are there or ctx is done.
//
// The driver cancels a query by breaking its connection, and the embedded
// engine dies of a connection that breaks while it waits for the next query
// (one in some 250 cancelled queries; a server survives it). So ctx is kept
// from the driver: a query that nobody waits for any more is read to its end,
// which max_execution_time bounds.
func (s *session) ask(ctx context.Context, q *query) (driver.Rows, error) {
	type answer struct {
		rows driver.Rows
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		rows, err := s.conn.Query(context.WithoutCancel(ctx), q.text, q.args...)
		answered <- answer{rows, err}
	}()
	select {
	case a := <-answered:
		return a.rows, a.err
	case <-ctx.Done():
		go func() {
			if a := <-answered; a.err == nil {
				a.rows.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

type counts struct {
	read     atomic.Uint64 // rows ClickHouse went through, as it reports on the way
	returned int64
}

// observe gives do a context that bounds and names its query, and records a
// span and a duration.
func (s *session) observe(ctx context.Context, name string, settings clickhouse.Settings, do func(context.Context, *counts) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.maxTime)
	defer cancel()
	ctx, span := s.tracer.Start(ctx, "index."+name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("db.system.name", "clickhouse")))
	defer span.End()
	var n counts
	settings = maps.Clone(settings)
	settings["log_comment"] = "whatchanged " + name
	deadline, _ := ctx.Deadline()
	settings["max_execution_time"] = max(1, int(math.Ceil(time.Until(deadline).Seconds()))) // whole seconds, and 0 is no bound
	begun := time.Now()
	err := do(clickhouse.Context(ctx, clickhouse.WithSettings(settings), clickhouse.WithSpan(span.SpanContext()),
		clickhouse.WithProgress(func(p *clickhouse.Progress) { n.read.Add(p.Rows) })), &n)
	s.duration.Record(ctx, time.Since(begun).Seconds(), metric.WithAttributes(attribute.String("read", name)))
	span.SetAttributes(attribute.Int64("db.clickhouse.rows_read", int64(n.read.Load())),
		attribute.Int64("db.response.returned_rows", n.returned))
	if damaged(err) {
		s.damaged()
	}
	if err != nil {
		span.SetStatus(codes.Error, name)
		span.RecordError(err)
	}
	return err
}

// Close ends the connections.
func (s *session) Close() error { return s.conn.Close() }
