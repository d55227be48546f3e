package whatchanged

import (
	"bytes"
	"encoding/json"
)

// A Value is any JSON value, in compact form; nil is no value, which differs
// from the JSON null.
type Value []byte

// ParseValue checks that b is one JSON value and returns it compact. Empty
// text is no value.
func ParseValue(b []byte) (Value, error) {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, nil
	}
	var buf bytes.Buffer
	if err := json.Compact(&buf, b); err != nil {
		return nil, Errorf(CodeInvalidArgument, "value is not JSON: %w", err)
	}
	return buf.Bytes(), nil
}

// ValueOf returns v as a Value. What JSON cannot say becomes no value.
func ValueOf(v any) Value {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if v == nil || enc.Encode(v) != nil {
		return nil
	}
	return bytes.TrimSpace(buf.Bytes())
}

// Decode returns v as Go values, numbers as json.Number so that none loses
// digits. No value decodes to nil.
func (v Value) Decode() any {
	if len(v) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(v))
	d.UseNumber()
	var out any
	if d.Decode(&out) != nil {
		return nil
	}
	return out
}

// String returns the JSON text, "" for no value.
func (v Value) String() string { return string(v) }

// MarshalJSON writes v as it stands, null for no value.
func (v Value) MarshalJSON() ([]byte, error) {
	if len(v) == 0 {
		return []byte("null"), nil
	}
	return v, nil
}

// UnmarshalJSON keeps b compact; a JSON null becomes no value.
func (v *Value) UnmarshalJSON(b []byte) (err error) {
	if bytes.Equal(bytes.TrimSpace(b), []byte("null")) {
		*v = nil
		return nil
	}
	*v, err = ParseValue(b)
	return err
}
