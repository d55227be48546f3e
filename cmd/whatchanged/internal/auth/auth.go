// Package auth decides who is asking, for every surface alike.
//
// Without tokens the server must listen on loopback only, and whoever reaches
// it there is "local". With tokens every request carries one, except where the
// sender proves itself by a signature. A token is one of the server's own, or
// one that an OAuth issuer made for this server; it is taken from the header
// alone, for addresses end up in logs. Browsers are kept to known origins, and
// on loopback the Host must be loopback too, so that no page of another site
// can ask through somebody's browser.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"log/slog"
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
	Tokens  map[string]string // bearer tokens, by the name of who holds each
	Issuer  *Issuer           // whose tokens are taken besides; nil: nobody's
	Origins []string          // origins of browsers, besides loopback, as https://portal.example
	Log     *slog.Logger      // told why tokens are refused; nil: nobody is

	Open  func(*http.Request) bool // requests that need no token: health, signed webhooks
	Late  func(*http.Request) bool // requests that may bring theirs in their first message, to [Config.Login]
	Sends func(*http.Request) bool // requests that tell us of changes, and do not ask
}

// Needed says whether one has to say who one is.
func (c Config) Needed() bool { return len(c.Tokens) > 0 || c.Issuer != nil }

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
	if !c.Needed() && !loopback(host) {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument,
			"%q can be reached by others and nobody has to say who they are: want --auth-token NAME=TOKEN or --oidc-issuer URL, or a loopback address such as 127.0.0.1:8080", listen).In("listen")
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
			refuse(w, http.StatusForbidden, whatchanged.Errorf(whatchanged.CodeUnauthenticated, "this origin may not ask; it can be allowed with --origin"))
			return
		}
		authorization := r.Header.Get("Authorization")
		viewer, refused := c.login(r, authorization)
		switch {
		case refused == nil:
			r = r.WithContext(resolvers.WithViewer(r.Context(), viewer))
		case c.Open != nil && c.Open(r), authorization == "" && c.Late != nil && c.Late(r):
			// as nobody
		default:
			c.turnAway(w, r, refused)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Login says who proves themselves by an Authorization header, or by what
// stands for one in a first message.
func (c Config) Login(r *http.Request, authorization string) (resolvers.Viewer, error) {
	v, refused := c.login(r, authorization)
	if refused != nil {
		return v, refused.err
	}
	return v, nil
}

func (c Config) login(r *http.Request, authorization string) (resolvers.Viewer, *refusal) {
	if !c.Needed() {
		return resolvers.Viewer{Who: "local", Agent: r.UserAgent()}, nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if token = strings.TrimSpace(token); token == "" || !strings.EqualFold(scheme, "Bearer") {
		return resolvers.Viewer{}, unproven
	}
	if name, ok := c.holder(token); ok {
		return resolvers.Viewer{Who: name, Agent: r.UserAgent()}, nil
	}
	if c.Issuer == nil {
		return resolvers.Viewer{}, invalid(whatchanged.Errorf(whatchanged.CodeUnauthenticated, "this token is nobody's"))
	}
	viewer, refused := c.Issuer.viewer(r.Context(), token, c.Sends != nil && c.Sends(r))
	if refused != nil && c.Log != nil {
		c.Log.InfoContext(r.Context(), "a token was refused", "path", r.URL.Path, "error", refused.err, "cause", refused.err.Unwrap())
	}
	viewer.Agent = r.UserAgent()
	return viewer, refused
}

// holder names the holder of one of our own tokens. Tokens are compared by
// their digests in constant time.
func (c Config) holder(token string) (string, bool) {
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
	if !c.Needed() && !loopback(host) {
		return false // a name that somebody made point here
	}
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(c.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && (loopback(u.Hostname()) && loopback(host) || u.Host == r.Host)
}

// refuse answers with problem details (RFC 9457).
func refuse(w http.ResponseWriter, status int, err *whatchanged.Error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": err.Message, "code": err.Code})
}
