package ingest

import (
	"bytes"
	"errors"
	"strings"

	toml "github.com/pelletier/go-toml/v2"
)

// Formats of settings: TOML, environment files, Java properties and INI.

// errNested refuses what is nested so deeply that its parser, which calls
// itself, might not come back.
var errNested = errors.New("nested too deeply")

// maxBrackets bounds how many brackets may be open at once. Those in strings
// and comments are counted too, so it is far beyond what people write.
const maxBrackets = 500

func tomlFile(content []byte) ([]any, error) {
	open := 0
	for _, c := range content {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		}
		if open > maxBrackets {
			return nil, errNested
		}
	}
	var m map[string]any
	if err := toml.Unmarshal(content, &m); err != nil {
		return nil, err
	}
	return []any{jsonable(m)}, nil
}

// errNoKeys says that a file has no line of the form wanted.
var errNoKeys = errors.New("no key and value")

// envFile reads lines of NAME=VALUE; the quotes around a value are not part
// of it.
func envFile(content []byte) ([]any, error) {
	m := map[string]any{}
	for line := range strings.Lines(string(content)) {
		key, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if key = strings.TrimSpace(key); ok && key != "" && key[0] != '#' {
			m[key] = unquoted(strings.TrimSpace(value))
		}
	}
	return keyed(m, content)
}

func unquoted(s string) string {
	if n := len(s) - 1; n > 0 && s[0] == s[n] && (s[0] == '"' || s[0] == '\'') {
		return s[1:n]
	}
	return s
}

// propertiesFile reads lines of key=value, key: value or key value, which may
// go on in the next line after a backslash.
func propertiesFile(content []byte) ([]any, error) {
	m := map[string]any{}
	var before string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if before == "" && (line == "" || line[0] == '#' || line[0] == '!') {
			continue
		}
		line = before + line
		if before = ""; oddBackslashes(line) {
			before = strings.TrimSuffix(line, `\`)
			continue
		}
		key, value := property(line)
		m[key] = value
	}
	if before != "" {
		key, value := property(before)
		m[key] = value
	}
	return keyed(m, content)
}

func oddBackslashes(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

var propertyEscapes = strings.NewReplacer(`\\`, `\`, `\ `, " ", `\:`, ":", `\=`, "=")

func property(line string) (key, value string) {
	key, value = cutProperty(line)
	return propertyEscapes.Replace(key), propertyEscapes.Replace(value)
}

// cutProperty cuts at the first separator that no backslash stands before.
func cutProperty(line string) (key, value string) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '=', ':':
			return strings.TrimSpace(line[:i]), strings.TrimSpace(line[i+1:])
		case ' ', '\t':
			rest := strings.TrimSpace(line[i:])
			if strings.HasPrefix(rest, "=") || strings.HasPrefix(rest, ":") {
				rest = rest[1:]
			}
			return line[:i], strings.TrimSpace(rest)
		}
	}
	return line, ""
}

// iniFile reads sections of key=value; the keys before the first section stand
// beside the sections.
func iniFile(content []byte) ([]any, error) {
	all := map[string]any{}
	section := all
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if name, ok := strings.CutSuffix(line, "]"); ok && line[0] == '[' {
			section = map[string]any{}
			if known, ok := all[name[1:]].(map[string]any); ok {
				section = known
			}
			all[name[1:]] = section
			continue
		}
		key, value := line, any(nil)
		if i := strings.IndexAny(line, "=:"); i >= 0 {
			key, value = strings.TrimSpace(line[:i]), unquoted(strings.TrimSpace(line[i+1:]))
		}
		section[key] = value
	}
	return keyed(all, content)
}

// keyed returns the keys of a file as its document; a file without any says
// nothing, unless it is empty, in this format.
func keyed(m map[string]any, content []byte) ([]any, error) {
	if len(m) == 0 && len(bytes.TrimSpace(content)) > 0 {
		return nil, errNoKeys
	}
	return []any{m}, nil
}
