package embedded

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"whatchanged.dev/whatchanged"
)

// Version is the engine's version, as its npm packages are numbered.
const Version = "26.7.3-stable.1"

// A release is one platform's package of [Version].
type release struct {
	name      string // in npm
	integrity string // of the tarball, as npm writes it, sha512-BASE64; "" if no one of us has had it in hand
}

// releases holds the platforms that the engine is published for. Only a
// package whose integrity is written here is fetched; the libraries of the
// others are given by hand.
var releases = map[string]release{
	"linux-amd64":  {"@chdb/lib-linux-x64-gnu", "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="},
	"linux-arm64":  {name: "@chdb/lib-linux-arm64-gnu"},
	"darwin-amd64": {name: "@chdb/lib-darwin-x64"},
	"darwin-arm64": {name: "@chdb/lib-darwin-arm64"},
}

// libraryName is the file's name in the package and in the cache.
const libraryName = "libchdb.so"

// LocateConfig says where the library is kept and who is told of a download.
type LocateConfig struct {
	Cache    string    // folder for libraries; "" means whatchanged/engine in the user's cache folder
	Progress io.Writer // a bar if it is a terminal, else a line at every tenth; nil is silent

	platform string             // GOOS-GOARCH; "" is ours
	releases map[string]release // nil is the table above
	silence  time.Duration      // how long a download may bring nothing before it is given up; 0 is a minute
}

// Locate returns the path of the engine's library. If the cache has none, it
// asks npm, as this machine has it configured, where the package is, and
// downloads it (178 MB, 566 MB unpacked). Only a package with the checksum
// that is written here is kept. Two processes may do this at once: the second
// waits for the first. The error is UNAVAILABLE and says what was tried.
func Locate(ctx context.Context, c LocateConfig) (string, error) {
	if c.Cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", unavailable(err, "there is no cache folder to keep the engine in (%v)", err)
		}
		c.Cache = filepath.Join(base, "whatchanged", "engine")
	}
	if c.releases == nil {
		c.releases = releases
	}
	c.silence = cmp.Or(c.silence, time.Minute)
	c.platform = cmp.Or(c.platform, runtime.GOOS+"-"+runtime.GOARCH)
	folder := filepath.Join(c.Cache, Version, c.platform)
	path := filepath.Join(folder, libraryName)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	r, ok := c.releases[c.platform]
	switch {
	case !ok:
		return "", unavailable(nil, "there is no engine for %s; use a ClickHouse server with --clickhouse DSN", c.platform)
	case r.integrity == "":
		return "", unavailable(nil, "no checksum of %s@%s is known here, so it is not fetched: unpack what npm pack brings", r.name, Version)
	}
	unlock, err := lockFolder(ctx, folder)
	if err != nil {
		return "", unavailable(err, "the cache folder %s cannot be used (%v)", folder, err)
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return path, nil // another process was faster
	}
	return path, fetch(ctx, c, r, path)
}

// unavailable writes an error that names the way out.
func unavailable(cause error, format string, args ...any) error {
	return whatchanged.Errorf(whatchanged.CodeUnavailable,
		"%s; give the path of a libchdb.so with --engine PATH", fmt.Sprintf(format, args...)).Hiding(cause)
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
	taken := make(chan error, 1)
	go func() { taken <- syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }()
	select {
	case err = <-taken:
	case <-ctx.Done():
		err = ctx.Err()
		go func() { <-taken; f.Close() }()
		return nil, err
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// A published package is what npm says of one.
type published struct {
	Tarball   string `json:"dist.tarball"`
	Integrity string `json:"dist.integrity"`
}

// ask asks npm for a package, because npm knows the registry, its mirror and
// the proxy of this machine. The integrity must be the one written here.
func (r release) ask(ctx context.Context) (published, error) {
	spec := r.name + "@" + Version
	cmd := exec.CommandContext(ctx, "npm", "view", spec, "dist.tarball", "dist.integrity", "--json")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // what npm started may hold its output open
	var p published
	switch err := cmd.Run(); {
	case errors.Is(err, exec.ErrNotFound):
		return p, unavailable(err, "the engine %s is not in the cache and is fetched with npm, which is not installed", spec)
	case ctx.Err() != nil:
		return p, unavailable(ctx.Err(), "npm view %s did not answer in time", spec)
	case err != nil:
		return p, unavailable(err, "npm view %s failed (%s)", spec, complaint(stderr.String(), err))
	}
	if err := json.Unmarshal(stdout.Bytes(), &p); err != nil || p.Tarball == "" {
		return p, unavailable(err, "npm view %s does not say where the package is", spec)
	}
	if p.Integrity != r.integrity {
		return p, unavailable(nil, "npm says that the checksum of %s is %s, but it must be %s", spec, p.Integrity, r.integrity)
	}
	return p, nil
}

// complaint returns the first error that npm printed, or err.
func complaint(stderr string, err error) string {
	for line := range strings.Lines(stderr) {
		for _, prefix := range []string{"npm error ", "npm ERR! "} { // newer and older npm
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
				return text
			}
		}
	}
	return err.Error()
}
