// Package index keeps change events readable, and decides which of its tiers
// answers.
//
// The change log (package changelog) is what a 202 stands for. One writer
// stores it in the cold tier, ClickHouse (package cold), which has all of
// history. Every process tails it into its own hot tier (package hot), which
// has the present view and the last hours in memory. A read that the hot tier
// can prove is answered there; of a read that reaches further back, the part
// before the hot tier's horizon comes from the cold tier and the rest from
// memory, so that the cold part stays the same while events stream in and can
// be kept (see cache.go).
//
// While ClickHouse is away, reads that the hot tier covers are answered and
// the others are refused as unavailable; deliveries are taken as before, since
// the log stores them.
package index

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/sync/errgroup"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
	"whatchanged.dev/whatchanged/index/cold"
	"whatchanged.dev/whatchanged/index/hot"
)

// A Config says what an index is made of.
type Config struct {
	Log  *changelog.Log
	Cold Cold

	Keep       time.Duration // how far back the hot tier reaches; 48 h if zero
	CacheBytes int64         // of cold answers; 64 MiB if zero
	FirstLoad  int           // events with which the first questions are answered, see follow; 20,000 if zero
	Every      time.Duration // how often the horizon moves and the log is purged; 1 min if zero
	Patience   time.Duration // how long a read waits for what is not seen or not stored yet; 3 s if zero

	Now    func() time.Time     // time.Now if nil
	Logger *slog.Logger         // discarded if nil
	Meter  metric.MeterProvider // noop if nil
}

func (c Config) withDefaults() Config {
	c.Keep = cmp.Or(c.Keep, 48*time.Hour)
	c.CacheBytes = cmp.Or(c.CacheBytes, 64<<20)
	c.FirstLoad = cmp.Or(c.FirstLoad, 20_000)
	c.Every = cmp.Or(c.Every, time.Minute)
	c.Patience = cmp.Or(c.Patience, 3*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Meter == nil {
		c.Meter = noop.NewMeterProvider()
	}
	return c
}

// Cold says how to reach ClickHouse.
type Cold struct {
	Writer, Reader cold.Config
	Layout         cold.Layout
}

// An Index answers reads. It is safe for concurrent use.
type Index struct {
	config Config
	reader atomic.Pointer[cold.Reader] // nil until ClickHouse was there once
	writer atomic.Pointer[cold.Writer]
	hot    atomic.Pointer[hot.Tier] // nil until loaded
	loaded chan struct{}            // closed, once, when hot has caught up
	once   sync.Once
	cache  *cache

	acknowledged atomic.Uint64 // the last sequence of the log when hot was loaded
}

// New returns an index that answers nothing yet; [Index.Run] brings it up.
func New(c Config) (*Index, error) {
	c = c.withDefaults()
	cache, err := newCache(c.CacheBytes, c.Meter)
	if err != nil {
		return nil, err
	}
	return &Index{config: c, loaded: make(chan struct{}), cache: cache}, nil
}

// Run connects to ClickHouse, brings its tables up to date, loads the hot tier
// and keeps all of it going until ctx ends. It waits for what is away.
func (x *Index) Run(ctx context.Context) error {
	defer x.close()
	if err := x.insist(ctx, "connect to ClickHouse", x.connect); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return x.config.Log.Consume(ctx, x.writer.Load()) })
	g.Go(func() error { return x.follow(ctx) })
	g.Go(func() error { return x.upkeep(ctx) })
	return g.Wait()
}

// insist tries again, ever more slowly, until do succeeds or ctx ends.
func (x *Index) insist(ctx context.Context, what string, do func(context.Context) error) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		x.config.Logger.WarnContext(ctx, "cannot "+what, "error", err, "cause", errors.Unwrap(err), "again", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

func (x *Index) connect(ctx context.Context) error {
	if err := cold.Migrate(ctx, x.config.Cold.Writer.Options, x.config.Cold.Layout); err != nil {
		return err
	}
	w, err := cold.OpenWriter(ctx, x.config.Cold.Writer)
	if err != nil {
		return err
	}
	r, err := cold.OpenReader(ctx, x.config.Cold.Reader)
	if err != nil {
		return errors.Join(err, w.Close())
	}
	x.writer.Store(w)
	x.reader.Store(r)
	return nil
}

func (x *Index) close() {
	if w := x.writer.Load(); w != nil {
		_ = w.Close()
	}
	if r := x.reader.Load(); r != nil {
		_ = r.Close()
	}
	x.cache.close()
}

// Loaded is closed once the index can answer.
func (x *Index) Loaded() <-chan struct{} { return x.loaded }

func (x *Index) isLoaded() bool {
	select {
	case <-x.loaded:
		return true
	default:
		return false
	}
}

// Tiers says how the tiers stand, for metrics and readiness.
type Tiers struct {
	Hot       whatchanged.Watermark // zero until loaded
	HotEvents int
	Horizon   time.Time
	Loaded    bool
}

// Tiers returns how the tiers stand.
func (x *Index) Tiers(ctx context.Context) Tiers {
	t := x.hot.Load()
	if t == nil || !x.isLoaded() {
		return Tiers{}
	}
	mark, _ := t.Watermark(ctx) // it is in memory
	horizon, _ := t.Horizon()
	return Tiers{Hot: mark, HotEvents: t.Len(), Horizon: horizon, Loaded: true}
}

// upkeep moves the horizon forward and purges the log of what both tiers have
// passed.
func (x *Index) upkeep(ctx context.Context) error {
	tick := time.NewTicker(x.config.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := x.tidy(ctx); err != nil {
			x.config.Logger.WarnContext(ctx, "cannot move the horizon", "error", err, "cause", errors.Unwrap(err))
		}
	}
}

// tidy lets the hot tier forget, and the log be purged of, what the cold tier
// has, and nothing else.
func (x *Index) tidy(ctx context.Context) error {
	tier := x.hot.Load()
	if tier == nil {
		return nil
	}
	stored, err := x.reader.Load().Watermark(ctx)
	if err != nil {
		return err
	}
	horizon := whatchanged.Canonical(x.config.Now().Add(-x.config.Keep))
	if before, _ := tier.PositionAt(ctx, horizon); before.Sequence > stored.Position.Sequence {
		return nil
	}
	tier.Trim(horizon)
	_, position := tier.Horizon()
	return x.config.Log.Purge(ctx, min(position.Sequence, stored.Position.Sequence))
}

// Ping reports whether ClickHouse answers.
func (x *Index) Ping(ctx context.Context) error {
	r, err := x.history()
	if err != nil {
		return err
	}
	_, err = r.Watermark(ctx)
	return err
}
