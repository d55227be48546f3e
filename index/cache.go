package index

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/dgraph-io/ristretto/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/singleflight"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold"
)

// A cache keeps answers of the cold tier. A key says all that an answer
// depends on: the read, its arguments with absolute times, what the asker may
// see, and the cold revision, the last position that may have changed what was
// true before the hot horizon; so an entry never goes stale, it is only asked
// for no longer. Equal reads that come at once are asked once.
//
// ristretto may refuse to keep what it is given; nothing here depends on it.
type cache struct {
	store  *ristretto.Cache[string, any]
	flight singleflight.Group
	reads  metric.Int64Counter
}

// deadline bounds a read that several askers share, and that therefore does
// not end with any one of them.
const deadline = 15 * time.Second

func newCache(bytes int64, meter metric.MeterProvider) (*cache, error) {
	store, err := ristretto.NewCache(&ristretto.Config[string, any]{
		NumCounters:        bytes / 400, // ten for each entry of 4 KB
		MaxCost:            bytes,
		BufferItems:        64,
		IgnoreInternalCost: true, // costs are bytes of answers
	})
	if err != nil {
		return nil, err
	}
	reads, err := meter.Meter("whatchanged.dev/whatchanged/index").Int64Counter("whatchanged.cold.reads",
		metric.WithDescription("Reads of the cold tier, by read and by whether the cache had the answer."))
	return &cache{store: store, reads: reads}, err
}

func (c *cache) close() { c.store.Close() }

// through returns the kept answer to a read, or reads and keeps it.
func through[T any](ctx context.Context, c *cache, name string, key any, read func(context.Context) (T, error)) (T, error) {
	text, err := json.Marshal(key) // plain data
	if err != nil {
		var none T
		return none, err
	}
	sum := sha256.Sum256(append([]byte(name+" "), text...))
	k := string(sum[:])
	if v, ok := c.store.Get(k); ok {
		c.count(ctx, name, "hit")
		return v.(T), nil
	}
	done := c.flight.DoChan(k, func() (any, error) {
		shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
		defer cancel()
		v, err := read(shared)
		if err == nil {
			c.store.Set(k, v, cost(v))
		}
		return v, err
	})
	select {
	case r := <-done:
		c.count(ctx, name, map[bool]string{true: "shared", false: "miss"}[r.Shared])
		v, _ := r.Val.(T)
		return v, r.Err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (c *cache) count(ctx context.Context, name, result string) {
	c.reads.Add(ctx, 1, metric.WithAttributes(attribute.String("read", name), attribute.String("cache", result)))
}

// cost is about how many bytes an answer takes: its JSON is near enough.
func cost(v any) int64 {
	b, err := json.Marshal(v)
	if err != nil {
		return 1 << 10
	}
	return int64(len(b)) + 256
}

// history returns the cold tier.
func (x *Index) history() (*cold.Reader, error) {
	if r := x.reader.Load(); r != nil {
		return r, nil
	}
	return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "ClickHouse is not there yet; ask again")
}

// fromCold reads from the cold tier, through the cache. It waits a little for
// the cold tier to store what the view may see.
func fromCold[T any](ctx context.Context, x *Index, name string, v whatchanged.View, args any, read func(context.Context, *cold.Reader) (T, error)) (T, error) {
	r, err := x.history()
	if err != nil {
		var none T
		return none, err
	}
	key := struct {
		View whatchanged.View
		Args any
	}{v, args}
	return through(ctx, x.cache, name, key, func(ctx context.Context) (T, error) {
		late := time.After(x.config.Patience)
		for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
			out, err := read(ctx, r)
			if !errors.Is(err, whatchanged.ErrStale) {
				return out, err
			}
			select {
			case <-time.After(wait):
			case <-late:
				return out, err
			case <-ctx.Done():
				return out, err
			}
		}
	})
}
