package graphiql

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/index/cold/embedded/npm"
	"whatchanged.dev/whatchanged/index/cold/embedded/npm/npmtest"
)

// published offers one package of a script and a style, and returns what to
// serve it with and the file with what npm was asked.
func published(t *testing.T) (Config, string) {
	t.Helper()
	b := npmtest.Pack(t, npmtest.File{Name: "umd/a.min.js", Content: "script"}, npmtest.File{Name: "a.min.css", Content: "style"})
	address := npmtest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(b) })
	asked := npmtest.Install(t, npmtest.Says(address, npmtest.Integrity(b)))
	return Config{Cache: t.TempDir(), Log: slog.New(slog.DiscardHandler), bundles: []bundle{{
		npm.Package{Name: "a", Version: "1.0.0", Integrity: npmtest.Integrity(b)}, []string{"umd/a.min.js", "a.min.css"},
	}}}, asked
}

func newHandler(t *testing.T, c Config) http.Handler {
	t.Helper()
	h, err := NewHandler(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// get asks for a path, with headers as name, value, name, value.
func get(t *testing.T, h http.Handler, path string, headers ...string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w, w.Body.String()
}

func TestEveryAnswerIsTypedAndKeptToThisServer(t *testing.T) {
	c, _ := published(t)
	h := newHandler(t, c)
	const ever, again = "public, max-age=31536000, immutable", "no-cache"
	for _, want := range []struct {
		path, media, cache, holds string
	}{
		{"/graphiql/", "text/html; charset=utf-8", again, "<title>whatchanged"},
		{"/graphiql/start.js", "text/javascript; charset=utf-8", again, "createRoot"},
		{"/graphiql/a@1.0.0/a.min.js", "text/javascript; charset=utf-8", ever, "script"},
		{"/graphiql/a@1.0.0/a.min.css", "text/css; charset=utf-8", ever, "style"},
	} {
		t.Run(want.path, func(t *testing.T) {
			res, body := get(t, h, want.path)
			if res.Code != http.StatusOK || !strings.Contains(body, want.holds) {
				t.Fatalf("%d %q, want %q in it", res.Code, body, want.holds)
			}
			got := [...]string{res.Header().Get("Content-Type"), res.Header().Get("Cache-Control"), res.Header().Get("X-Content-Type-Options"), res.Header().Get("Content-Security-Policy")}
			if diff := cmp.Diff([...]string{want.media, want.cache, "nosniff", policy}, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if res, body := get(t, h, want.path, "If-None-Match", res.Header().Get("ETag")); res.Code != http.StatusNotModified || body != "" {
				t.Errorf("asked again: %d %q", res.Code, body)
			}
		})
	}
}

func TestPolicyLetsNoScriptIntoThePageAndNobodyElseBeAsked(t *testing.T) {
	for directive := range strings.SplitSeq(policy, "; ") {
		name, sources, _ := strings.Cut(directive, " ")
		for source := range strings.FieldsSeq(sources) {
			inline := name == "style-src" && source == "'unsafe-inline'"
			data := (name == "font-src" || name == "img-src") && source == "data:"
			if source != "'none'" && source != "'self'" && !inline && !data {
				t.Errorf("%s allows %s", name, source)
			}
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") {
		t.Error("what is not named is allowed")
	}
}

var absolute = regexp.MustCompile(`(https?:)?//[\w.-]+\.\w`)

func TestPageLoadsOnlyWhatIsServedHere(t *testing.T) {
	c, _ := published(t)
	for _, c.Guarded = range []bool{false, true} {
		h := newHandler(t, c)
		_, page := get(t, h, "/graphiql/")
		_, start := get(t, h, "/graphiql/start.js")
		if found := absolute.FindString(page + start); found != "" {
			t.Errorf("it names %s", found)
		}
		loads := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
		var got []string
		for _, l := range loads {
			if strings.HasPrefix(l[1], "data:") {
				continue
			}
			got = append(got, l[1])
			if res, _ := get(t, h, "/graphiql/"+l[1]); res.Code != http.StatusOK {
				t.Errorf("%s: %d", l[1], res.Code)
			}
		}
		if diff := cmp.Diff([]string{"a@1.0.0/a.min.css", "a@1.0.0/a.min.js", "start.js"}, got); diff != "" {
			t.Errorf("it loads (-want +got):\n%s", diff)
		}
		if asks := strings.Contains(page, "data-guarded") && strings.Contains(page, "token"); asks != c.Guarded {
			t.Errorf("guarded %v, asks for a token %v", c.Guarded, asks)
		}
	}
}

func TestOnlyWhatIsListedIsServed(t *testing.T) {
	c, _ := published(t)
	h := newHandler(t, c)
	for _, path := range []string{
		"/graphiql/a@1.0.0/lock", "/graphiql/a@1.0.0/", "/graphiql/a@2.0.0/a.min.js", "/graphiql/query.graphql",
		"/graphiql/a@1.0.0/%2e%2e/a@1.0.0/a.min.js", "/graphiql/..%2f..%2fetc%2fpasswd",
	} {
		if res, _ := get(t, h, path); res.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.Code)
		}
	}
}

func TestFilesAreFetchedWhenFirstAskedForAndOnce(t *testing.T) {
	c, asked := published(t)
	h := newHandler(t, c)
	if _, err := os.Stat(asked); !os.IsNotExist(err) {
		t.Fatalf("npm was asked before anybody asked for the page (%v)", err)
	}
	var all sync.WaitGroup
	for _, path := range []string{"/graphiql/", "/graphiql/", "/graphiql/a@1.0.0/a.min.js", "/graphiql/a@1.0.0/a.min.css"} {
		all.Go(func() {
			if res, _ := get(t, h, path); res.Code != http.StatusOK {
				t.Errorf("%s: %d", path, res.Code)
			}
		})
	}
	all.Wait()
	got, err := os.ReadFile(asked)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "\n"); n != 1 {
		t.Errorf("npm was asked %d times", n)
	}
}

func TestAFailedFetchIsToldAndTriedAgain(t *testing.T) {
	c, _ := published(t)
	path := os.Getenv("PATH")
	h := newHandler(t, c)
	npmtest.Install(t, `echo "npm error <network> is away" >&2; exit 1`)
	for _, at := range []string{"/graphiql/", "/graphiql/a@1.0.0/a.min.js"} {
		res, body := get(t, h, at)
		if res.Code != http.StatusServiceUnavailable || res.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %s", at, res.Code, res.Header())
		}
		if !strings.Contains(body, "npm view a@1.0.0 failed (&lt;network&gt; is away)") {
			t.Errorf("%s does not say why:\n%s", at, body)
		}
	}
	t.Setenv("PATH", path)
	if res, _ := get(t, h, "/graphiql/"); res.Code != http.StatusOK {
		t.Errorf("asked again: %d", res.Code)
	}
}

func TestStrangersAreNotToldWhyAFetchFailed(t *testing.T) {
	c, _ := published(t)
	c.Guarded = true
	var log strings.Builder
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	h := newHandler(t, c)
	npmtest.Install(t, `echo "npm error the mirror is away" >&2; exit 1`)
	if _, body := get(t, h, "/graphiql/"); strings.Contains(body, "mirror") || !strings.Contains(body, "The log of the server says why.") {
		t.Errorf("page:\n%s", body)
	}
	if !strings.Contains(log.String(), "the mirror is away") {
		t.Errorf("log: %s", log.String())
	}
}

func TestAFileLostFromTheCacheIsFetchedAgain(t *testing.T) {
	c, _ := published(t)
	h := newHandler(t, c)
	for range 2 {
		if res, body := get(t, h, "/graphiql/a@1.0.0/a.min.css"); res.Code != http.StatusOK || body != "style" {
			t.Errorf("%d %q", res.Code, body)
		}
		if err := os.Remove(filepath.Join(c.Cache, "a@1.0.0", "a.min.css")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestThePinnedPackagesHoldWhatThePageUses needs the real files: from the
// cache folder, or from npm.
func TestThePinnedPackagesHoldWhatThePageUses(t *testing.T) {
	h := newHandler(t, Config{Log: slog.New(slog.DiscardHandler)})
	for _, want := range []struct{ path, holds string }{
		{"/graphiql/react@18.3.1/react.production.min.js", "createElement"},
		{"/graphiql/react-dom@18.3.1/react-dom.production.min.js", "createRoot"},
		{"/graphiql/graphiql@3.9.0/graphiql.min.js", ".createFetcher="},
		{"/graphiql/graphiql@3.9.0/graphiql.min.css", ".graphiql-container"},
	} {
		res, body := get(t, h, want.path)
		if res.Code != http.StatusOK || !strings.Contains(body, want.holds) {
			t.Errorf("%s: %d, %d bytes, without %s", want.path, res.Code, len(body), want.holds)
		}
		for _, forbidden := range []string{"eval(", "new Function(", "new Worker(", "@import"} {
			if strings.Contains(body, forbidden) {
				t.Errorf("%s holds %s, which the policy does not allow", want.path, forbidden)
			}
		}
	}
}

func TestTheFirstQueryFitsTheSchema(t *testing.T) {
	query, err := embedded.ReadFile("query.graphql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gqlparser.LoadQueryWithRules(schema.Parsed, string(query), rules.NewDefaultRules()); err != nil {
		t.Error(err)
	}
}
