package ingest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"whatchanged.dev/whatchanged"
)

// maxFile bounds the files that are read. How much of a value is kept, and how
// much only as its difference, is the pipeline's to say.
const maxFile = 1 << 20

// blobs reads the contents of files through one git cat-file process.
type blobs struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	cancel context.CancelFunc
}

func (g *git) blobs(ctx context.Context) (*blobs, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := g.command(ctx, "cat-file", "--batch")
	in, err := cmd.StdinPipe()
	var out io.ReadCloser
	if err == nil {
		out, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, g.failed(ctx, err, "")
	}
	return &blobs{cmd, in, bufio.NewReaderSize(out, 1<<16), cancel}, nil
}

func (b *blobs) close() {
	_ = b.in.Close() // which ends the process
	b.cancel()
	_ = b.cmd.Wait()
}

// read returns the contents of a blob; ok is false when it is too large or
// not there, as in a partial clone.
func (b *blobs) read(name string) (content []byte, ok bool, err error) {
	if _, err := io.WriteString(b.in, name+"\n"); err != nil {
		return nil, false, fmt.Errorf("git cat-file: %w", err)
	}
	header, err := b.out.ReadString('\n')
	if err != nil {
		return nil, false, fmt.Errorf("git cat-file: %w", err)
	}
	var size int64
	if _, err := fmt.Sscanf(header, "%s blob %d", new(string), &size); err != nil {
		return nil, false, nil // "missing"
	}
	if size > maxFile {
		_, err = io.CopyN(io.Discard, b.out, size+1)
		return nil, false, err
	}
	content = make([]byte, size+1) // a newline follows
	_, err = io.ReadFull(b.out, content)
	return content[:size], err == nil, err
}

// configExtensions are those of files that configure something.
var configExtensions = []string{
	".yaml", ".yml", ".json", ".toml", ".properties", ".env", ".ini", ".conf", ".cfg", ".tf", ".tfvars", ".hcl", ".cue", ".jsonnet", ".libsonnet",
}

// isConfig reports whether the file of this path configures something. What
// tools write for themselves, and what belongs to others or to tests, does not.
func isConfig(file string) bool {
	dir, name := path.Split(strings.ToLower(file))
	for part := range strings.SplitSeq(dir, "/") {
		if part == "node_modules" || part == "vendor" || part == "testdata" {
			return false
		}
	}
	if strings.Contains(name, "-lock.") || strings.HasSuffix(name, ".lock.json") {
		return false
	}
	return slices.Contains(configExtensions, path.Ext(name)) || strings.HasPrefix(name, ".env") ||
		name == "dockerfile" || strings.HasPrefix(name, "dockerfile.") || strings.HasSuffix(name, ".dockerfile")
}

// fileValue returns the contents of a configuration file as a value: YAML,
// JSON and properties as what they say, anything else, and templates that
// parse as nothing, as text. Binary contents are no value.
func fileValue(file string, content []byte) whatchanged.Value {
	switch ext := path.Ext(strings.ToLower(file)); ext {
	case ".json":
		if v, err := whatchanged.ParseValue(content); err == nil {
			return v
		}
	case ".yaml", ".yml":
		if v, err := yamlValue(content); err == nil {
			return v
		}
	case ".properties", ".env":
		if v := propertiesValue(content); v != nil {
			return v
		}
	}
	if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return nil
	}
	return whatchanged.ValueOf(string(content))
}

// yamlValue returns one document as it is, and several as a list.
func yamlValue(content []byte) (v whatchanged.Value, err error) {
	defer func() {
		if r := recover(); r != nil { // the parser has panicked on hostile input before
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	var documents []any
	for d := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var doc any
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			if len(documents) == 1 {
				return jsonValue(documents[0])
			}
			return jsonValue(documents)
		case err != nil:
			return nil, err
		}
		if doc != nil {
			documents = append(documents, jsonable(doc))
		}
	}
}

func jsonValue(v any) (whatchanged.Value, error) {
	if out := whatchanged.ValueOf(v); out != nil {
		return out, nil
	}
	return nil, errors.New("yaml: says something that JSON cannot")
}

// jsonable turns what YAML can say and JSON cannot into text.
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
	}
	return v
}

// propertiesValue reads lines of key=value or key: value; comments and what
// has no key are passed over.
func propertiesValue(content []byte) whatchanged.Value {
	if !utf8.Valid(content) {
		return nil
	}
	m := map[string]string{}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		i := strings.IndexAny(line, "=:")
		if i <= 0 || line[0] == '#' || line[0] == '!' {
			continue
		}
		m[strings.TrimSpace(strings.TrimPrefix(line[:i], "export "))] = strings.TrimSpace(line[i+1:])
	}
	if len(m) == 0 {
		return nil
	}
	return whatchanged.ValueOf(m)
}
