package auth_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/auth"
	"whatchanged.dev/whatchanged/resolvers"
)

const public = "https://whatchanged.example"

// A login is an issuer at work, with a clock that we both go by.
type login struct {
	*mockoidc.MockOIDC
	t       *testing.T
	later   atomic.Int64                     // that the clock is ahead, in nanoseconds
	keys    atomic.Pointer[mockoidc.Keypair] // those it tells of
	down    atomic.Bool
	fetched atomic.Int64 // how often it was asked for keys
}

// newLogin starts an issuer.
func newLogin(t *testing.T) *login {
	t.Helper()
	server, err := mockoidc.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &login{MockOIDC: server, t: t}
	named(t, server.Keypair)
	l.keys.Store(server.Keypair)
	if err := server.AddMiddleware(l.middle); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(nil)
	if err := server.Start(s.Listener, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Shutdown() })
	return l
}

// middle stands before the issuer.
func (l *login) middle(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == mockoidc.JWKSEndpoint {
			l.fetched.Add(1)
		}
		switch {
		case l.down.Load():
			http.Error(w, "down", http.StatusBadGateway)
		case r.URL.Path == mockoidc.JWKSEndpoint:
			keys, _ := l.keys.Load().JWKS()
			_, _ = w.Write(keys)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (l *login) now() time.Time         { return time.Now().Add(time.Duration(l.later.Load())) }
func (l *login) passes(d time.Duration) { l.later.Add(int64(d)) }
func (l *login) issuer(c auth.IssuerConfig) auth.Config {
	l.t.Helper()
	c.URL, c.Public, c.Now = l.Issuer(), public, l.now
	i, err := auth.NewIssuer(c)
	if err != nil {
		l.t.Fatal(err)
	}
	return auth.Config{Issuer: i}
}

// claims are those of a good token, but for some.
func (l *login) claims(but map[string]any) jwt.MapClaims {
	c := jwt.MapClaims{"iss": l.Issuer(), "aud": public, "sub": "u-1", "exp": l.now().Add(time.Hour).Unix()}
	for k, v := range but {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

func (l *login) token(but map[string]any) string {
	l.t.Helper()
	return signed(l.t, l.keys.Load(), l.claims(but))
}

func signed(t *testing.T, by *mockoidc.Keypair, claims jwt.Claims) string {
	t.Helper()
	s, err := by.SignJWT(claims)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keypair(t *testing.T) *mockoidc.Keypair {
	t.Helper()
	k, err := mockoidc.RandomKeypair(2048)
	if err != nil {
		t.Fatal(err)
	}
	named(t, k)
	return k
}

// named asks a pair for its id, which it notes when first asked: later the
// issuer and a test may ask at once.
func named(t *testing.T, k *mockoidc.Keypair) {
	t.Helper()
	if _, err := k.KeyID(); err != nil {
		t.Fatal(err)
	}
}

// A got is what came of a request.
type got struct {
	status               int
	who, body, challenge string
	retry                string
}

// asks sends a request with a token past a guard.
func asks(t *testing.T, c auth.Config, path, token string) (out got) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, public+path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res := httptest.NewRecorder()
	c.Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { out.who = viewer(t, r.Context()) })).ServeHTTP(res, r)
	out.status, out.body, out.challenge, out.retry = res.Code, res.Body.String(), res.Header().Get("WWW-Authenticate"), res.Header().Get("Retry-After")
	return out
}

func TestWhoseTokensAreTaken(t *testing.T) {
	l := newLogin(t)
	other := keypair(t)
	raw := func(alg, kid string, claims jwt.MapClaims, more map[string]any) (header, body string) {
		h := map[string]any{"alg": alg, "typ": "JWT", "kid": kid}
		maps.Copy(h, more)
		enc := func(v any) string { b, _ := json.Marshal(v); return base64.RawURLEncoding.EncodeToString(b) }
		return enc(h), enc(claims)
	}
	kid, _ := l.Keypair.KeyID()
	none := func() string { h, b := raw("none", kid, l.claims(nil), nil); return h + "." + b + "." }
	made := func(method jwt.SigningMethod, key any, header map[string]any) string {
		token := jwt.NewWithClaims(method, l.claims(nil))
		maps.Copy(token.Header, header)
		s, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	hmac := func(secret []byte) string { return made(jwt.SigningMethodHS256, secret, map[string]any{"kid": kid}) }
	headed := func(by *mockoidc.Keypair, header map[string]any) string {
		return made(jwt.SigningMethodRS256, by.PrivateKey, header)
	}
	der, _ := x509.MarshalPKIXPublicKey(l.Keypair.PublicKey)
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	otherKeys, _ := other.JWKS()
	var own struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(otherKeys, &own); err != nil {
		t.Fatal(err)
	}
	good := l.token(nil)
	parts := strings.Split(good, ".")
	_, forged := raw("RS256", kid, l.claims(map[string]any{"sub": "root"}), nil)

	for _, tt := range []struct {
		claim, token string
		status       int
		who, says    string
	}{
		{"a good one", good, 200, "u-1", ""},
		{"with a name, that beside the subject", l.token(map[string]any{"preferred_username": "ann"}), 200, "ann (u-1)", ""},
		{"of the MCP surface", l.token(map[string]any{"aud": public + "/mcp"}), 200, "u-1", ""},
		{"for others too", l.token(map[string]any{"aud": []string{"https://other.example", public}}), 200, "u-1", ""},
		{"not yet valid by a clock that is a little off", l.token(map[string]any{"nbf": l.now().Add(time.Minute).Unix()}), 200, "u-1", ""},
		{"without a key's id, if a key fits", headed(l.Keypair, nil), 200, "u-1", ""},

		{"expired", l.token(map[string]any{"exp": l.now().Add(-time.Second).Unix()}), 401, "", "the token has expired at"},
		{"that never expires", l.token(map[string]any{"exp": nil}), 401, "", "the token has expired at"},
		{"not valid yet", l.token(map[string]any{"nbf": l.now().Add(time.Hour).Unix()}), 401, "", "no token that holds"},
		{"for others", l.token(map[string]any{"aud": "https://other.example"}), 401, "", "the token is for others: want one for " + public},
		{"for one that begins like us", l.token(map[string]any{"aud": public + ".evil.example"}), 401, "", "for others"},
		{"for nobody", l.token(map[string]any{"aud": nil}), 401, "", "for others"},
		{"of another issuer, though with the right key", l.token(map[string]any{"iss": "https://login.evil.example"}), 401, "", "no token that holds of " + l.Issuer()},
		{"of nobody", l.token(map[string]any{"iss": nil}), 401, "", "no token that holds"},
		{"about nobody", l.token(map[string]any{"sub": nil}), 401, "", "want the claim sub"},
		{"unsigned", none(), 401, "", "no token that holds"},
		{"signed with the public key as if it were a secret", hmac(publicPEM), 401, "", "no token that holds"},
		{"or with its bytes", hmac(der), 401, "", "no token that holds"},
		{"of a key that nobody knows", signed(t, other, l.claims(nil)), 401, "", "no token that holds"},
		{"of another key under a known id", headed(other, map[string]any{"kid": kid}), 401, "", "no token that holds"},
		{"that brings its own key", headed(other, map[string]any{"kid": "own", "jwk": own.Keys[0]}), 401, "", "no token that holds"},
		{"that says where its keys are", headed(other, map[string]any{"kid": "own", "jku": "https://evil.example/keys"}), 401, "", "no token that holds"},
		{"with other claims than were signed", parts[0] + "." + forged + "." + parts[2], 401, "", "no token that holds"},
		{"without its signature", parts[0] + "." + parts[1] + ".", 401, "", "no token that holds"},
		{"that is none", "what", 401, "", "no token that holds"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			g := asks(t, l.issuer(auth.IssuerConfig{}), "/graphql", tt.token)
			if g.status != tt.status || g.who != tt.who || !strings.Contains(g.body, tt.says) {
				t.Errorf("%+v, want %d as %q with %q", g, tt.status, tt.who, tt.says)
			}
			if g.status == 401 && !strings.Contains(g.challenge, `error="invalid_token"`) {
				t.Errorf("challenge %s", g.challenge)
			}
		})
	}
}

// TestTokensOfTheIssuersOwnMaking: an access token that the issuer gave out in
// the flow of a client, and our own tokens beside it.
func TestTokensOfTheIssuersOwnMaking(t *testing.T) {
	l := newLogin(t)
	session, err := l.SessionStore.NewSession("openid profile", "", mockoidc.DefaultUser(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := session.AccessToken(l.Config(), l.Keypair, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := l.issuer(auth.IssuerConfig{Audiences: []string{l.ClientID}})
	c.Tokens = map[string]string{"ci": "secret"}
	for token, want := range map[string]string{token: mockoidc.DefaultUser().Subject, "secret": "ci"} {
		if g := asks(t, c, "/mcp", token); g.status != 200 || !strings.Contains(g.who, want) {
			t.Errorf("%+v, want 200 as %s", g, want)
		}
	}
	if g := asks(t, l.issuer(auth.IssuerConfig{}), "/mcp", token); g.status != 401 {
		t.Errorf("a token for another client: %+v", g)
	}
}

func TestKeysThatChange(t *testing.T) {
	l := newLogin(t)
	c := l.issuer(auth.IssuerConfig{})
	is := func(claim, token string, want int) {
		t.Helper()
		if g := asks(t, c, "/graphql", token); g.status != want {
			t.Errorf("%s: %+v, want %d", claim, g, want)
		}
	}
	old := l.token(nil)
	is("the key of now", old, 200)
	fetched := l.fetched.Load()
	for range 20 {
		is("the key of now", old, 200)
		is("a key that nobody knows", signed(t, keypair(t), l.claims(nil)), 401)
	}
	if n := l.fetched.Load(); n != fetched {
		t.Errorf("the issuer was asked for its keys %d times more", n-fetched)
	}

	l.keys.Store(keypair(t))
	l.passes(11 * time.Second)
	is("the key that came", l.token(nil), 200)
	is("the key that went, unless the issuer names it no longer", old, 401)

	l.down.Store(true)
	l.passes(20 * time.Minute)
	is("a known key while the issuer is away", l.token(nil), 200)
	g := asks(t, c, "/graphql", signed(t, keypair(t), l.claims(nil)))
	if g.status != 503 || g.retry != "10" || !strings.Contains(g.body, `"UNAVAILABLE"`) {
		t.Errorf("an unknown one meanwhile: %+v", g)
	}
	l.down.Store(false)
	l.passes(time.Minute)

	gone := l.token(nil)
	l.keys.Store(keypair(t))
	for asks(t, c, "/graphql", gone).status == 200 { // until the keys have been read anew, which nobody waits for
		runtime.Gosched()
	}
	is("the key of now", l.token(nil), 200)
}

// TestAnIssuerThatIsAwayAtFirst: nothing is known of any token, and soon after
// it is back all is well.
func TestAnIssuerThatIsAwayAtFirst(t *testing.T) {
	l := newLogin(t)
	l.down.Store(true)
	c := l.issuer(auth.IssuerConfig{})
	if g := asks(t, c, "/graphql", l.token(nil)); g.status != 503 || g.challenge != "" {
		t.Errorf("away: %+v", g)
	}
	l.down.Store(false)
	if g := asks(t, c, "/graphql", l.token(nil)); g.status != 503 {
		t.Errorf("asked again at once: %+v", g)
	}
	l.passes(11 * time.Second)
	if g := asks(t, c, "/graphql", l.token(nil)); g.status != 200 {
		t.Errorf("back: %+v", g)
	}
}

func TestScopes(t *testing.T) {
	l := newLogin(t)
	sends := func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v1/") }
	for _, tt := range []struct {
		claim  string
		issuer auth.IssuerConfig
		path   string
		token  map[string]any
		status int
		scope  string // that is said to be needed
	}{
		{"none is needed", auth.IssuerConfig{}, "/graphql", nil, 200, ""},
		{"one of several words", auth.IssuerConfig{Scopes: []string{"prod:read"}}, "/graphql", map[string]any{"scope": "openid prod:read"}, 200, ""},
		{"as some issuers list it", auth.IssuerConfig{Scopes: []string{"prod:read"}}, "/graphql", map[string]any{"scp": []string{"prod:read"}}, 200, ""},
		{"one is lacking", auth.IssuerConfig{Scopes: []string{"prod:read"}}, "/graphql", map[string]any{"scope": "openid prod:reader"}, 403, "prod:read"},
		{"any is", auth.IssuerConfig{Scopes: []string{"prod:read"}}, "/mcp", nil, 403, "prod:read"},
		{"all are needed, and told", auth.IssuerConfig{Scopes: []string{"prod:read", "prod:values"}}, "/mcp", map[string]any{"scope": "prod:read"}, 403, "prod:read prod:values"},
		{"who may ask may not send", auth.IssuerConfig{Scopes: []string{"prod:read"}}, "/v1/events", map[string]any{"scope": "prod:read"}, 403, ""},
		{"nor where asking needs none", auth.IssuerConfig{}, "/v1/events", nil, 403, ""},
		{"unless the scope for that is there", auth.IssuerConfig{Send: "prod:send"}, "/v1/events", map[string]any{"scope": "prod:send"}, 200, ""},
		{"which is told", auth.IssuerConfig{Send: "prod:send"}, "/v1/events", nil, 403, "prod:send"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			c := l.issuer(tt.issuer)
			c.Sends, c.Tokens = sends, map[string]string{"ci": "secret"}
			g := asks(t, c, tt.path, l.token(tt.token))
			if g.status != tt.status {
				t.Fatalf("%+v, want %d", g, tt.status)
			}
			if g.status == 403 && (!strings.Contains(g.challenge, `error="insufficient_scope"`) || strings.Contains(g.challenge, fmt.Sprintf(" scope=%q", tt.scope)) != (tt.scope != "") || tt.scope == "" && strings.Contains(g.challenge, " scope=")) {
				t.Errorf("challenge %s, want scope %q", g.challenge, tt.scope)
			}
			if g := asks(t, c, tt.path, "secret"); g.status != 200 {
				t.Errorf("our own token: %+v", g)
			}
		})
	}
}

// TestWhoAsksIsWhomTheTokenNames: with groups, and for as long as it holds.
func TestWhoAsksIsWhomTheTokenNames(t *testing.T) {
	l := newLogin(t)
	until := l.now().Add(time.Hour).Truncate(time.Second)
	for _, tt := range []struct {
		claims map[string]any
		claim  string
		want   []string
	}{
		{map[string]any{"groups": []string{"sre", "shop"}}, "", []string{"sre", "shop"}},
		{map[string]any{"groups": "sre"}, "", []string{"sre"}},
		{map[string]any{"groups": 7}, "", nil},
		{map[string]any{"roles": []string{"sre"}}, "roles", []string{"sre"}},
		{nil, "", nil},
	} {
		but := map[string]any{"exp": until.Unix()}
		maps.Copy(but, tt.claims)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", nil)
		r.Header.Set("User-Agent", "assistant/1")
		v, err := l.issuer(auth.IssuerConfig{Groups: tt.claim}).Login(r, "Bearer "+l.token(but))
		want := resolvers.Viewer{Who: "u-1", Agent: "assistant/1", Groups: tt.want, Until: until}
		if err != nil || v.Who != want.Who || v.Agent != want.Agent || !v.Until.Equal(until) || !slices.Equal(v.Groups, want.Groups) {
			t.Errorf("%v: %+v, %v; want %+v", tt.claims, v, err, want)
		}
	}
}

// TestATokenStandsInTheHeaderAlone: addresses end up in logs.
func TestATokenStandsInTheHeaderAlone(t *testing.T) {
	l := newLogin(t)
	for _, path := range []string{"/graphql?access_token=" + l.token(nil), "/mcp?authorization=Bearer%20" + l.token(nil)} {
		if g := asks(t, l.issuer(auth.IssuerConfig{}), path, ""); g.status != 401 {
			t.Errorf("%.40s: %+v", path, g)
		}
	}
}

func TestChallengesSayWhereToReadOn(t *testing.T) {
	l := newLogin(t)
	for _, tt := range []struct {
		scopes     []string
		path, want string
	}{
		{nil, "/graphql", `Bearer resource_metadata="` + public + `/.well-known/oauth-protected-resource"`},
		{nil, "/mcp", `Bearer resource_metadata="` + public + `/.well-known/oauth-protected-resource/mcp"`},
		{[]string{"prod:read"}, "/mcp", `Bearer resource_metadata="` + public + `/.well-known/oauth-protected-resource/mcp", scope="prod:read"`},
	} {
		if g := asks(t, l.issuer(auth.IssuerConfig{Scopes: tt.scopes}), tt.path, ""); g.status != 401 || g.challenge != tt.want {
			t.Errorf("%s: %d %s, want 401 %s", tt.path, g.status, g.challenge, tt.want)
		}
	}
}

func TestMetadata(t *testing.T) {
	l := newLogin(t)
	with := l.issuer(auth.IssuerConfig{Scopes: []string{"prod:read"}})
	for _, tt := range []struct {
		config   auth.Config
		path     string
		status   int
		resource string
	}{
		{with, "/.well-known/oauth-protected-resource", 200, public},
		{with, "/.well-known/oauth-protected-resource/mcp", 200, public + "/mcp"},
		{with, "/.well-known/oauth-protected-resource/other", 404, ""},
		{with, "/.well-known/oauth-authorization-server", 404, ""},
		{auth.Config{}, "/.well-known/oauth-protected-resource", 404, ""},
		{auth.Config{Tokens: map[string]string{"ci": "secret"}}, "/.well-known/oauth-protected-resource/mcp", 404, ""},
	} {
		res := httptest.NewRecorder()
		tt.config.Metadata().ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, nil))
		var m struct {
			Resource string
			Servers  []string `json:"authorization_servers"`
			Methods  []string `json:"bearer_methods_supported"`
			Scopes   []string `json:"scopes_supported"`
		}
		_ = json.Unmarshal(res.Body.Bytes(), &m)
		if res.Code != tt.status || m.Resource != tt.resource {
			t.Errorf("%s: %d %s, want %d %s", tt.path, res.Code, res.Body, tt.status, tt.resource)
		}
		if tt.status == 200 && (!slices.Equal(m.Servers, []string{l.Issuer()}) || !slices.Equal(m.Methods, []string{"header"}) || !slices.Equal(m.Scopes, []string{"prod:read"})) {
			t.Errorf("%s: %s", tt.path, res.Body)
		}
	}
}

func TestIssuersThatCannotBeTrusted(t *testing.T) {
	for _, tt := range []struct{ issuer, public, field string }{
		{"http://login.example", public, "oidc-issuer"},
		{"login.example", public, "oidc-issuer"},
		{"", public, "oidc-issuer"},
		{"https://login.example", "", "public-url"},
		{"https://login.example", "http://whatchanged.example", "public-url"},
		{"https://login.example", public + "/below", "public-url"},
		{"https://login.example", public + "?a=b", "public-url"},
		{"https://login.example", public + "/", ""},
		{"https://login.example/tenant", "http://127.0.0.1:8080", ""},
	} {
		_, err := auth.NewIssuer(auth.IssuerConfig{URL: tt.issuer, Public: tt.public})
		if ok := tt.field == ""; ok != (err == nil) || !ok && (!errors.Is(err, whatchanged.ErrInvalid) || whatchanged.AsError(err).Field != tt.field) {
			t.Errorf("%s for %s: %v, want fault with %q", tt.issuer, tt.public, err, tt.field)
		}
	}
}

// TestWhyATokenWasRefusedIsLogged: the token itself is not.
func TestWhyATokenWasRefusedIsLogged(t *testing.T) {
	l := newLogin(t)
	var log bytes.Buffer
	c := l.issuer(auth.IssuerConfig{})
	c.Log = slog.New(slog.NewJSONHandler(&log, nil))
	token := signed(t, keypair(t), l.claims(nil))
	asks(t, c, "/graphql", token)
	if !strings.Contains(log.String(), "failed to verify id token signature") || strings.Contains(log.String(), token) {
		t.Errorf("logged %s", &log)
	}
}
