package resolvers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A cursor pins a further page to what the first one saw. It is not signed:
// all it says is checked again, and it opens nothing that the viewer could not
// ask for.
//
// It is written as short as it goes, since assistants read it: its fields
// joined by dots, numbers to the base of 36, times in microseconds since 1970.
type cursor struct {
	Key     string // of the question and its arguments
	KnownAt whatchanged.Position
	From    time.Time
	To      time.Time
	Onset   time.Time
	AsOf    time.Time
	Offset  int // items on the pages before
}

// String writes c for [parseCursor].
func (c cursor) String() string {
	parts := []string{c.Key}
	for _, n := range []int64{int64(c.KnownAt.Sequence), int64(c.KnownAt.Index), c.From.UnixMicro(), c.To.UnixMicro(), c.Onset.UnixMicro(), c.AsOf.UnixMicro(), int64(c.Offset)} {
		parts = append(parts, strconv.FormatInt(n, 36))
	}
	return strings.Join(parts, ".")
}

// parseCursor reads what String wrote, and tells whether it could have.
func parseCursor(text string) (c cursor, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 8 {
		return c, false
	}
	var n [7]int64
	for i, p := range parts[1:] {
		var err error
		if n[i], err = strconv.ParseInt(p, 36, 64); err != nil {
			return c, false
		}
	}
	c = cursor{Key: parts[0], KnownAt: whatchanged.Position{Sequence: uint64(n[0]), Index: uint32(n[1])},
		From: time.UnixMicro(n[2]), To: time.UnixMicro(n[3]), Onset: time.UnixMicro(n[4]), AsOf: time.UnixMicro(n[5]), Offset: int(n[6])}
	return c, n[0] >= 0 && n[1] >= 0 && n[1] <= math.MaxUint32 && c.sound()
}

// cursorKey names a question with its arguments, paging left out: the page
// size may change between pages.
func cursorKey(question string, in any) string {
	b, _ := json.Marshal(in) // inputs are plain data
	var args map[string]any
	_ = json.Unmarshal(b, &args)
	delete(args, "cursor")
	delete(args, "limit")
	delete(args, "after")
	b, _ = json.Marshal(args)
	sum := sha256.Sum256(append([]byte(question+" "), b...))
	return hex.EncodeToString(sum[:6])
}

// cursorAt returns the cursor of the page that begins at offset.
func (a *asking) cursorAt(offset int) *string {
	s := cursor{Key: cursorKey(a.question, a.in), KnownAt: a.view.KnownAt, From: a.interval.From, To: a.interval.To,
		Onset: a.onset, AsOf: a.view.AsOf, Offset: offset}.String()
	return &s
}

// resume continues where the page before ended, in the same view.
func (a *asking) resume(text string) error {
	c, ok := parseCursor(text)
	if !ok {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "not a cursor of ours: want the cursor of an answer, unchanged").In("cursor")
	}
	if c.Key != cursorKey(a.question, a.in) {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "the cursor belongs to a question with other arguments: want the same arguments as for the first page").In("cursor")
	}
	if c.KnownAt.Compare(a.watermark.Position) > 0 {
		return whatchanged.Errorf(whatchanged.CodeCursorExpired, "the cursor is of another log; start again without it").In("cursor")
	}
	a.view.KnownAt, a.view.AsOf = c.KnownAt, whatchanged.Canonical(c.AsOf)
	a.interval = whatchanged.Interval{From: whatchanged.Canonical(c.From), To: whatchanged.Canonical(c.To)}
	a.onset, a.offset = whatchanged.Canonical(c.Onset), c.Offset
	return nil
}

// sound reports whether c could be one of ours.
func (c cursor) sound() bool {
	return c.Offset >= 0 && c.Offset <= maxCandidates && c.From.Before(c.To) &&
		!slices.ContainsFunc([]time.Time{c.From, c.To, c.Onset, c.AsOf}, func(t time.Time) bool { return !whatchanged.Always.Contains(t) })
}

// page bounds the items [offset, offset+limit) of n, and says whether more
// follow.
func (a *asking) page(n, limit int) (from, to int, more bool) {
	from = min(a.offset, n)
	to = min(from+limit, n)
	return from, to, to < n
}

// checkLimit refuses a page size out of bounds.
func checkLimit(limit, most int) error {
	if limit < 1 || limit > most {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%d: want 1 to %d, such as 20", limit, most).In("limit")
	}
	return nil
}
