package ingest

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/url"
	"os"
	"regexp"
	"strings"

	"whatchanged.dev/whatchanged"
)

// A redactor replaces what looks like a secret by a keyed hash with the
// secret's length: "redacted:1f0c9a…:len=40". Equal secrets become equal, so
// that "changed" and "the same in both regions" can still be said; without
// the key nothing can be guessed and tried.
//
// A value is taken for a secret by the name it stands under (secretName), by
// the name of the thing whose value it is ("name": "DB_PASSWORD", "value":
// …), or by its own look (secretLooks). Everything else keeps the sender's
// bytes. What cannot be parsed is scanned as text.
type redactor struct {
	key    []byte
	limits Limits
}

// Cleaner returns what replaces secrets, with a key as [RedactKey] returns it,
// in text or JSON that is to be logged. Hidden characters are left out.
func Cleaner(key []byte) func(text string) string {
	r := redactor{key: key, limits: Limits{}.withDefaults()}
	return func(text string) string {
		clean, _ := r.body("", []byte(text), "") // nothing, of what is too much to look through
		return plain(string(clean), len(text)+len(clean))
	}
}

// RedactKey returns the key kept in a file, 32 random bytes that only the
// owner may read, and makes the file if there is none. Who loses it loses the
// comparison of old secrets with new ones, and nothing else.
func RedactKey(file string) ([]byte, error) {
	key, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return newRedactKey(file)
	}
	if err == nil && len(key) != sha256.Size {
		err = fmt.Errorf("redaction key %s: %d bytes, want %d", file, len(key), sha256.Size)
	}
	return key, err
}

func newRedactKey(file string) ([]byte, error) {
	key := make([]byte, sha256.Size)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(key)
	return key, errors.Join(err, f.Sync(), f.Close())
}

var redacted = regexp.MustCompile(`^redacted:[0-9a-f]{16}:len=\d+$`)

// hash is what stands in place of a secret. A secret that was replaced before
// stays as it is, and so do words that cannot be secret.
func (r *redactor) hash(secret string) string {
	switch strings.ToLower(secret) {
	case "", "true", "false", "on", "off", "yes", "no", "none", "null", "enabled", "disabled":
		return secret
	}
	if redacted.MatchString(secret) {
		return secret
	}
	m := hmac.New(sha256.New, r.key)
	m.Write([]byte(secret))
	return "redacted:" + hex.EncodeToString(m.Sum(nil)[:8]) + fmt.Sprintf(":len=%d", len(secret))
}

// body redacts a body as it came; named is what its envelope says it is about.
// With an error, the body goes beyond the limits. What is returned is redacted
// all the same, or nothing when there is too much to look through.
func (r *redactor) body(contentType string, body []byte, named string) ([]byte, error) {
	if t, _, _ := mime.ParseMediaType(contentType); t == "application/x-www-form-urlencoded" {
		if form, err := url.ParseQuery(string(body)); err == nil {
			return r.form(form)
		}
	}
	out, err := r.json(body, secretName(named))
	switch {
	case errors.Is(err, whatchanged.ErrTooLarge):
		return nil, err
	case errors.Is(err, errNotJSON): // its source will say what it wants
		return []byte(r.text(string(body))), nil
	case err != nil:
		return []byte(r.text(string(body))), err
	}
	return out, nil
}

func (r *redactor) form(form url.Values) ([]byte, error) {
	for name, values := range form {
		for i, v := range values {
			if secretName(name) {
				values[i] = r.hash(v)
				continue
			}
			inner, err := r.body("", []byte(v), name)
			if err != nil {
				return nil, err
			}
			values[i] = string(inner)
		}
	}
	return []byte(form.Encode()), nil
}

// value redacts the value of an entity or field of the given name.
func (r *redactor) value(v whatchanged.Value, name string) whatchanged.Value {
	if len(v) == 0 {
		return v
	}
	tree, err := parse(v, r.limits)
	if err != nil {
		return whatchanged.ValueOf(r.hash(string(v))) // beyond what can be looked through
	}
	w := walk{redactor: r, body: v}
	w.value(&tree, secretName(name), false)
	return w.out()
}

func (r *redactor) json(body []byte, named bool) ([]byte, error) {
	tree, err := parse(body, r.limits)
	if err != nil {
		return nil, err
	}
	w := walk{redactor: r, body: body}
	w.value(&tree, false, named)
	return w.out(), nil
}

// A walk goes through one body and notes what to replace.
type walk struct {
	*redactor
	body   []byte
	done   int // what has been copied to buf
	buf    bytes.Buffer
	judged map[string]bool // whether keys name secrets: a batch has the same again and again
}

func (w *walk) secretKey(key string) bool {
	secret, ok := w.judged[key]
	if !ok {
		if w.judged == nil {
			w.judged = map[string]bool{}
		}
		secret = secretName(key)
		w.judged[key] = secret
	}
	return secret
}

func (w *walk) out() []byte {
	if w.done == 0 {
		return w.body
	}
	w.buf.Write(w.body[w.done:])
	return w.buf.Bytes()
}

func (w *walk) replace(n *node, with string) {
	w.buf.Write(w.body[w.done:n.start])
	w.buf.Write(whatchanged.ValueOf(with))
	w.done = n.end
}

// value redacts n. It is secret when it stands under a secret's name; named
// says that something around it names a secret whose value may be within.
func (w *walk) value(n *node, secret, named bool) {
	switch n.kind {
	case '{':
		w.object(n, secret, named)
	case '[':
		for i := range n.children {
			w.value(&n.children[i], secret, named)
		}
	case '0':
		if secret {
			w.replace(n, w.hash(string(w.body[n.start:n.end])))
		}
	case '"':
		s := n.text(w.body)
		if t := w.string(s, n.key, secret); t != s {
			w.replace(n, t)
		}
	}
}

func (w *walk) object(n *node, secret, named bool) {
	kubernetes := false
	for i := range n.children {
		if c := &n.children[i]; c.kind == '"' {
			s := c.text(w.body)
			named = named || naming[c.key] && secretName(s)
			kubernetes = kubernetes || c.key == "kind" && s == "Secret"
		}
	}
	for i := range n.children {
		c := &n.children[i]
		mine := secret || w.secretKey(c.key) && !(c.kind == '0' && countable(c.key)) ||
			named && valued[c.key] || kubernetes && (c.key == "data" || c.key == "stringData")
		w.value(c, mine, named)
	}
}

func (w *walk) string(s, key string, secret bool) string {
	if secret {
		return w.hash(s)
	}
	if key == "data_base64" { // how a CloudEvent carries what it does not show
		return w.encoded(s)
	}
	if t := strings.TrimSpace(s); strings.HasPrefix(t, "{") || strings.HasPrefix(t, "[") { // JSON in a string
		if out, err := w.json([]byte(s), false); err == nil {
			return string(out)
		}
	}
	return w.text(s)
}

// encoded redacts what is carried in base64. What cannot be looked through is
// replaced as a whole; its source will refuse it.
func (r *redactor) encoded(s string) string {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return r.hash(s)
	}
	switch out, err := r.body("", b, ""); {
	case err != nil:
		return r.hash(s)
	case !bytes.Equal(out, b):
		return base64.StdEncoding.EncodeToString(out)
	}
	return s
}

// text redacts what looks like a secret in text.
func (r *redactor) text(s string) string {
	if !mayHide(s) {
		return s
	}
	lower := strings.ToLower(s)
	for _, l := range secretLooks {
		if l.in(lower) {
			s = replaceGroup(l.re, s, r.hash)
		}
	}
	return s
}

// replaceGroup replaces the first group of each match, or the whole match of
// an expression without groups.
func replaceGroup(re *regexp.Regexp, s string, with func(string) string) string {
	all := re.FindAllStringSubmatchIndex(s, -1)
	if all == nil {
		return s
	}
	var b strings.Builder
	done := 0
	for _, m := range all {
		from, to := m[0], m[1]
		if len(m) > 2 && m[2] >= 0 {
			from, to = m[2], m[3]
		}
		b.WriteString(s[done:from])
		quoted := strings.Trim(s[from:to], `"'`)
		b.WriteString(strings.Replace(s[from:to], quoted, with(quoted), 1))
		done = to
	}
	b.WriteString(s[done:])
	return b.String()
}
