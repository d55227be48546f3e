package resolvers

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"whatchanged.dev/whatchanged"
)

// A Resolver answers questions from an index. It is safe for concurrent use.
type Resolver struct {
	index    Index
	now      func() time.Time
	log      *slog.Logger
	clean    func(string) string
	tracer   trace.Tracer
	duration metric.Float64Histogram
	timeout  time.Duration
	slots    chan struct{} // one for each question that may be answered at once
	streams  *streams
	write    func(Answered) (tokens int) // nil: nobody does, before the question is over
}

// Config says what a [Resolver] works with.
type Config struct {
	Index Index
	Now   func() time.Time // the clock; nil is time.Now
	Log   *slog.Logger     // one line for every question asked: the audit log

	// Clean replaces what looks like a secret in text that is to be logged. If
	// nil, no text from outside is logged.
	Clean func(text string) string

	Tracer  trace.TracerProvider
	Meter   metric.MeterProvider
	Timeout time.Duration // for one question; 0 is 10 s
	AtOnce  int           // how many are answered at once, the rest is refused; 0 is 64

	Subscriptions int           // how many one caller may have open; 0 is 50
	Connections   int           // how many one caller may have open, to ask on; 0 is 100
	Patience      time.Duration // how long what a subscriber is told waits to be taken; 0 is 10 s
}

// New returns a Resolver. Its error is that of a metric that cannot be made.
func New(c Config) (*Resolver, error) {
	h, err := c.Meter.Meter(scope).Float64Histogram("whatchanged.question.duration",
		metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
		metric.WithDescription("Time to answer a question, by question and code."))
	if err != nil {
		return nil, err
	}
	r := &Resolver{index: c.Index, now: c.Now, log: c.Log, clean: c.Clean, tracer: c.Tracer.Tracer(scope), duration: h, timeout: c.Timeout,
		slots: make(chan struct{}, cmp.Or(c.AtOnce, 64)), streams: newStreams(c)}
	if r.now == nil {
		r.now = time.Now
	}
	if r.clean == nil {
		r.clean = func(string) string { return "" }
	}
	if r.timeout == 0 {
		r.timeout = 10 * time.Second
	}
	return r, nil
}

const scope = "whatchanged.dev/whatchanged/resolvers"

// Writing returns a Resolver that hands each answer to write, as the last part
// of answering: what write cuts off it was not given, and so is not in the audit
// log, where it stands how many tokens write made of the rest.
func (r *Resolver) Writing(write func(Answered) (tokens int)) *Resolver {
	w := *r
	w.write = write
	return &w
}

// ask answers a question.
func ask[In any, Out any, P interface {
	*Out
	Answered
}](ctx context.Context, r *Resolver, question string, in In, answer func(*asking, In) (*Out, error)) (*Out, error) {
	var out *Out
	err := r.attend(ctx, question, in, func(a *asking) ([]string, error) {
		var err error
		if out, err = answer(a, in); err != nil {
			return nil, err
		}
		if r.write != nil {
			a.tokens = r.write(P(out))
		}
		return P(out).IDs(), nil
	})
	return out, err
}

// attend is the seam that every question and every step of a walk passes: it
// wants a viewer, sets the deadline, and notes in a span, a metric and the
// audit log what was asked by whom and which ids they were given.
func (r *Resolver) attend(ctx context.Context, question string, in any, answer func(*asking) (ids []string, err error)) error {
	ctx, span := r.tracer.Start(ctx, "resolvers."+question)
	defer span.End()
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	start := time.Now()

	viewer, err := viewerOf(ctx)
	a := &asking{Resolver: r, ctx: ctx, question: question, viewer: viewer, now: whatchanged.Canonical(r.now())}
	var ids []string
	if err == nil {
		err = viewer.still(r.now())
	}
	if err == nil {
		err = r.admit()
	}
	if err == nil {
		defer func() { <-r.slots }()
		ids, err = answer(a)
	}
	code := string(whatchanged.CodeOf(err))
	took := time.Since(start)
	r.duration.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("question", question), attribute.String("code", code)))
	if err != nil {
		span.SetStatus(codes.Error, code)
		if whatchanged.CodeOf(err) == whatchanged.CodeInternal {
			span.RecordError(err)
		}
	}
	r.audit(ctx, question, in, viewer, given{ids, a.tokens}, took, err)
	return err
}

// admit takes a slot, or refuses: who asks for too much at once, as with many
// questions in one GraphQL request, does not keep the others waiting.
func (r *Resolver) admit() error {
	select {
	case r.slots <- struct{}{}:
		return nil
	default:
		return whatchanged.Errorf(whatchanged.CodeRateLimited, "%d questions are being answered; ask again, or fewer at once", cap(r.slots))
	}
}
