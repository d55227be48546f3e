package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"whatchanged.dev/whatchanged"
)

// Bounds of a catalog file. A file is read as nodes, in which an alias is one
// pointer, so that a few aliases of aliases cannot become a billion values.
const (
	maxDocuments  = 10_000
	maxListed     = 1000   // entries of one list of a declaration
	maxYAMLDepth  = 64     // of a file that is read whole
	maxYAMLValues = 50_000 // of a file that is read whole
)

// A yamlNode is a value in a YAML document and knows its line. The zero
// yamlNode says nothing.
type yamlNode struct{ n *yaml.Node }

// yamlDocuments returns the documents of a file that say something. Those
// before a fault are returned with the error.
func yamlDocuments(content []byte) (docs []yamlNode, err error) {
	defer func() {
		if r := recover(); r != nil { // the parser has panicked on hostile input before
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	for d := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var n yaml.Node
		switch err := d.Decode(&n); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return docs, err
		case len(docs) == maxDocuments:
			return docs, fmt.Errorf("line %d: more than %d documents; split the file", n.Line, maxDocuments)
		}
		if doc := (yamlNode{&n}); doc.kind() != 0 {
			docs = append(docs, doc)
		}
	}
}

// real follows an alias, or enters a document.
func (y yamlNode) real() *yaml.Node {
	n := y.n
	if n != nil && n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// kind is that of what is there, and 0 for nothing and for null.
func (y yamlNode) kind() yaml.Kind {
	n := y.real()
	if n == nil || n.Kind == yaml.DocumentNode || n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return 0
	}
	return n.Kind
}

// line is that of the text; what an alias stands for is elsewhere.
func (y yamlNode) line() int {
	n := y.n
	if n != nil && n.Kind == yaml.DocumentNode {
		n = y.real()
	}
	if n == nil {
		return 0
	}
	return n.Line
}

// at returns a field of a mapping.
func (y yamlNode) at(path ...string) yamlNode {
	for _, key := range path {
		if y.kind() != yaml.MappingNode {
			return yamlNode{}
		}
		fields := y.real().Content
		y = yamlNode{}
		for i := 0; i+1 < len(fields); i += 2 {
			if fields[i].Value == key {
				y = yamlNode{fields[i+1]}
			}
		}
	}
	return y
}

// text returns a scalar, "" for anything else.
func (y yamlNode) text() string {
	if y.kind() != yaml.ScalarNode {
		return ""
	}
	return y.real().Value
}

// list returns the entries of a list, and one value as the only entry.
func (y yamlNode) list() []yamlNode {
	switch y.kind() {
	case 0:
		return nil
	case yaml.SequenceNode:
		content := y.real().Content
		all := make([]yamlNode, 0, min(len(content), maxListed))
		for _, n := range content[:min(len(content), maxListed)] {
			all = append(all, yamlNode{n})
		}
		return all
	}
	return []yamlNode{y}
}

// texts returns the scalars in a mapping.
func (y yamlNode) texts() map[string]string {
	if y.kind() != yaml.MappingNode {
		return nil
	}
	fields, all := y.real().Content, map[string]string{}
	for i := 0; i+1 < len(fields) && len(all) < maxListed; i += 2 {
		if v := (yamlNode{fields[i+1]}); v.kind() == yaml.ScalarNode {
			all[fields[i].Value] = v.text()
		}
	}
	return all
}

// errYAMLSize refuses a document that would become too much.
var errYAMLSize = whatchanged.Errorf(whatchanged.CodeTooLarge, "holds more than %d values, or is nested more than %d deep, with what its aliases stand for", maxYAMLValues, maxYAMLDepth)

// value returns the whole of y as values of JSON, numbers as [json.Number]
// would have them. Budget is how many values there may be.
func (y yamlNode) value(budget *int, depth int) (any, error) {
	if *budget--; *budget < 0 || depth > maxYAMLDepth {
		return nil, errYAMLSize
	}
	switch y.kind() {
	case yaml.MappingNode:
		fields, m := y.real().Content, map[string]any{}
		for i := 0; i+1 < len(fields); i += 2 {
			key := fields[i].Value
			if _, twice := m[key]; twice {
				return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s is there twice, again in line %d", quote(key), fields[i].Line)
			}
			v, err := yamlNode{fields[i+1]}.value(budget, depth+1)
			if err != nil {
				return nil, err
			}
			m[key] = v
		}
		return m, nil
	case yaml.SequenceNode:
		all := []any{}
		for _, n := range y.real().Content {
			v, err := yamlNode{n}.value(budget, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		return all, nil
	case yaml.ScalarNode:
		var v any
		if err := y.real().Decode(&v); err != nil {
			return y.text(), nil
		}
		return jsonable(v), nil
	}
	return nil, nil
}

// lineAt returns the line of what a path of keys and indices leads to, or of
// the last thing on the way that is there.
func (y yamlNode) lineAt(path []string) int {
	line := y.line()
	for _, key := range path {
		next := y.at(key)
		if i, err := strconv.Atoi(key); err == nil && y.kind() == yaml.SequenceNode && i < len(y.real().Content) {
			next = yamlNode{y.real().Content[i]}
		}
		if next.n == nil {
			break
		}
		y, line = next, next.line()
	}
	return line
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(?:(?s)(.*))`)

// yamlFault takes the line out of what the parser says.
func yamlFault(file string, err error) (at, text string) {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m[1] == "" {
		return file, m[2]
	}
	return file + ":" + m[1], m[2]
}
