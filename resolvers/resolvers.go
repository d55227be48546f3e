// Package resolvers turns questions about production into answers.
//
// Each question lives in a file of its own: its input, its answer and one
// method on [Resolver] that turns the first into the second. GraphQL, the MCP
// server and the command line all call that method; none of them adds meaning.
// The package knows neither those surfaces nor the stores: what it reads from
// is the [Index] it declares, which has no method that writes.
package resolvers

import (
	"context"
	"time"

	"whatchanged.dev/whatchanged"
)

// Index is what the resolvers need to read. Every read takes a View and sees
// nothing beyond View.KnownAt. An index that cannot answer now says
// [whatchanged.ErrUnavailable]; one that has not yet seen View.KnownAt, and
// does not come to see it in time, says [whatchanged.ErrStale].
type Index interface {
	// Watermark returns how far the index has read the change log.
	Watermark(ctx context.Context) (whatchanged.Watermark, error)

	// Await returns once the index has seen p, or fails with ErrStale when
	// ctx ends first.
	Await(ctx context.Context, p whatchanged.Position) error

	// PositionAt returns the last position that the log stored before t, the
	// zero Position if there is none.
	PositionAt(ctx context.Context, t time.Time) (whatchanged.Position, error)

	// Changes returns the events of a selection.
	Changes(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error)

	// ChangesOfEach returns for each of s.Entities, in their order, the page
	// that Changes returns for it alone: the limit and the total are those of
	// each. However many entities there are, it is one read.
	ChangesOfEach(ctx context.Context, v whatchanged.View, s whatchanged.Selection) ([]whatchanged.Page, error)

	// States returns what holds at v.AsOf: of each aspect of each entity in
	// each placement, as declared and as observed, the event in force, which is
	// the latest by effect and then by position. The order is that of their
	// [whatchanged.StateKey]s. An event that says something was deleted is in
	// force like any other.
	States(ctx context.Context, v whatchanged.View, s whatchanged.StateSelection) ([]*whatchanged.Event, error)

	// Mentions returns the events that carry a text: whose id or version is
	// it, one of whose commits begins with it (at least 7 hexadecimal
	// digits), or whose summary holds all its words (as substrings, case
	// ignored). Latest first; Total counts all.
	Mentions(ctx context.Context, v whatchanged.View, m whatchanged.Mention) (whatchanged.Page, error)

	// Entities returns the entities of a selection, ordered by reference.
	Entities(ctx context.Context, v whatchanged.View, s whatchanged.EntitySelection) ([]whatchanged.EntityRecord, error)

	// List returns entities in an order, each with its owner as of the view,
	// how many there are, and what they have. It counts what is known of an
	// entity and of where it is from the first event on that tells of it, in
	// effect or corrected since or not, and its owner as of v. An order that is
	// not known any more for v.KnownAt is refused with ErrCursorExpired.
	List(ctx context.Context, v whatchanged.View, q whatchanged.EntityList) (whatchanged.Listing, error)

	// Reach follows the dependency edges that hold at v.AsOf and returns what
	// they lead to, nearest first and by reference among equals, without the
	// starting points.
	Reach(ctx context.Context, v whatchanged.View, w whatchanged.Walk) ([]whatchanged.Reached, error)

	// Edges returns the dependency edges that hold at v.AsOf and touch any of
	// refs with either end, each once, ordered by From, To and Evidence; at
	// most limit of them, 0 means none. What an edge says of itself is what
	// the event in force says: the latest, by effect and then by position,
	// that tells of it in the view. An edge declared again holds since then.
	Edges(ctx context.Context, v whatchanged.View, refs []whatchanged.Ref, limit int) ([]whatchanged.Edge, error)

	// Sources says what arrived of each source that the view knows of, for an
	// interval of arrival, ordered by name.
	Sources(ctx context.Context, v whatchanged.View, i whatchanged.Interval) ([]whatchanged.SourceArrivals, error)

	// Tellers returns the names, in order, of the sources that ever told of any
	// of refs, as what changed or as what something depends on.
	Tellers(ctx context.Context, v whatchanged.View, refs []whatchanged.Ref) ([]string, error)

	// Deliveries returns the stored deliveries of these sequence numbers,
	// bodies included, events left out.
	Deliveries(ctx context.Context, v whatchanged.View, sequences []uint64) ([]whatchanged.Delivery, error)

	// Following returns the events that stand after a position, in the order
	// of the log, each revision by itself, and the position up to which those
	// are all: none is left out and none told twice by who goes on from there.
	// There are at most limit of them, and there may be none. It waits until
	// the index has seen more than after, or ctx ends.
	Following(ctx context.Context, after whatchanged.Position, limit int) ([]*whatchanged.Event, whatchanged.Position, error)
}
