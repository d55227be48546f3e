package whatchanged

import (
	"slices"
	"time"
)

// A Delivery is one payload as it was received, once per receipt, together
// with the events it became. It is what the change log stores: one message,
// whole or not at all. Body is the delivery after redaction; the original
// bytes are never stored.
type Delivery struct {
	Source  string            `json:"source"`  // name of the source it came to
	Type    string            `json:"type"`    // the sender's own name for the payload, as in X-GitHub-Event
	ID      string            `json:"id"`      // the sender's own id of the delivery, if it gives one
	Header  map[string]string `json:"header"`  // the few headers that decoding needs, keys in lower case
	Body    []byte            `json:"body"`    // redacted
	Outcome Outcome           `json:"outcome"` // what became of it
	Reason  string            `json:"reason"`  // why it was rejected or ignored, for the sender
	Field   string            `json:"field"`   // the payload field at fault, if one is
	Events  []Event           `json:"events"`

	// Sequence and ReceivedAt are the change log's own number and timestamp.
	Sequence   uint64    `json:"sequence"`
	ReceivedAt time.Time `json:"receivedAt"`
}

// An Outcome says what became of a delivery.
type Outcome string

// The outcomes. An ignored delivery was understood, or belongs to a type we
// do not read, and tells of no change to production; a rejected one was not
// understood and is kept so that it can be decoded again after a fix.
const (
	Accepted Outcome = "accepted"
	Ignored  Outcome = "ignored"
	Rejected Outcome = "rejected"
)

// A Receipt is what the change log says of an appended delivery.
type Receipt struct {
	Position  Position // of the delivery, all its events included: see At
	Duplicate bool     // the log already held it; Position is then the first receipt's
}

// The types of what readers report of themselves, as deliveries without events
// that count as none.
const (
	DeliveryRan       = "whatchanged.ran"       // all there was has been read
	DeliveryConnected = "whatchanged.connected" // whatever comes will be heard
	DeliveryFollows   = "whatchanged.follows"   // so far all was heard, and this is said again before Lease has passed
	DeliveryLost      = "whatchanged.lost"      // what comes now is missed
	DeliveryStopped   = "whatchanged.stopped"   // it was ended on purpose: what comes now is missed
)

// ReaderReports are the types of all reports, and ConnectionReports of those
// that tell of a connection.
var (
	ConnectionReports = []string{DeliveryConnected, DeliveryFollows, DeliveryLost, DeliveryStopped}
	ReaderReports     = append([]string{DeliveryRan}, ConnectionReports...)
)

// Lease is how long a reader that follows is believed after it said so last. It
// says so three times in that time, so that one report that is late does no
// harm, and a reader that died is found out within seconds.
const Lease = 15 * time.Second

// Reports reports whether the delivery is a reader's report of itself.
func (d *Delivery) Reports() bool { return slices.Contains(ReaderReports, d.Type) }
