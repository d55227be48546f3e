package changelog

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"whatchanged.dev/whatchanged"
)

// A stored message is one zstd frame. Unpacked, its first line is the delivery
// as JSON, events included, without its body and without what only the log
// knows: sequence, times of arrival and positions. After the newline the body
// follows as it is, because base64 in JSON would be a third larger and would
// hide from compression what body and events have in common.
//
// The message's subject is always the same. Its Nats-Msg-Id header is its
// [key], by which JetStream recognises a redelivery.

// maxUnpacked bounds what a message may unpack to; it guards against a
// damaged or foreign message, not against large deliveries.
const maxUnpacked = 256 << 20

func codec() (*zstd.Encoder, *zstd.Decoder, error) {
	pack, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return nil, nil, err
	}
	unpack, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnpacked))
	return pack, unpack, err
}

// key names a delivery by what it says, not by how it came: the source and the
// identities of its events, in any order. A delivery that tells of no event is
// named by what became of it and its body.
func key(d whatchanged.Delivery) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", d.Source)
	for _, id := range identities(d) {
		fmt.Fprintf(h, "%q\n", id)
	}
	if len(d.Events) == 0 {
		fmt.Fprintf(h, "%s\n%x", d.Outcome, sha256.Sum256(d.Body))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

func identities(d whatchanged.Delivery) []string {
	ids := make([]string, len(d.Events))
	for i := range d.Events {
		ids[i] = d.Events[i].Identity()
	}
	slices.Sort(ids)
	return ids
}

// encode returns the stored form of d.
func (l *Log) encode(d whatchanged.Delivery) ([]byte, error) {
	body := d.Body
	d.Body, d.Sequence, d.ReceivedAt = nil, 0, time.Time{}
	var plain bytes.Buffer
	to := json.NewEncoder(&plain) // which ends with a newline
	to.SetEscapeHTML(false)       // values come back as they were
	if err := to.Encode(d); err != nil {
		return nil, err
	}
	plain.Write(body)
	return l.pack.EncodeAll(plain.Bytes(), nil), nil
}

// decode returns what encode stored, and how large it was unpacked.
func (l *Log) decode(stored []byte) (d whatchanged.Delivery, size int, err error) {
	plain, err := l.unpack.DecodeAll(stored, nil)
	if err != nil {
		return d, 0, err
	}
	line, body, ok := bytes.Cut(plain, []byte{'\n'})
	if !ok {
		return d, 0, errors.New("no delivery in the message")
	}
	if err = json.Unmarshal(line, &d); err != nil {
		return d, 0, err
	}
	d.Body = body
	return d, len(plain), nil
}

// delivery returns the delivery stored as message sequence, with everything
// that the log itself gives it. A message that cannot be read becomes a
// rejected delivery, the same for every reader: it must neither stop the log
// nor vanish. Its events are shared with other readers: see recent.
func (l *Log) delivery(sequence uint64, at time.Time, stored []byte) whatchanged.Delivery {
	return l.recent.delivery(sequence, func() (whatchanged.Delivery, int) {
		d, size, err := l.decode(stored)
		if err != nil {
			l.config.Logger.Error("stored delivery cannot be read", "sequence", sequence, "error", err)
			d = whatchanged.Delivery{Source: "unknown", Outcome: whatchanged.Rejected, Reason: "the stored delivery cannot be read"}
		}
		stamp(&d, sequence, at)
		return d, size
	})
}

// stamp gives a delivery and its events their place and time. An event whose
// source told no time took effect when we learned of it.
func stamp(d *whatchanged.Delivery, sequence uint64, at time.Time) {
	d.Sequence, d.ReceivedAt = sequence, whatchanged.Canonical(at)
	for i := range d.Events {
		e := &d.Events[i]
		e.Position = whatchanged.Position{Sequence: sequence, Index: uint32(i)}
		e.SeenAt = d.ReceivedAt
		if e.Clock == whatchanged.ArrivalClock {
			e.EffectiveAt = e.SeenAt
		}
	}
}
