package whatchanged

import "time"

// A View is where a question is asked from: what was true at AsOf, as far as
// was known at KnownAt, by somebody who may see Visibility. Every read takes
// one, and two reads with equal views and equal arguments give equal results
// for ever, so a View is also a cache key.
type View struct {
	AsOf       time.Time // what holds at this moment, the moment included; what takes effect later is not seen
	KnownAt    Position  // nothing beyond this position is seen
	Visibility string    // what the asker may see; part of every key
}

// A Watermark is how far an index has read the change log.
type Watermark struct {
	Position Position  `json:"position"` // everything up to here has been seen
	At       time.Time `json:"at"`       // when the log stored that; zero if it is empty
}

// A Selection says which change events to read. Fields that are empty select
// nothing out. All of them must hold.
type Selection struct {
	Entities   []Ref       // events on any of these
	IDs        []string    // events of any of these ids
	Kinds      []EventKind // events of any of these kinds
	Steps      bool        // only steps of rollouts
	Interval   Interval    // by EffectiveAt
	Seen       Interval    // by SeenAt, when they arrived
	After      *Key        // only what comes after this in the order asked for
	Descending bool        // latest first
	Limit      int         // at most this many; 0 means none, only the total
}

// A Page is what a Selection found: the events up to its limit, and how many
// there are without After and Limit. Of an event that was corrected, only the
// last revision known in the view is found. The events are shared with the
// index and with other readers: nobody may alter them. The slice is the
// caller's.
type Page struct {
	Events []*Event
	Total  int
}

// An EntitySelection says which entities to read.
type EntitySelection struct {
	Refs  []Ref  // exactly these
	Kinds []Kind // of any of these kinds
	Text  string // whose reference holds this text, case ignored
	Limit int    // at most this many; 0 means none
}

// An EntityRecord is an entity that some event told of, as what changed or as
// what something depends on.
type EntityRecord struct {
	Ref        Ref      `json:"ref"`
	FirstKnown Position `json:"firstKnown"` // the first position that told of it
}

// A Mention is a search for events by what they carry rather than by what
// they touched: an id, a version, the start of a commit, or words in the
// summary, all of which must be there.
type Mention struct {
	Text     string
	Interval Interval
	Limit    int // as in a Selection
}

// A Walk says which edges to follow, from where and how far.
type Walk struct {
	From      []Ref
	Direction Direction
	Hops      int
	Limit     int // at most this many entities are reached, nearest first; 0 means none
}
