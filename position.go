package whatchanged

import (
	"cmp"
	"strconv"
	"strings"
)

// A Position is a place in the change log: the sequence number of a delivery
// and the index of an event within it. Positions only ever grow. What was
// known at a moment is what stands at or before a position, so knownAt,
// watermarks and cursors are positions. The text form is "pos:12.0".
type Position struct {
	Sequence uint64
	Index    uint32
}

const positionPrefix = "pos:"

// LastIndex is an index beyond every event of a delivery: the position
// {n, LastIndex} stands for the whole of delivery n.
const LastIndex = 1<<32 - 1

// ParsePosition parses the text form of a position.
func ParsePosition(s string) (Position, error) {
	rest, ok := strings.CutPrefix(s, positionPrefix)
	seq, idx, dotted := strings.Cut(rest, ".")
	p := Position{Index: LastIndex}
	var err error
	if p.Sequence, err = strconv.ParseUint(seq, 10, 64); err != nil || !ok {
		return Position{}, errPosition(s)
	}
	if !dotted {
		return p, nil // the whole of the delivery
	}
	i, err := strconv.ParseUint(idx, 10, 32)
	if err != nil {
		return Position{}, errPosition(s)
	}
	p.Index = uint32(i)
	return p, nil
}

func errPosition(s string) error {
	return Errorf(CodeInvalidArgument, "position %q: want pos:SEQUENCE or pos:SEQUENCE.INDEX, such as pos:1042.0", s)
}

// At returns the position that stands for the whole of delivery sequence.
func At(sequence uint64) Position { return Position{sequence, LastIndex} }

// Compare orders positions as the log does.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Sequence, q.Sequence), cmp.Compare(p.Index, q.Index))
}

// IsZero reports whether p lies before everything.
func (p Position) IsZero() bool { return p == Position{} }

// String returns the text form; the index is left out when p stands for a
// whole delivery.
func (p Position) String() string {
	s := positionPrefix + strconv.FormatUint(p.Sequence, 10)
	if p.Index == LastIndex {
		return s
	}
	return s + "." + strconv.FormatUint(uint64(p.Index), 10)
}

// MarshalText implements [encoding.TextMarshaler].
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Position) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePosition(string(b))
	return err
}
