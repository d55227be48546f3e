// Package instance puts the parts together: a data folder, the engine, the
// change log, the index, the ingest pipeline and the resolvers make one running
// whatchanged, with or without an HTTP surface.
package instance

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/folder"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/telemetry"
	"whatchanged.dev/whatchanged/index"
	"whatchanged.dev/whatchanged/index/changelog"
	"whatchanged.dev/whatchanged/index/cold"
	"whatchanged.dev/whatchanged/index/cold/embedded"
	"whatchanged.dev/whatchanged/ingest"
	"whatchanged.dev/whatchanged/resolvers"
)

// A Config says what an instance is made of.
type Config struct {
	Data        string            // folder
	ClickHouse  string            // DSN of a server or cluster; "" embeds one
	Cluster     string            // name of the cluster behind the DSN, "" for one server
	Engine      string            // path of libchdb.so; "" finds or fetches it
	NATS        string            // URL of a NATS cluster with JetStream; "" embeds one
	LogSync     string            // always or interval: see changelog.Sync
	LogMaxBytes int64             // 0 is the log's default
	Keep        time.Duration     // how far back the hot tier reaches; 0 is its default
	Secrets     map[string][]byte // of webhooks, by source
	Unsigned    bool              // take webhooks whose source has no secret
	Now         func() time.Time  // nil is time.Now
	Telemetry   *telemetry.Telemetry
	Progress    io.Writer // of downloads
}

// An Instance is one running whatchanged.
type Instance struct {
	Folder   *folder.Folder
	Engine   *embedded.Engine // nil when the DSN names another
	Log      *changelog.Log
	Index    *index.Index
	Pipeline *ingest.Pipeline
	Resolver *resolvers.Resolver

	stop context.CancelFunc
	done chan struct{} // closed when the index has stopped
	err  error         // with which it stopped; read after done
}

// Open starts an instance. What it embeds runs when it returns; the index may
// still be loading (see [index.Index.Loaded]). An embedded engine that cannot
// be had is an error; a server by DSN that is away is waited for.
func Open(ctx context.Context, c Config) (_ *Instance, err error) {
	in := &Instance{done: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.Close())
		}
	}()
	if in.Folder, err = folder.Open(c.Data); err != nil {
		return nil, err
	}
	key, err := ingest.RedactKey(filepath.Join(c.Data, "redaction.key"))
	if err != nil {
		return nil, err
	}
	tiers, err := in.openEngine(ctx, c)
	if err != nil {
		return nil, err
	}
	if in.Log, err = changelog.Open(ctx, changelog.Config{Dir: filepath.Join(c.Data, "changelog"), URL: c.NATS,
		Sync: changelog.Sync(c.LogSync), MaxBytes: c.LogMaxBytes, Now: c.Now, Logger: c.Telemetry.Log}); err != nil {
		return nil, err
	}
	if in.Index, err = index.New(index.Config{Log: in.Log, Cold: tiers, Keep: c.Keep, Now: c.Now,
		Logger: c.Telemetry.Log, Meter: c.Telemetry.Meter}); err != nil {
		return nil, err
	}
	if in.Resolver, err = resolvers.New(resolvers.Config{Index: in.Index, Now: c.Now, Log: c.Telemetry.Log, Clean: ingest.Cleaner(key),
		Tracer: c.Telemetry.Tracer, Meter: c.Telemetry.Meter}); err != nil {
		return nil, err
	}
	if in.Pipeline, err = in.openPipeline(c, key); err != nil {
		return nil, err
	}
	if err := in.observe(c.Telemetry.Meter); err != nil {
		return nil, err
	}
	in.run(ctx)
	return in, nil
}

// openEngine starts the embedded engine, or takes the server that is named.
func (in *Instance) openEngine(ctx context.Context, c Config) (index.Cold, error) {
	observed := cold.Config{Tracer: c.Telemetry.Tracer, Meter: c.Telemetry.Meter}
	writer, reader := observed, observed
	if c.ClickHouse != "" {
		options, err := cold.ParseDSN(c.ClickHouse)
		writer.Options, reader.Options = options, options
		return index.Cold{Writer: writer, Reader: reader, Layout: cold.Layout{Cluster: c.Cluster}}, err
	}
	var err error
	in.Engine, err = embedded.Start(ctx, embedded.Config{Data: filepath.Join(c.Data, "clickhouse"), Library: c.Engine,
		Log: c.Telemetry.Log, Progress: c.Progress})
	if err != nil {
		return index.Cold{}, err
	}
	writer.Options, reader.Options = in.Engine.Writer(), in.Engine.Reader()
	writer.Damaged, reader.Damaged = in.Engine.Replace, in.Engine.Replace
	return index.Cold{Writer: writer, Reader: reader}, nil
}

// run keeps the index going until Close.
func (in *Instance) run(ctx context.Context) {
	ctx, in.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(in.done)
		in.err = in.Index.Run(ctx)
	}()
}

// Ready waits until questions are answered.
func (in *Instance) Ready(ctx context.Context) error {
	select {
	case <-in.Index.Loaded():
		return nil
	case <-in.done:
		return in.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wait returns when ctx ends, or with the error with which the index stopped.
func (in *Instance) Wait(ctx context.Context) error {
	select {
	case <-in.done:
		return in.err
	case <-ctx.Done():
		return nil
	}
}

// openPipeline makes what takes deliveries in.
func (in *Instance) openPipeline(c Config, key []byte) (*ingest.Pipeline, error) {
	const scope = "whatchanged.dev/whatchanged/ingest"
	return ingest.New(ingest.Config{Log: in.Log, Known: in.Index, Now: c.Now, RedactKey: key, Secrets: c.Secrets,
		AllowUnsigned: c.Unsigned, Meter: c.Telemetry.Meter.Meter(scope), Tracer: c.Telemetry.Tracer.Tracer(scope), Logger: c.Telemetry.Log})
}

// Close ends the instance, the last started first.
func (in *Instance) Close() error {
	var errs []error
	if in.stop != nil {
		in.stop()
		<-in.done
		if !errors.Is(in.err, context.Canceled) {
			errs = append(errs, in.err)
		}
	}
	if in.Log != nil {
		in.Log.Close()
	}
	if in.Engine != nil {
		errs = append(errs, in.Engine.Close())
	}
	if in.Folder != nil {
		errs = append(errs, in.Folder.Close())
	}
	return errors.Join(errs...)
}
