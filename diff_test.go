package whatchanged

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	for _, tt := range []struct {
		name, before, after string
		want                []string
	}{
		{"equal", `{"a":1}`, `{"a":1}`, nil},
		{"the order of keys is no difference", `{"a":1,"b":2}`, `{"b":2,"a":1}`, nil},
		{"nor is the spelling of a number", `{"a":1.0}`, `{"a":1e0}`, nil},
		{"big integers keep all digits", `9007199254740993`, `9007199254740992`, []string{"replace  9007199254740993 → 9007199254740992"}},
		{"a value", `{"a":1}`, `{"a":2}`, []string{"replace /a 1 → 2"}},
		{"a key comes and one goes", `{"a":1}`, `{"b":1}`, []string{"remove /a 1 → ", "add /b  → 1"}},
		{"deep", `{"a":{"b":[1,2]}}`, `{"a":{"b":[1,3]}}`, []string{"replace /a/b/1 2 → 3"}},
		{"an insertion is one edit", `[1,2,3]`, `[1,9,2,3]`, []string{"add /1  → 9"}},
		{"a removal is one edit", `[1,2,3]`, `[1,3]`, []string{"remove /1 2 → "}},
		{"null is a value", `{"a":null}`, `{"a":1}`, []string{"replace /a null → 1"}},
		{"pointers escape", `{"a/b~c":1}`, `{"a/b~c":2}`, []string{"replace /a~1b~0c 1 → 2"}},
		{"no value before", ``, `true`, []string{"add   → true"}},
		{"no value after", `true`, ``, []string{"remove  true → "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, e := range Diff(Value(tt.before), Value(tt.after)) {
				got = append(got, fmt.Sprintf("%s %s %s → %s", e.Op, e.Path, e.Was, e.Value))
			}
			if tt.before == "" {
				got = nil
				for _, e := range Diff(nil, Value(tt.after)) {
					got = append(got, fmt.Sprintf("%s %s %s → %s", e.Op, e.Path, e.Was, e.Value))
				}
			}
			if tt.after == "" {
				got = nil
				for _, e := range Diff(Value(tt.before), nil) {
					got = append(got, fmt.Sprintf("%s %s %s → %s", e.Op, e.Path, e.Was, e.Value))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestDiffPatches applies diffs of random documents, one edit after the other
// as RFC 6902 says, and wants the second document.
func TestDiffPatches(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, b := document(r, 3), document(r, 3)
		got := a
		for _, e := range Diff(ValueOf(a), ValueOf(b)) {
			got = apply(t, got, e)
		}
		if !reflect.DeepEqual(normal(got), normal(b)) {
			t.Fatalf("seed %d: the diff of %s and %s gives %s", seed, ValueOf(a), ValueOf(b), ValueOf(got))
		}
	}
}

func document(r *rand.Rand, depth int) any {
	switch n := r.IntN(6); {
	case n < 2 && depth > 0:
		m := map[string]any{}
		for range r.IntN(4) {
			m[string(rune('a'+r.IntN(4)))] = document(r, depth-1)
		}
		return m
	case n < 4 && depth > 0:
		s := []any{}
		for range r.IntN(4) {
			s = append(s, document(r, depth-1))
		}
		return s
	}
	return float64(r.IntN(3))
}

func apply(t *testing.T, doc any, e Edit) any {
	t.Helper()
	if e.Path == "" {
		return e.Value.Decode()
	}
	path := strings.Split(e.Path[1:], "/")
	return edit(doc, path, e)
}

func edit(doc any, path []string, e Edit) any {
	switch d := doc.(type) {
	case map[string]any:
		if len(path) > 1 {
			d[path[0]] = edit(d[path[0]], path[1:], e)
		} else if e.Op == "remove" {
			delete(d, path[0])
		} else {
			d[path[0]] = e.Value.Decode()
		}
		return d
	case []any:
		i, _ := strconv.Atoi(path[0])
		switch {
		case len(path) > 1:
			d[i] = edit(d[i], path[1:], e)
		case e.Op == "remove":
			d = slices.Delete(d, i, i+1)
		case e.Op == "add":
			d = slices.Insert(d, i, e.Value.Decode())
		default:
			d[i] = e.Value.Decode()
		}
		return d
	}
	return doc
}

func normal(v any) any {
	var out any
	b, _ := json.Marshal(v)
	_ = json.Unmarshal(b, &out)
	return out
}

func FuzzDiff(f *testing.F) {
	f.Add(`{"a":[1,2]}`, `{"a":[2]}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		x, errx := ParseValue([]byte(a))
		y, erry := ParseValue([]byte(b))
		if errx != nil || erry != nil {
			return
		}
		if len(Diff(x, x)) != 0 {
			t.Errorf("%s differs from itself", x)
		}
		Diff(x, y)
	})
}
