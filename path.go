package whatchanged

import (
	"slices"
	"strconv"
	"strings"
)

// A Path leads into a [Value]: keys of objects and indices of arrays. The
// empty Path is the whole.
type Path []string

// ParsePath reads a JSON Pointer (RFC 6901) such as "/limits/0/rate", or the
// dotted form of it, as in "limits[0].rate". The empty text is the whole.
func ParsePath(s string) (Path, error) {
	if s == "" {
		return nil, nil
	}
	if rest, ok := strings.CutPrefix(s, "/"); ok {
		path := Path(strings.Split(rest, "/"))
		for i := range path {
			path[i] = pointerKey.Replace(path[i])
		}
		return path, nil
	}
	path := Path(strings.Split(strings.TrimPrefix(indices.Replace(s), "."), "."))
	if slices.Contains(path, "") {
		return nil, Errorf(CodeInvalidArgument, "%q: want a JSON Pointer such as /limits/0/rate, or limits[0].rate", s)
	}
	return path, nil
}

var (
	pointerKey = strings.NewReplacer("~1", "/", "~0", "~")
	indices    = strings.NewReplacer(".[", ".", "[", ".", "]", "")
)

// String returns the JSON Pointer.
func (p Path) String() string {
	var b strings.Builder
	for _, key := range p {
		b.WriteString("/" + escape(key))
	}
	return b.String()
}

// In returns what stands at the path in a value, no value when nothing does.
func (p Path) In(v Value) Value {
	if len(p) == 0 || v == nil {
		return v
	}
	at := v.Decode()
	for _, key := range p {
		switch in := at.(type) {
		case map[string]any:
			next, ok := in[key]
			if !ok {
				return nil
			}
			at = next
		case []any:
			i, err := strconv.ParseUint(key, 10, 31)
			if err != nil || int(i) >= len(in) {
				return nil
			}
			at = in[i]
		default:
			return nil
		}
	}
	return jsonOf(at)
}
