// Package auth decides who is asking, for every HTTP surface alike.
//
// Without tokens the server must listen on loopback only, and whoever reaches
// it there is "local". With tokens every request carries one, except where the
// sender proves itself by a signature. Browsers are kept to known origins, and
// on loopback the Host must be loopback too, so that no page of another site
// can ask through somebody's browser.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// A Config says who may ask.
type Config struct {
	Tokens  map[string]string        // bearer tokens, by the name of who holds each
	Origins []string                 // origins of browsers, besides loopback, as https://portal.example
	Open    func(*http.Request) bool // requests that need no token: health, signed webhooks
}

// CheckListen refuses an address that others can reach as long as nobody has
// to say who they are.
func (c Config) CheckListen(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want host:port, such as 127.0.0.1:8080", listen).In("listen")
	}
	for name, token := range c.Tokens {
		if strings.TrimSpace(token) == "" {
			return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s has an empty token, which everybody knows", name).In("token")
		}
	}
	if len(c.Tokens) == 0 && !loopback(host) {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument,
			"%q can be reached by others and nobody has to say who they are: want --auth-token NAME=TOKEN, or a loopback address such as 127.0.0.1:8080", listen).In("listen")
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// Guard lets through who may ask, with the viewer in the context.
func (c Config) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.originAllowed(r) {
			refuse(w, http.StatusForbidden, whatchanged.CodeUnauthenticated, "this origin may not ask; it can be allowed with --origin")
			return
		}
		who, ok := c.who(r)
		if !ok && !(c.Open != nil && c.Open(r)) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="whatchanged"`)
			refuse(w, http.StatusUnauthorized, whatchanged.CodeUnauthenticated, "want the header Authorization: Bearer TOKEN")
			return
		}
		if ok {
			r = r.WithContext(resolvers.WithViewer(r.Context(), resolvers.Viewer{Who: who, Agent: r.UserAgent()}))
		}
		next.ServeHTTP(w, r)
	})
}

// who names the holder of the request's token. Tokens are compared by their
// digests in constant time.
func (c Config) who(r *http.Request) (string, bool) {
	if len(c.Tokens) == 0 {
		return "local", true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", false
	}
	got := sha256.Sum256([]byte(token))
	name, found := "", 0
	for n, t := range c.Tokens {
		want := sha256.Sum256([]byte(t))
		if same := subtle.ConstantTimeCompare(got[:], want[:]); same == 1 {
			name, found = n, 1
		}
	}
	return name, found == 1
}

// originAllowed reports whether a request comes from no page at all, or from
// one that may ask.
func (c Config) originAllowed(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if len(c.Tokens) == 0 && !loopback(host) {
		return false // a name that somebody made point here
	}
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(c.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && (loopback(u.Hostname()) && loopback(host) || u.Host == r.Host)
}

func refuse(w http.ResponseWriter, status int, code whatchanged.Code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail, "code": code})
}
