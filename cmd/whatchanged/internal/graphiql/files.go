package graphiql

import (
	"context"
	"io"
	"os"
	"path"
	"path/filepath"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold/embedded/npm"
)

// A bundle is what is taken from one package.
type bundle struct {
	npm.Package
	files []string // paths in the package; their last parts differ
}

// bundles is all that the page needs. GraphiQL 5 is not among what can be
// pinned here: it comes in modules, which have to be bundled first. 3.9.0 is
// the latest whose one file holds neither an editor's workers nor eval.
var bundles = []bundle{
	{npm.Package{Name: "react", Version: "18.3.1", Integrity: "sha512-wS+hAgJShR0KhEvPJArfuPVN1+Hz1t0Y6n5jLrGQbkb4urgPE/0Rve+1kMB1v/oWgHgm4WIcV+i7F2pTVj+2iQ=="},
		[]string{"umd/react.production.min.js"}},
	{npm.Package{Name: "react-dom", Version: "18.3.1", Integrity: "sha512-5m4nQKp+rZRb09LNH59GM4BxTh9251/ylbKIbpe7TpGxfJ+9kv6BLkLBXIjjspbgbnIBNqlI23tRnTWT0snUIw=="},
		[]string{"umd/react-dom.production.min.js"}},
	{npm.Package{Name: "graphiql", Version: "3.9.0", Integrity: "sha512-rJYFlHdBbug9+YbFSwRVvgfPjCayC7wHecZkx/qB4XLuQPFQZw/yB9pmHFtOJV6RiNBBHro3u1GdocKa3YcGRA=="},
		[]string{"graphiql.min.js", "graphiql.min.css"}},
}

// addresses returns where the files are served, below the page's own address
// and below the cache folder alike. Each names its version, so what is found
// there never changes.
func addresses(bundles []bundle) []string {
	var all []string
	for _, b := range bundles {
		for _, f := range b.files {
			all = append(all, b.String()+"/"+path.Base(f))
		}
	}
	return all
}

// Fetch sees to it that the files are in the cache folder, "" for the default,
// and returns it. If all are there nothing is asked. progress may be nil. The
// error is UNAVAILABLE and says what was tried.
func Fetch(ctx context.Context, cache string, progress io.Writer) (string, error) {
	return fetch(ctx, bundles, cache, progress)
}

func fetch(ctx context.Context, bundles []bundle, cache string, progress io.Writer) (string, error) {
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", whatchanged.Errorf(whatchanged.CodeUnavailable, "there is no cache folder to keep GraphiQL in (%v)", err)
		}
		cache = filepath.Join(base, "whatchanged", "graphiql")
	}
	for _, b := range bundles {
		if err := npm.Fetch(ctx, b.Package, b.files, filepath.Join(cache, b.String()), npm.Config{What: "GraphiQL", Progress: progress}); err != nil {
			return "", err
		}
	}
	return cache, nil
}
