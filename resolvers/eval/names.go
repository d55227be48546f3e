package eval

import (
	"fmt"
	"strings"
	"unicode"
)

// entityName spells a name, in which case counts, as a part of a reference, in
// which it does not: "^" stands before what was upper case. Itself, and what
// may not stand there, is written as its code: ^5e; for example.
func entityName(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == '^' || unicode.IsSpace(r) || !unicode.IsPrint(r):
			fmt.Fprintf(&b, "^%x;", r)
		case unicode.ToLower(r) != r:
			b.WriteString("^" + string(unicode.ToLower(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
