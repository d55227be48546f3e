package ingest

import (
	"context"
	"sync"
	"time"

	"whatchanged.dev/whatchanged"
)

// claims close the gap between asking whether an event is known and memory
// telling so: in it two deliveries that come at once, in different company,
// would both be told that they were the first. The log's readers keep only one
// of the two all the same; here the second sender is told right, the event is
// counted once, and the log does not hold it twice.
//
// An identity is claimed while a delivery takes it to the log. Who comes with it
// meanwhile waits. Once stored it is remembered until memory tells of it. All
// this is of one process: several on one log leave it to the log's readers.
type claims struct {
	mu     sync.Mutex
	taken  map[string]chan struct{} // closed when the log has answered
	stored map[string]whatchanged.Position
	order  []arrived // of what is in stored
	count  int       // identities in order
}

// arrived are the identities that one delivery brought.
type arrived struct {
	at         time.Time
	identities []string
}

// maxStored bounds how many identities are remembered while memory tells of
// none, as before it is loaded.
const maxStored = 100_000

func newClaims() *claims {
	return &claims{taken: map[string]chan struct{}{}, stored: map[string]whatchanged.Position{}}
}

// take claims identities, all at once, when nobody else has one of them. What
// it returns gives them up.
func (c *claims) take(ctx context.Context, identities []string) (release func(), err error) {
	for {
		busy := c.tryTake(identities)
		if busy == nil {
			return func() { c.release(identities) }, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "another delivery with the same events is being stored; send it again").Hiding(ctx.Err())
		}
	}
}

// tryTake claims identities, or returns what is closed when the first of them
// that is taken is given up.
func (c *claims) tryTake(identities []string) (busy chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range identities {
		if busy := c.taken[id]; busy != nil {
			return busy
		}
	}
	done := make(chan struct{})
	for _, id := range identities {
		c.taken[id] = done
	}
	return nil
}

func (c *claims) release(identities []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := c.taken[identities[0]]
	for _, id := range identities {
		delete(c.taken, id)
	}
	close(done)
}

// remember notes where the log has stored events.
func (c *claims) remember(events []whatchanged.Event, at whatchanged.Position, now time.Time) {
	a := arrived{at: now}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range events {
		id := events[i].Identity()
		a.identities = append(a.identities, id)
		c.stored[id] = at
	}
	c.order, c.count = append(c.order, a), c.count+len(a.identities)
}

// recall adds to known what is remembered of identities.
func (c *claims) recall(identities []string, known map[string]whatchanged.Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range identities {
		if at, ok := c.stored[id]; ok {
			known[id] = at
		}
	}
}

// forget drops, oldest first, what memory tells of, and what came before a
// time: a delivery is taken in whole, so its first event stands for all.
func (c *claims) forget(recent func([]string) map[string]whatchanged.Position, before time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.order) > 0 {
		a := c.order[0]
		if len(recent(a.identities[:1])) == 0 && c.count <= maxStored && !a.at.Before(before) {
			return
		}
		for _, id := range a.identities {
			delete(c.stored, id)
		}
		c.order, c.count = c.order[1:], c.count-len(a.identities)
	}
}
