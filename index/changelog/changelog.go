// Package changelog is the change log: the one place where a delivery is
// stored before its sender is told 202, and the order in which everything
// else learns of it.
//
// It is a NATS JetStream stream, from a server embedded in this process or
// from a cluster by URL; the code that talks to it is the same. One message is
// one delivery with the events it became, so a delivery is stored whole or not
// at all. The stream's sequence number and the event's index in the message
// are the event's [whatchanged.Position], and the stream's timestamp is its
// SeenAt.
//
// Three kinds of readers and writers meet here:
//
//   - [Log.Append] stores a delivery, unless the log already holds it.
//   - [Log.Tail] reads on and on in order; every process tails the log into
//     its own memory.
//   - [Log.Consume] feeds the one [Writer] that keeps all of history, each
//     position once, whatever dies in between.
//
// A redelivery cut into other messages than the first receipt escapes the
// log's own check. Both ways of reading therefore pass through a sieve that
// drops such events by the same rule, so that they agree (see sieve.go).
//
// The log forgets nothing by itself. It is purged by position, and when it is
// full it refuses.
package changelog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"whatchanged.dev/whatchanged"
)

// The names in JetStream. One change log lives in one account.
const (
	streamName = "WHATCHANGED"
	subject    = "whatchanged.deliveries"
	writerName = "history" // the durable consumer of the one writer
)

// Config says where the log is and how it keeps what it is given.
type Config struct {
	Dir  string // folder of the embedded server; used when URL is empty
	URL  string // of a NATS cluster with JetStream
	Sync Sync   // of the embedded server; SyncAlways if empty

	MaxBytes        int64         // the log refuses beyond; 8 GiB if zero
	MaxPayload      int           // largest stored delivery, in bytes; 8 MiB if zero
	Reserve         uint64        // the log refuses when its disk has less left; 64 MiB if zero
	DuplicateWindow time.Duration // how long a redelivery is recognised; 1 h if zero
	Replicas        int           // copies in a cluster; 1 if zero

	Batch Batch // what is handed to the Writer at once

	// Pinned is how long the writer may be silent before another process takes
	// over; 30 s if zero. An insert must end well before.
	Pinned time.Duration

	Now    func() time.Time // time.Now if nil
	Logger *slog.Logger     // discarded if nil
}

// Sync says which loss an acknowledged delivery survives.
type Sync string

// SyncAlways: every delivery is on disk before it is acknowledged, so that it
// survives a power loss. SyncInterval: it has been handed to the operating
// system, so that it survives the death of the process; what was written in
// the last second before a power loss may be gone.
const (
	SyncAlways   Sync = "always"
	SyncInterval Sync = "interval"
)

// A Batch bounds what is handed to the Writer at once.
type Batch struct {
	Deliveries int           // at most; 1000 if zero
	Bytes      int           // about, compressed; 16 MiB if zero
	Linger     time.Duration // how long to wait for more after the first; 20 ms if zero
}

func (c Config) withDefaults() Config {
	c.Sync = cmp.Or(c.Sync, SyncAlways)
	c.MaxBytes = cmp.Or(c.MaxBytes, 8<<30)
	c.MaxPayload = cmp.Or(c.MaxPayload, 8<<20)
	c.Reserve = cmp.Or(c.Reserve, 64<<20)
	c.DuplicateWindow = cmp.Or(c.DuplicateWindow, time.Hour)
	c.Replicas = cmp.Or(c.Replicas, 1)
	c.Pinned = cmp.Or(c.Pinned, 30*time.Second)
	c.Batch.Deliveries = cmp.Or(c.Batch.Deliveries, 1000)
	c.Batch.Bytes = cmp.Or(c.Batch.Bytes, 16<<20)
	c.Batch.Linger = cmp.Or(c.Batch.Linger, 20*time.Millisecond)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Log is an open change log. It is safe for concurrent use.
type Log struct {
	config Config
	server *server.Server // nil for a cluster
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	pack   *zstd.Encoder
	unpack *zstd.Decoder
	recent recent
}

// Open opens the log, creating it if there is none. Two processes must not
// open one folder: JetStream does not notice, both acknowledge, and what one
// of them stored is lost. The caller holds a lock on the data folder.
func Open(ctx context.Context, c Config) (*Log, error) {
	l := &Log{config: c.withDefaults()}
	if err := l.open(ctx); err != nil {
		l.Close()
		return nil, fmt.Errorf("change log: %w", err)
	}
	return l, nil
}

func (l *Log) open(ctx context.Context) (err error) {
	if l.pack, l.unpack, err = codec(); err != nil {
		return err
	}
	if err = l.connect(); err != nil {
		return err
	}
	if l.js, err = jetstream.New(l.conn); err != nil {
		return err
	}
	l.stream, err = l.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        streamName,
		Description: "every delivery, with the change events it became",
		Subjects:    []string{subject},
		Retention:   jetstream.LimitsPolicy, // kept until purged by position
		Discard:     jetstream.DiscardNew,   // full: refuse, do not forget
		MaxBytes:    l.config.MaxBytes,
		Duplicates:  l.config.DuplicateWindow,
		Storage:     jetstream.FileStorage,
		Replicas:    l.config.Replicas,
		AllowDirect: true, // single messages are read without going through the leader
		DenyDelete:  true, // only purging from the front leaves no holes
	})
	return err
}

func (l *Log) connect() (err error) {
	address, options := l.config.URL, []nats.Option{nats.Name("whatchanged"), nats.MaxReconnects(-1)}
	if address == "" {
		if l.server, err = serve(l.config); err != nil {
			return err
		}
		options = append(options, nats.InProcessServer(l.server))
	}
	if l.conn, err = nats.Connect(address, options...); err != nil && l.server == nil {
		return unreached(err)
	}
	return err
}

// unreached says why a cluster is not connected to. An address that cannot be
// read is not shown: it may hold a password.
func unreached(err error) error {
	if parse := (*url.Error)(nil); errors.As(err, &parse) {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "not an address: want one such as nats://host:4222").In("nats")
	}
	return whatchanged.Errorf(whatchanged.CodeUnavailable, "the change log's cluster cannot be reached: %v", err).In("nats")
}

// MaxPayload returns the largest message that can be stored, in bytes: a
// cluster has a limit of its own.
func (l *Log) MaxPayload() int64 { return l.conn.MaxPayload() }

// Close ends everything that reads from the log, and the embedded server. What
// unpacks messages is left to the garbage collector: a reader that is told of
// the end while it unpacks would else meet it closed, and panic.
func (l *Log) Close() {
	if l.conn != nil {
		l.conn.Close()
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
}
