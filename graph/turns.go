package graph

import (
	"context"
	"runtime"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"whatchanged.dev/whatchanged"
)

// How heavy operations take turns, so that light ones stay quick.
const (
	turnsWaiting = 64               // heavy operations in the queue
	turnPatience = 10 * time.Second // in it
	turnAgain    = 2 * time.Second  // after which one that was turned away may ask again
)

// turns lets few heavy operations run at once. The others queue, for a while;
// light ones pass.
type turns struct {
	running chan struct{} // one for each that runs
	waiting chan struct{} // one for each that waits
	patient time.Duration
}

// newTurns returns turns for so many at once; 0 is one for every two processors,
// and at least two.
func newTurns(atOnce, waiting int, patient time.Duration) *turns {
	if atOnce == 0 {
		atOnce = max(2, runtime.GOMAXPROCS(0)/2)
	}
	if waiting == 0 {
		waiting = turnsWaiting
	}
	if patient == 0 {
		patient = turnPatience
	}
	return &turns{make(chan struct{}, atOnce), make(chan struct{}, waiting), patient}
}

// take waits for a turn, which done gives back.
func (t *turns) take(ctx context.Context) (done func(), err error) {
	done = func() { <-t.running }
	select {
	case t.running <- struct{}{}:
		return done, nil
	default:
	}
	select {
	case t.waiting <- struct{}{}:
		defer func() { <-t.waiting }()
	default:
		return nil, whatchanged.Errorf(whatchanged.CodeRateLimited, "%d heavy operations wait already; ask again in %v, or for less", cap(t.waiting), turnAgain)
	}
	ctx, cancel := context.WithTimeout(ctx, t.patient)
	defer cancel()
	select {
	case t.running <- struct{}{}:
		return done, nil
	case <-ctx.Done():
		return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "this heavy operation waited %v for its turn; ask again in %v, or for less", t.patient, turnAgain).Hiding(ctx.Err())
	}
}

// queue has heavy operations take turns. A subscription is no operation that
// ends, and has bounds of its own.
func (t *turns) queue(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	c, _ := op.Stats.GetExtension(costKey).(*cost)
	answer := next(ctx)
	if c == nil || c.Total <= heavyCost || op.Operation.Operation == ast.Subscription {
		return answer
	}
	return func(ctx context.Context) *graphql.Response {
		done, err := t.take(ctx)
		if err != nil {
			code := whatchanged.CodeOf(err)
			turnAway(ctx, code, turnAgain)
			out := present(ctx, err)
			out.Path = nil
			out.Extensions["retryAfterSeconds"] = int(turnAgain / time.Second)
			return &graphql.Response{Errors: gqlerror.List{out}}
		}
		defer done()
		return answer(ctx)
	}
}
