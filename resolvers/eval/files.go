package eval

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"whatchanged.dev/whatchanged"
)

// maxLine bounds a line of a file, in bytes.
const maxLine = 1 << 20

// stateFolder finds the set of states in a folder.
func stateFolder(dir string) (string, error) {
	for _, d := range []string{dir, filepath.Join(dir, "state")} {
		for _, suffix := range []string{"", ".gz"} {
			if _, err := os.Stat(filepath.Join(d, questionsFile+suffix)); err == nil {
				return d, nil
			}
		}
	}
	return "", whatchanged.Errorf(whatchanged.CodeNotFound, "%q holds no %s.gz, nor does the folder state in it", dir, questionsFile)
}

// open opens a file of a set, compressed or not.
func open(dir, name string) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if f, err = os.Open(filepath.Join(dir, name+".gz")); err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}

// readLines hands over the lines of a file, each a JSON value.
func readLines[T any](dir, name string, each func(T) error) error {
	f, err := open(dir, name)
	if err != nil {
		return whatchanged.Errorf(whatchanged.CodeNotFound, "%s cannot be read in %q", name, dir).Hiding(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var line T
		err := json.Unmarshal(lines.Bytes(), &line)
		if err == nil {
			err = each(line)
		}
		if err != nil {
			return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "line %d is not what was wanted: %v", n, err).In(name)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}
