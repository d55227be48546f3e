package changelog

import (
	"bytes"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

// TestWhatIsRememberedIsBoundedAsUnpacked: large deliveries that pack well are
// small as stored, and must not fill the memory.
func TestWhatIsRememberedIsBoundedAsUnpacked(t *testing.T) {
	pack, unpack, err := codec()
	if err != nil {
		t.Fatal(err)
	}
	l := &Log{pack: pack, unpack: unpack}
	stored, err := l.encode(whatchanged.Delivery{Source: "test", Body: bytes.Repeat([]byte(" "), 1<<20)})
	if err != nil {
		t.Fatal(err)
	}
	for sequence := range uint64(100) {
		l.delivery(sequence, time.Unix(0, 0), stored)
	}
	kept := 0
	for _, u := range l.recent.read {
		kept += len(u.delivery.Body)
	}
	if kept > maxRecent || kept < maxRecent/2 {
		t.Errorf("%d messages of %d bytes are remembered with %d bytes of bodies, want at most %d", len(l.recent.read), len(stored), kept, maxRecent)
	}
	var again bool
	l.recent.delivery(99, func() (whatchanged.Delivery, int) { again = true; return whatchanged.Delivery{}, 0 })
	if again {
		t.Error("the last one is unpacked again")
	}
}
