package changelog

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A pin is the right to write, as far as this process can know: the id of the
// client that the server has pinned, as it came with the last message, and
// when we last sent a request under it. Every such request makes the server
// wait one ttl more before it pins another.
type pin struct {
	consumer jetstream.Consumer
	ttl      time.Duration
	id       string
	at       time.Time
	fresh    bool // the id is new: another process may have written before
}

// fetch pulls up to n messages. It returns none when there are none, and
// errReplaced when another client is pinned.
func (p *pin) fetch(ctx context.Context, n int, options ...jetstream.FetchOpt) ([]jetstream.Msg, error) {
	at := time.Now()
	b, err := p.consumer.Fetch(n, append(options, jetstream.FetchPriorityGroup(writerGroup))...)
	if err != nil {
		return nil, err
	}
	var all []jetstream.Msg
	for open := true; open; {
		var m jetstream.Msg
		select {
		case m, open = <-b.Messages():
			if open {
				all = append(all, m)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch err := b.Error(); {
	case errors.Is(err, jetstream.ErrPinIDMismatch):
		return nil, errReplaced
	case err != nil:
		return nil, err
	}
	for _, m := range all {
		id := m.Headers().Get(pinHeader)
		p.fresh = p.fresh || id != p.id
		p.id, p.at = id, at
	}
	return all, nil
}

// until returns when an insert begun now must have ended.
func (p *pin) until() time.Time { return p.at.Add(p.ttl * 2 / 3) }

// renewed renews the pin when it is no longer fresh.
func (p *pin) renewed(ctx context.Context) error {
	if time.Since(p.at) < p.ttl/6 {
		return nil
	}
	return p.renew(ctx)
}

// renew tells the server that this client lives, without taking a message: no
// message is as small as one byte. The server says nothing when the pin ran
// out and nobody has it yet, so it is asked who is pinned.
func (p *pin) renew(ctx context.Context) error {
	at := time.Now()
	taken, err := p.fetch(ctx, 1, jetstream.FetchMaxWait(time.Millisecond), jetstream.FetchMaxBytes(1))
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		return errors.New("a message of one byte")
	}
	switch pinned, err := p.pinned(ctx); {
	case err != nil:
		return err
	case !pinned:
		return errReplaced
	}
	p.at = at
	return nil
}

// pinned asks whether this client is.
func (p *pin) pinned(ctx context.Context) (bool, error) {
	info, err := p.consumer.Info(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(info.PriorityGroups, func(g jetstream.PriorityGroupState) bool {
		return g.Group == writerGroup && g.PinnedClientID == p.id
	}), nil
}

// Waits between attempts, doubling from the first to the last.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = 5 * time.Second
)

func nextWait(d time.Duration) time.Duration { return min(2*d, lastWait) }

// pause waits, or returns ctx's error if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
