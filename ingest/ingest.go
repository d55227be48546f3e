// Package ingest turns what other systems send us into change events.
//
// A [Source] is a pure function from one delivered payload to events. It knows
// its sender's format and nothing else: not HTTP, not secrets, not the change
// log, not the clock. [Sources] lists them all; a new sender is one file with
// one Source, and one row there.
//
// The [Pipeline] does the rest once, for every source: it checks signatures
// and limits, replaces secrets, brings events into canonical form, drops what
// is already known, and appends the delivery to the change log. Only then does
// the sender get its 202. What cannot be understood is refused in words the
// sender can act on, and kept in the log so that it can be decoded again after
// a fix; nothing is dropped silently.
//
// This package does not know the index. It declares the two small things it
// needs of it, [Log] and [Known].
package ingest

import (
	"context"

	"whatchanged.dev/whatchanged"
)

// A Source decodes one sender's deliveries.
type Source struct {
	// Name is the last element of the path of the source's webhook, the value
	// of Event.Source, and the label of its metrics, as in "github".
	Name string

	// Verify checks the sender's signature; nil means that the sender does not
	// sign. d.Body is the body as received and d.Header has lower-case keys.
	// The error is ErrUnauthenticated and says what is missing or wrong.
	Verify func(secret []byte, d whatchanged.Delivery) error

	// Decode returns the events a delivery tells of. It is pure. d.Body is
	// redacted. The error is a *whatchanged.Error with Field and a message that
	// the sender can act on. Decode need not set Source, Diff, Position or
	// SeenAt, and leaves EffectiveAt zero where the sender tells no time.
	Decode func(d whatchanged.Delivery) (Decoded, error)

	// Header lists the request headers, in lower case, that Decode or Verify
	// reads; no others are kept. Of these, the ones whose name says that they
	// prove who is speaking (a signature, a token) reach Verify only and are
	// never stored.
	Header []string

	// Identify returns the sender's own name for the payload and its own id of
	// the delivery, "" where it gives none. It may be nil.
	Identify func(header map[string]string) (typ, id string)
}

// Decoded is what became of a delivery that was understood.
type Decoded struct {
	Events  []whatchanged.Event
	Ignored string // why there are no events; "" when there are
}

// Lookup returns the source of the given name.
func Lookup(name string) (Source, bool) {
	for _, s := range Sources {
		if s.Name == name {
			return s, true
		}
	}
	return Source{}, false
}

// Log is the change log, as far as ingest needs it.
type Log interface {
	// Append stores a delivery whole, or not at all. One that the log already
	// holds is not stored again: the receipt says so. A full log, or one that
	// is away, is ErrUnavailable; a delivery beyond its limit ErrTooLarge.
	Append(ctx context.Context, d whatchanged.Delivery) (whatchanged.Receipt, error)
}

// Known says which events are stored already.
type Known interface {
	// Known returns the positions of those events, named by Event.Identity,
	// that are stored; the first position where there are several.
	Known(ctx context.Context, identities []string) (map[string]whatchanged.Position, error)

	// Recent returns the same as far as memory tells; one that it leaves out may
	// be stored all the same.
	Recent(identities []string) map[string]whatchanged.Position
}
