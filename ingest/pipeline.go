package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	attr "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"whatchanged.dev/whatchanged"
)

// Config is what a [Pipeline] needs. Log, Known and RedactKey must be given.
type Config struct {
	Log   Log
	Known Known
	Now   func() time.Time // time.Now if nil

	// Sources are the senders that are read; the table [Sources] if nil.
	Sources []Source

	// RedactKey keys the hash that replaces secrets; see [RedactKey].
	RedactKey []byte

	// Secrets are the senders' webhook secrets by source name. A source that
	// signs and has none is refused unless AllowUnsigned, which is for a
	// demonstration on loopback. A source that does not sign, and has one, must
	// send it as "Authorization: Bearer SECRET".
	Secrets       map[string][]byte
	AllowUnsigned bool

	// DuplicateWindow is how long the log recognises a redelivery by itself;
	// 1 h if zero.
	DuplicateWindow time.Duration

	Limits  Limits
	Timeout time.Duration // for one delivery; 10 s if zero, the patience of most senders

	Meter  metric.Meter // noop if nil
	Tracer trace.Tracer // noop if nil
	Logger *slog.Logger // discarded if nil
}

// Limits bound a delivery. Zero fields take the value given here.
type Limits struct {
	Body       int // bytes, after decompression: 8 MiB
	Depth      int // how deeply JSON may be nested: 64
	Values     int // how many JSON values a body may hold: 250,000
	Events     int // what a delivery may become: 10,000
	Deliveries int // how many are handled at once: 64
}

func (l Limits) withDefaults() Limits {
	l.Body = cmp.Or(l.Body, 8<<20)
	l.Depth = cmp.Or(l.Depth, 64)
	l.Values = cmp.Or(l.Values, 250_000)
	l.Events = cmp.Or(l.Events, 10_000)
	l.Deliveries = cmp.Or(l.Deliveries, 64)
	return l
}

// A Pipeline takes deliveries from senders to the change log. It is safe for
// concurrent use.
type Pipeline struct {
	Config
	redact  redactor
	metrics metrics
	claims  *claims
	slots   chan struct{}
}

// New returns a pipeline.
func New(c Config) (*Pipeline, error) {
	if c.Log == nil || c.Known == nil || len(c.RedactKey) == 0 {
		return nil, errors.New("ingest: Log, Known and RedactKey must be given")
	}
	c.Limits = c.Limits.withDefaults()
	c.DuplicateWindow = cmp.Or(c.DuplicateWindow, time.Hour)
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sources == nil {
		c.Sources = Sources
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(&c)
	if err != nil {
		return nil, err
	}
	return &Pipeline{
		Config:  c,
		redact:  redactor{key: c.RedactKey, limits: c.Limits},
		metrics: m,
		claims:  newClaims(),
		slots:   make(chan struct{}, c.Limits.Deliveries),
	}, nil
}

func (p *Pipeline) source(name string) (Source, bool) {
	i := slices.IndexFunc(p.Sources, func(s Source) bool { return s.Name == name })
	if i < 0 {
		return Source{}, false
	}
	return p.Sources[i], true
}

// Accepted says what became of a delivery that was taken.
type Accepted struct {
	// Position is where the delivery stands in the log, all its events included;
	// when nothing in it was new, the delivery with the last of its events. A
	// question after it sees them all.
	Position   whatchanged.Position `json:"position"`
	Events     int                  `json:"events"`            // stored now
	Duplicates int                  `json:"duplicates"`        // known before
	Ignored    string               `json:"ignored,omitempty"` // why it tells of no change
}

// A Rejection is the error for a delivery that was authentic and could not be
// understood. It is kept in the log, so that it can be decoded again.
type Rejection struct {
	Why      *whatchanged.Error
	Position whatchanged.Position // of the delivery
}

func (r *Rejection) Error() string { return r.Why.Error() }

// Unwrap returns why.
func (r *Rejection) Unwrap() error { return r.Why }

// Accept takes one delivery: d.Header and d.Body as they were received. It
// returns when the log has stored it. Whatever it could not understand is a
// [*Rejection]; ErrUnauthenticated and ErrTooLarge are only counted; with
// ErrUnavailable the sender should deliver again.
func (p *Pipeline) Accept(ctx context.Context, source string, d whatchanged.Delivery) (Accepted, error) {
	s, ok := p.source(source)
	if !ok {
		return Accepted{}, whatchanged.Errorf(whatchanged.CodeNotFound, "no source is called %q", plain(source, maxWord))
	}
	a, err := p.accept(ctx, s, d)
	p.metrics.delivery(ctx, s.Name, a, err)
	if err != nil {
		p.Logger.InfoContext(ctx, "delivery refused", "source", s.Name, "code", whatchanged.CodeOf(err), "error", err, "cause", errors.Unwrap(whatchanged.AsError(err)))
	}
	return a, err
}

func (p *Pipeline) accept(ctx context.Context, s Source, d whatchanged.Delivery) (Accepted, error) {
	if len(d.Body) > p.Limits.Body {
		return Accepted{}, p.tooLarge()
	}
	if err := p.authentic(s, d); err != nil {
		return Accepted{}, err
	}
	d, decoded, err := p.read(ctx, s, d)
	switch {
	case errors.Is(err, whatchanged.ErrTooLarge):
		return Accepted{}, err
	case err != nil:
		return Accepted{}, p.reject(ctx, d, err)
	case len(decoded.Events) == 0:
		return p.ignore(ctx, d, decoded.Ignored)
	}
	return p.store(ctx, d, decoded.Events)
}

func (p *Pipeline) tooLarge() error {
	return whatchanged.Errorf(whatchanged.CodeTooLarge, "body of more than %d bytes; send it in parts", p.Limits.Body)
}

// read redacts, decodes and canonicalizes. The delivery it returns may be
// stored, whatever the error.
func (p *Pipeline) read(ctx context.Context, s Source, d whatchanged.Delivery) (whatchanged.Delivery, Decoded, error) {
	_, span := p.Tracer.Start(ctx, "ingest.decode", trace.WithAttributes(attr.String("source", s.Name)))
	defer span.End()
	d, err := p.redacted(s, d)
	if err != nil {
		span.SetStatus(codes.Error, "limits")
		return d, Decoded{}, err
	}
	decoded, err := p.decode(s, d)
	if err != nil {
		span.SetStatus(codes.Error, "not understood")
		return d, Decoded{}, err
	}
	span.SetAttributes(attr.Int("events", len(decoded.Events)))
	return d, decoded, nil
}

// redacted returns what may be seen of a delivery beyond this point: no
// secrets, no proofs of who sent it.
func (p *Pipeline) redacted(s Source, d whatchanged.Delivery) (whatchanged.Delivery, error) {
	header := map[string]string{}
	for _, name := range s.Header {
		if v, ok := d.Header[name]; ok && !proves(name) {
			header[name] = plain(p.redact.text(v), maxURL)
		}
	}
	d.Source, d.Header, d.Events, d.Outcome = s.Name, header, nil, whatchanged.Accepted
	if s.Identify != nil {
		d.Type, d.ID = s.Identify(header)
	}
	d.Type, d.ID = plain(d.Type, maxWord), plain(d.ID, maxID)
	var err error
	d.Body, err = p.redact.body(header["content-type"], d.Body, header["ce-subject"])
	return d, err
}

// decode runs the source on a redacted delivery. A source that panics has met
// what its author did not think of: the delivery is kept for after the fix.
func (p *Pipeline) decode(s Source, d whatchanged.Delivery) (decoded Decoded, err error) {
	defer func() {
		if r := recover(); r != nil {
			p.Logger.Error("source panicked", "source", s.Name, "panic", r, "stack", string(debug.Stack()))
			err = whatchanged.Errorf(whatchanged.CodeInternal, "the delivery could not be decoded; it is kept").Hiding(fmt.Errorf("panic: %v", r))
		}
	}()
	if decoded, err = s.Decode(d); err != nil {
		return Decoded{}, err
	}
	return decoded, p.canonical(s.Name, decoded.Events)
}

// reject keeps a delivery that was not understood. If it cannot be kept, the
// sender is asked to send it again: nothing is dropped silently.
func (p *Pipeline) reject(ctx context.Context, d whatchanged.Delivery, why error) error {
	r, err := p.Log.Append(ctx, p.rejected(d, why))
	if err != nil {
		return err
	}
	return &Rejection{Why: whatchanged.AsError(why), Position: r.Position}
}

func (p *Pipeline) rejected(d whatchanged.Delivery, why error) whatchanged.Delivery {
	e := whatchanged.AsError(why)
	d.Outcome, d.Events = whatchanged.Rejected, nil
	d.Reason, d.Field = plain(p.redact.text(e.Message), maxSummary), plain(e.Field, maxWord)
	return d
}

func (p *Pipeline) ignore(ctx context.Context, d whatchanged.Delivery, why string) (Accepted, error) {
	d.Outcome, d.Reason = whatchanged.Ignored, plain(cmp.Or(why, "it tells of no change"), maxSummary)
	r, err := p.Log.Append(ctx, d)
	return Accepted{Position: r.Position, Ignored: d.Reason}, err
}

// store appends the events that are not known yet. Of deliveries that bring the
// same event at once, one is first and the others wait for it.
func (p *Pipeline) store(ctx context.Context, d whatchanged.Delivery, events []whatchanged.Event) (Accepted, error) {
	release, err := p.claims.take(ctx, identities(events))
	if err != nil {
		return Accepted{}, err
	}
	defer release()
	p.claims.forget(p.Known.Recent, p.Now().Add(-p.DuplicateWindow))
	fresh, last, err := p.unknown(ctx, events)
	if err != nil {
		return Accepted{}, err
	}
	a := Accepted{Position: last, Duplicates: len(events) - len(fresh)}
	if len(fresh) == 0 {
		return a, nil
	}
	d.Events = fresh
	r, err := p.Log.Append(ctx, d)
	if err != nil {
		return Accepted{}, err
	}
	a.Position = r.Position
	p.claims.remember(fresh, r.Position, p.Now())
	if r.Duplicate {
		a.Duplicates = len(events)
		return a, nil
	}
	a.Events = len(fresh)
	p.metrics.stored(ctx, fresh)
	return a, nil
}
