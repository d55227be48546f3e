package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"whatchanged.dev/whatchanged"
)

// fileFormats are the formats that are read by key, by the ending of a file's
// name: what the file says, as values of JSON, one or several documents.
var fileFormats = map[string]func(content []byte) ([]any, error){
	".yaml": yamlFile, ".yml": yamlFile,
	".json": jsonFile,
	".toml": tomlFile,
	".tf":   hclFile, ".tfvars": hclFile, ".hcl": hclFile,
	".env": envFile, ".properties": propertiesFile, ".ini": iniFile,
}

// textExtensions are those of files that configure something and are kept as
// text.
var textExtensions = set(".conf", ".cfg", ".cue", ".jsonnet", ".libsonnet")

// isConfig reports whether the file of this path configures something. What
// tools write for themselves, and what belongs to others or to tests, does not.
func isConfig(file string) bool {
	dir, name := path.Split(strings.ToLower(file))
	for part := range strings.SplitSeq(dir, "/") {
		if part == "node_modules" || part == "vendor" || part == "testdata" {
			return false
		}
	}
	if strings.Contains(name, "-lock.") || strings.Contains(name, ".lock.") {
		return false
	}
	return fileFormats[formatOf(name)] != nil || textExtensions[path.Ext(name)] ||
		name == "dockerfile" || strings.HasPrefix(name, "dockerfile.") || strings.HasSuffix(name, ".dockerfile")
}

// formatOf returns the ending under which the format of a file is listed.
func formatOf(file string) string {
	name := strings.ToLower(path.Base(file))
	if name == ".env" || strings.HasPrefix(name, ".env.") {
		return ".env"
	}
	return path.Ext(name)
}

// documentsOf returns what a file says by key. It is not ok for files of other
// formats, and for templates and the like, which only look like one.
func documentsOf(file string, content []byte) (documents []any, ok bool) {
	read := fileFormats[formatOf(file)]
	if read == nil || !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return nil, false
	}
	defer func() {
		if recover() != nil { // parsers have panicked on hostile input before
			documents, ok = nil, false
		}
	}()
	documents, err := read(content)
	return documents, err == nil
}

// wholeValue is the value of a whole file: one document as it is, several as a
// list, anything else as text. Binary contents are no value.
func wholeValue(documents []any, ok bool, content []byte) whatchanged.Value {
	switch {
	case ok && len(documents) == 1:
		return valueOrText(documents[0], content)
	case ok && len(documents) > 1:
		return valueOrText(documents, content)
	}
	return textValue(content)
}

func valueOrText(v any, content []byte) whatchanged.Value {
	if out := whatchanged.ValueOf(v); out != nil {
		return out
	}
	return textValue(content)
}

func textValue(content []byte) whatchanged.Value {
	if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return nil
	}
	return whatchanged.ValueOf(string(content))
}

// fileValue is the value of a whole file.
func fileValue(file string, content []byte) whatchanged.Value {
	documents, ok := documentsOf(file, content)
	return wholeValue(documents, ok, content)
}

func jsonFile(content []byte) ([]any, error) {
	if !json.Valid(content) {
		return nil, errNotJSON
	}
	return []any{whatchanged.Value(content).Decode()}, nil
}

func yamlFile(content []byte) ([]any, error) {
	documents := []any{}
	for d := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var doc any
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return documents, nil
		case err != nil:
			return nil, err
		}
		if doc != nil {
			documents = append(documents, jsonable(doc))
		}
	}
}

// jsonable turns what YAML and TOML can say and JSON cannot into text.
func jsonable(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = jsonable(v[k])
		}
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, field := range v {
			m[fmt.Sprint(k)] = jsonable(field)
		}
		return m
	case []any:
		for i := range v {
			v[i] = jsonable(v[i])
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case fmt.Stringer: // a date or a time of day without a zone
		return v.String()
	}
	return v
}
