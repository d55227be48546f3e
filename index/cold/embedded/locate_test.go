package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold/embedded/npm/npmtest"
)

const content = "the engine\n"

// pack returns a package of one file as npm would publish it.
func pack(t *testing.T, name string) []byte {
	t.Helper()
	return npmtest.Pack(t, npmtest.File{Name: "package.json", Content: "{}"}, npmtest.File{Name: name, Content: content})
}

func pinned(cache, integrity string) LocateConfig {
	return LocateConfig{
		Cache: cache, platform: "here",
		releases: map[string]release{"here": {"@engine/here", integrity}, "there": {name: "@engine/there"}},
	}
}

func TestLocateFetchesOnceAndShowsHowFarItIs(t *testing.T) {
	p := pack(t, libraryName)
	args := npmtest.Install(t, npmtest.Says(npmtest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(p) }), npmtest.Integrity(p)))
	c := pinned(t.TempDir(), npmtest.Integrity(p))
	var progress bytes.Buffer
	c.Progress = &progress
	for range 2 {
		path, err := Locate(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(c.Cache, Version, "here", libraryName); path != want {
			t.Errorf("path %s, want %s", path, want)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("read %q, %v", got, err)
		}
	}
	asked, err := os.ReadFile(args)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("view @engine/here@"+Version+" dist.tarball dist.integrity --json\n", string(asked)); diff != "" {
		t.Errorf("npm was asked (-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(progress.String(), "100% of 0 MB\n") {
		t.Errorf("progress %q", progress.String())
	}
	if left := names(t, filepath.Join(c.Cache, Version, "here")); !cmp.Equal(left, []string{libraryName, "lock"}) {
		t.Errorf("in the cache: %v", left)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestTwoWhoLocateAtOnceFetchOnce(t *testing.T) {
	p := pack(t, libraryName)
	var fetched atomic.Int32
	npmtest.Install(t, npmtest.Says(npmtest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { fetched.Add(1); w.Write(p) }), npmtest.Integrity(p)))
	c := pinned(t.TempDir(), npmtest.Integrity(p))
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := Locate(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if n := fetched.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

func TestLocateSaysWhatWasTriedAndTheWayOut(t *testing.T) {
	p := pack(t, libraryName)
	whole := func(b []byte) http.HandlerFunc { return func(w http.ResponseWriter, _ *http.Request) { w.Write(b) } }
	away := httptest.NewServer(whole(p))
	away.Close()
	npmSays := func(h http.HandlerFunc, integrity string) func(*testing.T) {
		return func(t *testing.T) { npmtest.Install(t, npmtest.Says(npmtest.Serve(t, h), integrity)) }
	}
	for _, c := range []struct {
		name    string
		prepare func(*testing.T)
		change  func(*LocateConfig)
		want    string
	}{
		{"npm is missing", func(t *testing.T) { t.Setenv("PATH", t.TempDir()) }, nil, "npm, which is not installed"},
		{"npm fails", func(t *testing.T) { npmtest.Install(t, `echo "npm error code E404" >&2; echo more >&2; exit 1`) }, nil, "npm view @engine/here@" + Version + " failed (code E404)"},
		{"npm fails without a word", func(t *testing.T) { npmtest.Install(t, "exit 7") }, nil, "failed (exit status 7)"},
		{"npm talks nonsense", func(t *testing.T) { npmtest.Install(t, "echo hello") }, nil, "does not say where"},
		{"npm has another checksum", npmSays(whole(p), "sha512-other"), nil, "npm says that the checksum of @engine/here@" + Version + " is sha512-other, but it must be sha512-"},
		{"the package is another one", npmSays(whole(pack(t, "other.so")), npmtest.Integrity(p)), nil, "what was downloaded is not the engine"},
		{"the package is no package", npmSays(whole([]byte("<html>")), npmtest.Integrity(p)), nil, "what was downloaded is not the engine"},
		{"the package is not there", npmSays(http.NotFound, npmtest.Integrity(p)), nil, "could not be downloaded (404 Not Found from http"},
		{"the network is away", func(t *testing.T) { npmtest.Install(t, npmtest.Says(away.URL, npmtest.Integrity(p))) }, nil, "connection refused"},
		{"the download breaks off", npmSays(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(p)))
			w.Write(p[:20])
		}, npmtest.Integrity(p)), nil, "broke off (unexpected EOF)"},
		{"the download stands still", npmSays(func(w http.ResponseWriter, r *http.Request) {
			w.Write(p[:20])
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, npmtest.Integrity(p)), func(c *LocateConfig) { c.silence = 10 * time.Millisecond }, "broke off (nothing came for 10ms)"},
		{"no library in the right package", npmSays(whole(pack(t, "other.so")), npmtest.Integrity(pack(t, "other.so"))), func(c *LocateConfig) {
			c.releases["here"] = release{"@engine/here", npmtest.Integrity(pack(t, "other.so"))}
		}, "holds no libchdb.so"},
		{"the checksum of this platform is not known", func(*testing.T) {}, func(c *LocateConfig) { c.platform = "there" }, "no checksum of @engine/there@" + Version},
		{"there is no engine for this platform", func(*testing.T) {}, func(c *LocateConfig) { c.platform = "plan9" }, "no engine for plan9"},
		{"the cache is a file", func(*testing.T) {}, func(c *LocateConfig) { c.Cache = os.Args[0] }, "cannot be used"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := pinned(t.TempDir(), npmtest.Integrity(p))
			c.prepare(t)
			if c.change != nil {
				c.change(&config)
			}
			_, err := Locate(t.Context(), config)
			if !errors.Is(err, whatchanged.ErrUnavailable) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--engine PATH") {
				t.Fatalf("got %v\nwant UNAVAILABLE with %q and the flag", err, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(config.Cache, Version, "here", libraryName+"*")); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
