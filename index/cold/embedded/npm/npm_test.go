package npm

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold/embedded/npm/npmtest"
)

// What [embedded.Locate] sees of this package, failures above all, is tested
// with it. Here is what only a package of several files shows.

var react = []npmtest.File{
	{Name: "cjs/react.js", Content: "cjs"}, {Name: "umd/react.js", Content: "umd"},
	{Name: "umd/style.css", Content: "css"}, {Name: "../../outside", Content: "no"}, {Name: "README.md"},
}

// publish offers a package and counts how often it is fetched.
func publish(t *testing.T, files ...npmtest.File) (Package, *atomic.Int32) {
	t.Helper()
	b := npmtest.Pack(t, files...)
	var fetched atomic.Int32
	address := npmtest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { fetched.Add(1); w.Write(b) })
	npmtest.Install(t, npmtest.Says(address, npmtest.Integrity(b)))
	return Package{Name: "react", Version: "1.2.3", Integrity: npmtest.Integrity(b)}, &fetched
}

// contents returns what is in a folder, without the lock.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(b)
	}
	delete(got, "lock")
	return got
}

func TestFetchTakesTheNamedFilesByPathAndNothingElse(t *testing.T) {
	p, fetched := publish(t, react...)
	folder := filepath.Join(t.TempDir(), "made", "on the way")
	for range 2 {
		if err := Fetch(t.Context(), p, []string{"umd/style.css", "umd/react.js"}, folder, Config{What: "React"}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]string{"react.js": "umd", "style.css": "css"}, contents(t, folder)); diff != "" {
		t.Errorf("in the cache (-want +got):\n%s", diff)
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

func TestFetchBringsBackAFileThatWasLostAndClearsAwayWhatWasLeft(t *testing.T) {
	p, fetched := publish(t, react...)
	folder := t.TempDir()
	left := filepath.Join(folder, staging)
	if err := os.Mkdir(left, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(folder, "react.js"), filepath.Join(left, "react.js")} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Fetch(t.Context(), p, []string{"umd/react.js", "umd/style.css"}, folder, Config{What: "React"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"react.js": "umd", "style.css": "css"}, contents(t, folder)); diff != "" {
		t.Errorf("in the cache (-want +got):\n%s", diff)
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

func TestFetchStoresNothingUnlessAllIsThereAndRight(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Package)
		files  []string
		want   string
	}{
		{"a file is not in the package", nil, []string{"umd/react.js", "umd/none.js", "umd/more.js"}, "React could not be unpacked (the package holds no umd/none.js, umd/more.js)"},
		{"a path that leaves the package is no file of it", nil, []string{"umd/react.js", "outside"}, "holds no outside"},
		{"the pinned checksum is another one", func(p *Package) { p.Integrity = "sha512-other" }, []string{"umd/react.js"}, "npm says that the checksum of react@1.2.3 is sha512-"},
		{"no checksum is pinned", func(p *Package) { p.Integrity = "" }, []string{"umd/react.js"}, "but it must be "},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := publish(t, react...)
			if c.change != nil {
				c.change(&p)
			}
			folder := t.TempDir()
			err := Fetch(t.Context(), p, c.files, folder, Config{What: "React"})
			if !errors.Is(err, whatchanged.ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant UNAVAILABLE with %q", err, c.want)
			}
			if got := contents(t, folder); len(got) > 0 {
				t.Errorf("stored %v", got)
			}
		})
	}
}
