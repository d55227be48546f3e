package embedded

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold/embedded/npm"
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
	silence  time.Duration      // how long a download may bring nothing before it is given up; 0 is as npm.Config has it
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
	p := npm.Package{Name: r.name, Version: Version, Integrity: r.integrity}
	if err := npm.Fetch(ctx, p, []string{libraryName}, folder, npm.Config{What: "the engine", Progress: c.Progress, Silence: c.silence}); err != nil {
		return "", unavailable(err, "%v", err)
	}
	return path, nil
}

// unavailable writes an error that names the way out.
func unavailable(cause error, format string, args ...any) error {
	return whatchanged.Errorf(whatchanged.CodeUnavailable,
		"%s; give the path of a libchdb.so with --engine PATH", fmt.Sprintf(format, args...)).Hiding(cause)
}
