package resolvers

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"whatchanged.dev/whatchanged"
)

// How a subscription is kept from costing more than it should.
const (
	streamPage      = 200              // events read ahead for one of them
	streamsOfCaller = 50               // open at once for one caller
	socketsOfCaller = 100              // connections open at once for one caller, each with any number of questions
	streamPatience  = 10 * time.Second // how long something waits to be taken
)

// A Stream hands over what a subscriber asked for, in the order of the change
// log: each thing once, and none left out. Little is read ahead of what is
// taken, so a stream that nobody takes from costs nothing but its place. Of
// what waits too long to be taken the subscriber is dropped: it has the
// position up to which it was told all, and can go on from there.
type Stream[T any] struct {
	// C is closed at the end, after which Err and Position tell why and where.
	C <-chan *T

	mu       sync.Mutex
	err      error
	position whatchanged.Position
}

// Err returns why the stream ended: nil when all that was asked for was told,
// or when the subscriber left.
func (s *Stream[T]) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Position returns the position after which a subscriber goes on.
func (s *Stream[T]) Position() whatchanged.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position
}

func (s *Stream[T]) reached(p whatchanged.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.position = p
}

func (s *Stream[T]) ended(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Streams are the subscriptions that are open, and the connections that may
// carry some.
type streams struct {
	subscriptions, connections places
	patient                    time.Duration

	draining context.Context
	drain    context.CancelCauseFunc
}

func newStreams(c Config) *streams {
	s := &streams{patient: cmp.Or(c.Patience, streamPatience),
		subscriptions: places{what: "subscriptions", most: cmp.Or(c.Subscriptions, streamsOfCaller), open: map[string]int{}},
		connections:   places{what: "connections", most: cmp.Or(c.Connections, socketsOfCaller), open: map[string]int{}}}
	s.draining, s.drain = context.WithCancelCause(context.Background())
	return s
}

var errDraining = whatchanged.Errorf(whatchanged.CodeUnavailable, "the server is stopping")

// Drain ends all subscriptions, each with where to go on, and takes no more.
func (r *Resolver) Drain() { r.streams.drain(errDraining) }

// Connect counts a connection on which the viewer is going to ask, until leave
// is called.
func (r *Resolver) Connect(ctx context.Context) (leave func(), err error) {
	err = r.attend(ctx, "connect", nil, func(a *asking) (_ []string, err error) {
		leave, err = r.streams.connections.take(a.viewer.Who)
		return nil, err
	})
	return leave, err
}

// admit counts a subscription of a caller, until leave is called, unless there
// are too many.
func (s *streams) admit(who string) (leave func(), err error) {
	if s.draining.Err() != nil {
		return nil, errDraining
	}
	return s.subscriptions.take(who)
}

// Places are what callers have open, each only so many.
type places struct {
	what string
	most int
	mu   sync.Mutex
	open map[string]int // by caller
}

// take gives a caller a place, until leave is called.
func (p *places) take(who string) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[who] >= p.most {
		return nil, whatchanged.Errorf(whatchanged.CodeRateLimited, "%d %s are open for you; close one first", p.most, p.what)
	}
	p.open[who]++
	return sync.OnceFunc(func() { p.release(who) }), nil
}

func (p *places) release(who string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[who]--; p.open[who] == 0 {
		delete(p.open, who)
	}
}

// A Following says which part of the change log a subscriber wants.
type Following struct {
	Filter *ChangeFilter         `json:"filter"`
	After  *whatchanged.Position `json:"after"`
	Limit  *int                  `json:"limit"`
}

// follow opens a stream of what of makes of the events that the filter lets
// through; it makes nil of those that are not told.
func follow[T any](ctx context.Context, r *Resolver, what string, in Following, of func(*asking, *whatchanged.Event) (*T, error)) (*Stream[T], error) {
	if in.Limit != nil && *in.Limit < 1 {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%d: want at least 1, or none to go on for ever", *in.Limit).In("limit")
	}
	s := &Stream[T]{}
	var viewer Viewer
	var leave func()
	err := r.attend(ctx, what, in, func(a *asking) (_ []string, err error) {
		viewer = a.viewer
		if err := a.begin(in, times{After: in.After}); err != nil {
			return nil, err
		}
		if s.position = a.watermark.Position; in.After != nil {
			s.position = *in.After
		}
		leave, err = r.streams.admit(viewer.Who)
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	c := make(chan *T)
	s.C = c
	go func() {
		defer close(c)
		defer leave()
		ctx, end := context.WithCancelCause(ctx)
		defer end(nil)
		defer context.AfterFunc(r.streams.draining, func() { end(errDraining) })() //nolint:contextcheck // that of the server, not of the caller
		start := time.Now()
		err := parting(ctx, r.tell(ctx, what, in, s.Position(), func(a *asking, e *whatchanged.Event) (bool, error) {
			v, err := of(a, e)
			if err != nil || v == nil {
				return false, err
			}
			return true, hand(ctx, c, v, r.streams.patient)
		}, s.reached))
		s.ended(err)
		r.audit(ctx, what+".ended", in, viewer, given{}, time.Since(start), err)
	}()
	return s, nil
}

// tell reads the log from a position on and hands over its events one by one,
// until it has handed over as many as were asked for, or something fails. It
// says after each how far it has come.
func (r *Resolver) tell(ctx context.Context, what string, in Following, after whatchanged.Position,
	hand func(*asking, *whatchanged.Event) (bool, error), reached func(whatchanged.Position)) error {
	told := 0
	for {
		events, upTo, err := r.index.Following(ctx, after, streamPage)
		if err != nil {
			return err
		}
		for _, e := range events {
			if !in.Filter.lets(e) {
				continue
			}
			did := false
			err := r.attendEvent(ctx, what, e, func(a *asking) (err error) {
				did, err = hand(a, e)
				return err
			})
			if err != nil {
				return err
			}
			reached(e.Position)
			if did {
				told++
			}
			if in.Limit != nil && told == *in.Limit {
				return nil
			}
		}
		reached(upTo)
		after = upTo
	}
}

// attendEvent shows one event to whoever asked, in the view of the moment at
// which it became known, so that a subscriber that comes later is told the
// same. Whether they may still see it is asked for each.
func (r *Resolver) attendEvent(ctx context.Context, what string, e *whatchanged.Event, show func(*asking) error) error {
	viewer, err := viewerOf(ctx)
	if err == nil {
		err = viewer.still(r.now())
	}
	if err != nil {
		return err
	}
	a := &asking{Resolver: r, ctx: ctx, question: what, viewer: viewer, now: whatchanged.Canonical(r.now())}
	a.view = whatchanged.View{AsOf: e.SeenAt, KnownAt: e.Position, Visibility: viewer.visibility()}
	if e.EffectiveAt.After(a.view.AsOf) {
		a.view.AsOf = e.EffectiveAt
	}
	start := time.Now()
	err = show(a)
	if err == nil {
		r.audit(ctx, what+".told", nil, viewer, given{ids: []string{e.ID}}, time.Since(start), nil)
	}
	return err
}

// hand gives v to whoever takes from c, if they do in time.
func hand[T any](ctx context.Context, c chan<- T, v T, patient time.Duration) error {
	select {
	case c <- v:
		return nil
	default:
	}
	late := time.NewTimer(patient)
	defer late.Stop()
	select {
	case c <- v:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late.C:
		return whatchanged.Errorf(whatchanged.CodeStale, "what came next waited %v to be taken", patient)
	}
}

// parting returns what a subscriber is told of why it ended: nothing if it was
// the subscriber who left.
func parting(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errDraining):
		return errDraining
	case ctx.Err() != nil:
		return nil
	}
	return err
}
