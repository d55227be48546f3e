// Package npm takes files out of packages that npm publishes, for what is too
// large, or not ours, to be kept in the repository.
//
// A package is pinned by version and checksum. npm is asked only where the
// package is, because it knows the registry, its mirror and the proxy of this
// machine; the download is ours, so that its progress is shown, a standstill
// ends it, and nothing that comes in the package is ever run.
package npm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"whatchanged.dev/whatchanged"
)

// A Package is one version of a package, pinned.
type Package struct {
	Name      string
	Version   string
	Integrity string // of the tarball, as npm writes it, sha512-BASE64
}

// String returns the package as npm names it, name@version.
func (p Package) String() string { return p.Name + "@" + p.Version }

// Config says what a package is to the reader and who is told of a download.
type Config struct {
	What     string        // what errors and progress call the package, such as "the engine"
	Progress io.Writer     // a bar if it is a terminal, else a line at every tenth, or at the end if it is small; nil is silent
	Silence  time.Duration // how long a download may bring nothing before it is given up; 0 is a minute
}

// staging holds what is not yet checked, in the folder that it is fetched to.
const staging = "fetching"

// Fetch sees to it that the named files of a package are in a folder. They are
// named by their paths in the package, and stored under the last part of them.
// If all are there nothing is asked. Whoever finds a file there finds it
// whole, checked and stored. Two processes may do this at once: the second
// waits for the first. The error is UNAVAILABLE and says what was tried.
func Fetch(ctx context.Context, p Package, files []string, folder string, c Config) error {
	c.Silence = cmp.Or(c.Silence, time.Minute)
	if has(folder, files) {
		return nil
	}
	unlock, err := lockFolder(ctx, folder)
	if err != nil {
		return unavailable(err, "the cache folder %s cannot be used (%v)", folder, err)
	}
	defer unlock()
	if has(folder, files) {
		return nil // another process was faster
	}
	published, err := p.ask(ctx, c)
	if err != nil {
		return err
	}
	temp := filepath.Join(folder, staging)
	defer os.RemoveAll(temp)
	if err := errors.Join(os.RemoveAll(temp), os.Mkdir(temp, 0o755)); err != nil { // nobody else is here: what is left is of one that was killed
		return c.unwritten(err)
	}
	if err := p.download(ctx, c, published, files, temp); err != nil {
		return err
	}
	if err := store(temp, files, folder); err != nil {
		return c.unwritten(err)
	}
	return nil
}

// has reports whether all files are in a folder.
func has(folder string, files []string) bool {
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(folder, path.Base(f))); err != nil {
			return false
		}
	}
	return true
}

func unavailable(cause error, format string, args ...any) error {
	return whatchanged.Errorf(whatchanged.CodeUnavailable, "%s", fmt.Sprintf(format, args...)).Hiding(cause)
}

func (c Config) unwritten(err error) error {
	return unavailable(err, "%s cannot be written to the cache (%v)", c.What, err)
}

// lockFolder makes a folder and takes its lock, waiting for whoever has it.
func lockFolder(ctx context.Context, folder string) (func(), error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	taken := make(chan error)
	go func() {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		select {
		case taken <- err:
		case <-ctx.Done():
			f.Close() // nobody waits any more
		}
	}()
	select {
	case err = <-taken:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// store moves files from one folder to another, each durable before it is
// visible.
func store(from string, files []string, to string) error {
	for _, name := range files {
		temp := filepath.Join(from, path.Base(name))
		if err := flush(temp); err != nil {
			return err
		}
		if err := os.Rename(temp, filepath.Join(to, path.Base(name))); err != nil {
			return err
		}
	}
	return flush(to)
}

// flush makes a file's content durable, or a folder's names.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
