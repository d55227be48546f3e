package ingest

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"whatchanged.dev/whatchanged"
)

// hidden reports whether a rune shows nothing, or changes what is shown around
// it: control characters, the marks of writing direction, zero-width
// characters, and the tags and variation selectors in which text can be
// smuggled past a reader.
func hidden(c rune) bool {
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || c == '\u034f' || c == '\u3164' || c == '\uffa0' ||
		c == '\u115f' || c == '\u1160' || c >= 0xe0000 && c <= 0xe0fff
}

// plain returns text from outside on one line, without hidden characters, and
// at most limit bytes long.
func plain(s string, limit int) string {
	if len(s) <= limit && plainASCII(s) {
		return s
	}
	if len(s) > 4*limit {
		s = s[:4*limit] // enough, whatever is taken out
	}
	s = strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\r' || c == '\t' || c == '\u2028' || c == '\u2029':
			return ' '
		case hidden(c):
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = strings.TrimSpace(s)
	if len(s) <= limit {
		return s
	}
	const more = "…"
	cut := limit - len(more)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + more
}

// plainASCII reports whether text is plain already, as nearly all of it is.
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// shown returns a value in which every hidden character is spelled as an
// escape: it is still the same value, and a zero-width space that broke
// something can be seen.
func shown(v whatchanged.Value) whatchanged.Value {
	if len(v) == 0 || !strings.ContainsFunc(string(v), mustEscape) {
		return v
	}
	var b strings.Builder
	for _, c := range strings.ToValidUTF8(string(v), "\ufffd") {
		switch {
		case !mustEscape(c):
			b.WriteRune(c)
		case c > 0xffff:
			c -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return whatchanged.Value(b.String())
}

func mustEscape(c rune) bool { return c >= utf8.RuneSelf && (hidden(c) || c == utf8.RuneError) }
