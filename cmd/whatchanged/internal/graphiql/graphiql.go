// Package graphiql serves GraphiQL, the page on which one asks GraphQL in the
// browser and reads its schema.
//
// GraphiQL's files are neither in the repository nor taken by the browser from
// anybody else: they come from npm, pinned by checksum, when the page is first
// asked for, and are served from the cache folder from then on. The page and
// its files tell nothing of the instance, so they need no token; what is asked
// on the page does.
package graphiql

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"whatchanged.dev/whatchanged"
)

// Config says where the files are kept and who is told what.
type Config struct {
	Cache   string       // folder for the files; "" means whatchanged/graphiql in the user's cache folder
	Guarded bool         // questions need a token: the page asks for it, and anybody may see the page, so only the log says why it fails
	Log     *slog.Logger // never nil

	bundles []bundle // nil is what is pinned here
}

// fetchTimeout is how long the files may take to come, 6 MB in all.
const fetchTimeout = 5 * time.Minute

// policy lets the page reach this server and nobody else. GraphiQL's fonts and
// images are in its style sheet, as data; its editor and its dialogs write
// styles into the page. No script can be written into it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src data:; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed page.html failed.html start.js query.graphql
var embedded embed.FS

var pages = template.Must(template.ParseFS(embedded, "page.html", "failed.html"))

// A handler serves the page at /graphiql/ and its files below.
type handler struct {
	config Config
	page   []byte
	flight singleflight.Group // of fetching, which all who wait for it share
}

// NewHandler returns what serves /graphiql/ and all below. It fetches nothing
// yet. When the files cannot be fetched the page says so, and the next request
// tries again.
func NewHandler(c Config) (http.Handler, error) {
	if c.bundles == nil {
		c.bundles = bundles
	}
	h := &handler{config: c}
	var err error
	if h.page, err = page(addresses(c.bundles), c.Guarded); err != nil {
		return nil, err
	}
	start, err := embedded.ReadFile("start.js")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /graphiql/{$}", h.servePage)
	mux.HandleFunc("GET /graphiql/start.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // a newer program may have another
		serve(w, r, "start.js", start)
	})
	for _, address := range addresses(c.bundles) {
		mux.HandleFunc("GET /graphiql/"+address, func(w http.ResponseWriter, r *http.Request) { h.serveFile(w, r, address) })
	}
	return harden(mux), nil
}

// page writes the page anew for what it loads.
func page(addresses []string, guarded bool) ([]byte, error) {
	query, err := embedded.ReadFile("query.graphql")
	if err != nil {
		return nil, err
	}
	data := struct {
		Scripts, Styles []string
		Query           string
		Guarded         bool
	}{Query: string(query), Guarded: guarded}
	for _, a := range addresses {
		if strings.HasSuffix(a, ".css") {
			data.Styles = append(data.Styles, a)
		} else {
			data.Scripts = append(data.Scripts, a)
		}
	}
	var b bytes.Buffer
	err = pages.ExecuteTemplate(&b, "page.html", data)
	return b.Bytes(), err
}

// harden sets what holds for every answer.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer") // a link out of a description must not take a query along
		next.ServeHTTP(w, r)
	})
}

func (h *handler) servePage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	if _, err := h.fetch(r.Context()); err != nil {
		h.serveFailure(w, r, err)
		return
	}
	serve(w, r, "page.html", h.page)
}

func (h *handler) serveFile(w http.ResponseWriter, r *http.Request, address string) {
	cache, err := h.fetch(r.Context())
	if err != nil {
		h.serveFailure(w, r, err)
		return
	}
	content, err := os.ReadFile(filepath.Join(cache, filepath.FromSlash(address)))
	if err != nil {
		h.serveFailure(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	serve(w, r, address, content)
}

// fetch sees to it that the files are there. It goes on for the others when
// one who waits for it has gone.
func (h *handler) fetch(ctx context.Context) (cache string, err error) {
	done := h.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		return fetch(ctx, h.config.bundles, h.config.Cache, nil)
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case got := <-done:
		return got.Val.(string), got.Err
	}
}

// serveFailure says that the files are not there, and why, to whoever may know.
func (h *handler) serveFailure(w http.ResponseWriter, r *http.Request, err error) {
	h.config.Log.WarnContext(r.Context(), "graphiql: its files are not there", "error", err)
	why := whatchanged.AsError(err).Error()
	if h.config.Guarded {
		why = "The log of the server says why."
	}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "failed.html", why); err != nil {
		h.config.Log.ErrorContext(r.Context(), "graphiql", "error", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
	w.Write(b.Bytes())
}
