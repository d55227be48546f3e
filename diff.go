package whatchanged

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// An Edit is one operation of a JSON Patch (RFC 6902): "add", "remove" or
// "replace" at a JSON Pointer (RFC 6901). Was is what stood there before, for
// a person to read; RFC 6902 readers ignore it.
type Edit struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value Value  `json:"value"`
	Was   Value  `json:"was"`
}

// maxEdits bounds a diff. Beyond it, one edit replaces the whole.
const maxEdits = 1000

// Diff returns the edits that turn before into after. The order of the keys
// of an object and the spelling of numbers are not differences. No value on
// one side is an addition or a removal of the whole.
func Diff(before, after Value) []Edit {
	switch {
	case before == nil && after == nil:
		return nil
	case before == nil:
		return []Edit{{Op: "add", Value: after}}
	case after == nil:
		return []Edit{{Op: "remove", Was: before}}
	}
	var d differ
	d.value("", before.Decode(), after.Decode())
	if len(d.edits) > maxEdits {
		return []Edit{{Op: "replace", Value: after, Was: before}}
	}
	return d.edits
}

type differ struct{ edits []Edit }

func (d *differ) add(op, path string, was, is any) {
	e := Edit{Op: op, Path: path}
	if op != "add" {
		e.Was = jsonOf(was)
	}
	if op != "remove" {
		e.Value = jsonOf(is)
	}
	d.edits = append(d.edits, e)
}

// jsonOf is ValueOf, except that a nil inside a document is the JSON null.
func jsonOf(v any) Value {
	if v == nil {
		return Value("null")
	}
	return ValueOf(v)
}

func (d *differ) value(path string, a, b any) {
	if len(d.edits) > maxEdits {
		return
	}
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			d.object(path, a, b)
			return
		}
	case []any:
		if b, ok := b.([]any); ok {
			d.array(path, a, b)
			return
		}
	}
	if !same(a, b) {
		d.add("replace", path, a, b)
	}
}

func (d *differ) object(path string, a, b map[string]any) {
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[k]; !ok {
			d.add("remove", path+"/"+escape(k), a[k], nil)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(b)) {
		if was, ok := a[k]; ok {
			d.value(path+"/"+escape(k), was, b[k])
		} else {
			d.add("add", path+"/"+escape(k), nil, b[k])
		}
	}
}

// array keeps what is equal at both ends and compares the middle place by
// place, so that one insertion is one edit.
func (d *differ) array(path string, a, b []any) {
	start := 0
	for start < len(a) && start < len(b) && same(a[start], b[start]) {
		start++
	}
	enda, endb := len(a), len(b)
	for enda > start && endb > start && same(a[enda-1], b[endb-1]) {
		enda, endb = enda-1, endb-1
	}
	at := func(i int) string { return path + "/" + strconv.Itoa(i) }
	both := min(enda, endb)
	for i := start; i < both; i++ {
		d.value(at(i), a[i], b[i])
	}
	for i := enda - 1; i >= both; i-- { // from the end, so that indices hold
		d.add("remove", at(i), a[i], nil)
	}
	for i := both; i < endb; i++ {
		d.add("add", at(i), nil, b[i])
	}
}

// same compares decoded values; 1 and 1.0 are the same number.
func same(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(a, b)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	}
	return reflect.DeepEqual(a, b)
}

func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	if !strings.ContainsAny(string(a)+string(b), ".eE") {
		return false // integers, of any size
	}
	x, errx := a.Float64()
	y, erry := b.Float64()
	return errx == nil && erry == nil && x == y
}

// escape spells a key as a JSON Pointer token (RFC 6901, section 3).
func escape(key string) string { return pointerToken.Replace(key) }

var pointerToken = strings.NewReplacer("~", "~0", "/", "~1")
