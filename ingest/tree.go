package ingest

import (
	"encoding/json"
	"strings"

	"whatchanged.dev/whatchanged"
)

// A node is one JSON value and where its text stands, so that parts of a body
// can be replaced and all else stays as the sender wrote it.
type node struct {
	kind       byte // '{', '[', '"', 't' or 'f', 'n', or '0' for a number
	start, end int
	key        string // in an object
	children   []node
}

// text returns the string a node of kind '"' stands for.
func (n *node) text(body []byte) string {
	raw := body[n.start:n.end]
	plain := raw[1 : len(raw)-1]
	for _, c := range plain {
		if c == '\\' || c >= 0x80 {
			var s string
			_ = json.Unmarshal(raw, &s) // the body is valid
			return s
		}
	}
	return string(plain)
}

// errNotJSON says that a body is not JSON at all; it may be another format.
var errNotJSON = whatchanged.Errorf(whatchanged.CodeInvalidArgument, "body is not JSON")

// parse reads a body within limits.
func parse(body []byte, l Limits) (node, error) {
	if !json.Valid(body) {
		if tooDeepToRead(body) {
			return node{}, l.tooDeep()
		}
		return node{}, errNotJSON
	}
	p := parser{body: body, limits: l}
	return p.value(0)
}

func (l Limits) tooDeep() error {
	return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "body is nested more than %d deep", l.Depth)
}

// tooDeepToRead reports whether a body that encoding/json does not take is
// nested beyond what it reads, which says so in words alone.
func tooDeepToRead(body []byte) bool {
	var raw json.RawMessage
	err := json.Unmarshal(body, &raw)
	return err != nil && strings.Contains(err.Error(), "exceeded max depth")
}

// A parser reads text that is known to be JSON; it only finds where values
// begin and end.
type parser struct {
	body   []byte
	at     int
	values int
	limits Limits
}

func (p *parser) space() {
	for p.at < len(p.body) {
		switch p.body[p.at] {
		case ' ', '\t', '\n', '\r', ',', ':':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) value(depth int) (n node, err error) {
	if depth > p.limits.Depth {
		return n, p.limits.tooDeep()
	}
	if p.values++; p.values > p.limits.Values {
		return n, whatchanged.Errorf(whatchanged.CodeTooLarge, "body holds more than %d values; send it in parts", p.limits.Values)
	}
	p.space()
	n.start = p.at
	switch c := p.body[p.at]; c {
	case '{', '[':
		n.kind = c
		err = p.inside(&n, depth)
	case '"':
		n.kind = c
		p.quoted()
	case 't', 'f', 'n':
		n.kind = c
		p.bare()
	default:
		n.kind = '0'
		p.bare()
	}
	n.end = p.at
	return n, err
}

func (p *parser) inside(n *node, depth int) error {
	p.at++
	for p.space(); p.body[p.at] != ']' && p.body[p.at] != '}'; p.space() {
		var key string
		if n.kind == '{' {
			k := node{kind: '"', start: p.at}
			p.quoted()
			k.end = p.at
			key = k.text(p.body)
		}
		child, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		child.key = key
		n.children = append(n.children, child)
	}
	p.at++
	return nil
}

func (p *parser) quoted() {
	for p.at++; p.body[p.at] != '"'; p.at++ {
		if p.body[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
}

func (p *parser) bare() {
	for p.at < len(p.body) {
		switch p.body[p.at] {
		case ' ', '\t', '\n', '\r', ',', ']', '}':
			return
		}
		p.at++
	}
}
