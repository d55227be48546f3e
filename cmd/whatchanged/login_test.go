package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	sdkauth "github.com/modelcontextprotocol/go-sdk/auth"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"github.com/oauth2-proxy/mockoidc"
)

// publicURL is that under which clients reach the servers of these tests, so
// they think.
const publicURL = "https://whatchanged.example"

// issuing starts an issuer.
func issuing(t *testing.T) *mockoidc.MockOIDC {
	t.Helper()
	issuer, err := mockoidc.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.Keypair.KeyID(); err != nil { // which it notes when first asked: nobody else may ask then
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := issuer.Start(l, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = issuer.Shutdown() })
	return issuer
}

// loggingIn starts a server that takes the tokens of an issuer, and returns how
// to get one with a scope.
func loggingIn(t *testing.T) (*process, func(scope string) string) {
	t.Helper()
	issuer := issuing(t)
	s := serving(t, t.TempDir(), "--oidc-issuer", issuer.Issuer(), "--public-url", publicURL, "--oidc-scope", "prod:read", "--auth-token", "ci=secret")
	return s, func(scope string) string {
		token, err := issuer.Keypair.SignJWT(jwt.MapClaims{"iss": issuer.Issuer(), "aud": publicURL + "/mcp", "sub": "u-1", "preferred_username": "ann",
			"groups": []string{"sre"}, "scope": scope, "exp": time.Now().Add(time.Hour).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
}

// An asked is what came of a request.
type asked struct {
	status int
	header http.Header
	body   string
}

// ask asks a path of a server.
func (s *process) ask(method, path, token, body string) asked {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return asked{res.StatusCode, res.Header, string(b)}
}

// TestWhoHasNoTokenIsToldWhereToGetOne: what a client of MCP reads, as the
// official one reads it.
func TestWhoHasNoTokenIsToldWhereToGetOne(t *testing.T) {
	s, _ := loggingIn(t)
	res := s.ask(http.MethodPost, "/mcp", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	challenges, err := oauthex.ParseWWWAuthenticate(res.header.Values("WWW-Authenticate"))
	if err != nil || res.status != http.StatusUnauthorized || len(challenges) != 1 {
		t.Fatalf("%d %v %v", res.status, challenges, err)
	}
	said := challenges[0].Params
	if said["scope"] != "prod:read" || said["resource_metadata"] != publicURL+"/.well-known/oauth-protected-resource/mcp" {
		t.Errorf("challenge %v", said)
	}
	for path, resource := range map[string]string{"/.well-known/oauth-protected-resource/mcp": publicURL + "/mcp", "/.well-known/oauth-protected-resource": publicURL} {
		m, err := oauthex.GetProtectedResourceMetadata(t.Context(), s.url+path, resource, http.DefaultClient)
		if err != nil || len(m.AuthorizationServers) != 1 {
			t.Errorf("%s: %+v, %v", path, m, err)
		}
	}
}

// TestWithoutAnIssuerThereIsNoMetadata: and that is told at once.
func TestWithoutAnIssuerThereIsNoMetadata(t *testing.T) {
	for _, args := range [][]string{nil, {"--auth-token", "ci=secret"}} {
		s := serving(t, t.TempDir(), args...)
		for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} {
			if res := s.ask(http.MethodGet, path, "", ""); res.status != http.StatusNotFound {
				t.Errorf("%v %s: %d %s", args, path, res.status, res.body)
			}
		}
	}
}

// TestTokensOfAnIssuerAreTakenEverywhere: by GraphQL, by MCP as the official
// client asks it, by the command line; not to send; and never where it would
// end up in a log.
func TestTokensOfAnIssuerAreTakenEverywhere(t *testing.T) {
	s, token := loggingIn(t)
	const query = `{"query":"{timeline(input:{}){verdict}}"}`
	good := token("openid prod:read")
	for _, tt := range []struct {
		claim, path, token string
		status             int
	}{
		{"GraphQL", "/graphql", good, 200},
		{"our own token besides", "/graphql", "secret", 200},
		{"none", "/graphql", "", 401},
		{"one without the scope", "/graphql", token("openid"), 403},
		{"one in the address", "/graphql?access_token=" + good, "", 401},
		{"metrics", "/metrics", "", 401},
		{"health", "/healthz", "", 200},
		{"sending with a token to ask", "/v1/events", good, 403},
	} {
		method := http.MethodPost
		if tt.path == "/metrics" || tt.path == "/healthz" {
			method = http.MethodGet
		}
		if res := s.ask(method, tt.path, tt.token, query); res.status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.claim, res.status, res.body, tt.status)
		}
	}
	if exit, _, stderr := result(t, "ask", "timeline", "--server", s.url, "--token", good); exit != 0 {
		t.Errorf("the command line: exit %d: %s", exit, stderr)
	}
	if exit, _, stderr := result(t, "ask", "timeline", "--server", s.url, "--token", token("openid")); exit != 77 || !strings.Contains(stderr, "lacks the scope prod:read") {
		t.Errorf("without the scope: exit %d: %s", exit, stderr)
	}
	session, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(),
		&sdk.StreamableClientTransport{Endpoint: s.url + "/mcp", HTTPClient: &http.Client{Transport: bearing(good)}, DisableStandaloneSSE: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if res, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "timeline", Arguments: map[string]any{}}); err != nil || res.IsError {
		t.Errorf("MCP: %+v, %v", res, err)
	}
	for _, who := range []string{"ann (u-1)", "ci"} {
		if !strings.Contains(s.log.String(), who) {
			t.Errorf("the audit does not name %s:\n%s", who, s.log)
		}
	}
	if strings.Contains(s.log.String(), good) {
		t.Error("the log has the token")
	}
}

// TestAnAssistantLogsItsUserIn: the official client finds the issuer and logs in
// there, knowing nothing but our address.
func TestAnAssistantLogsItsUserIn(t *testing.T) {
	issuer := issuing(t)
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String() // the metadata must name it before the server listens
	free.Close()
	s := serving(t, t.TempDir(), "--listen", address, "--public-url", "http://"+address, "--oidc-issuer", issuer.Issuer(), "--oidc-audience", issuer.ClientID)
	login, err := sdkauth.NewAuthorizationCodeHandler(&sdkauth.AuthorizationCodeHandlerConfig{
		PreregisteredClient:      &oauthex.ClientCredentials{ClientID: issuer.ClientID, ClientSecretAuth: &oauthex.ClientSecretAuth{ClientSecret: issuer.ClientSecret}},
		RedirectURL:              "http://127.0.0.1/callback",
		ScopeFilter:              func([]string) []string { return []string{"openid", "profile"} }, // the issuer knows no others
		AuthorizationCodeFetcher: consents,
	})
	if err != nil {
		t.Fatal(err)
	}
	session, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(),
		&sdk.StreamableClientTransport{Endpoint: s.url + "/mcp", OAuthHandler: login, DisableStandaloneSSE: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if res, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "timeline", Arguments: map[string]any{}}); err != nil || res.IsError {
		t.Errorf("%+v, %v", res, err)
	}
	if who := mockoidc.DefaultUser().Subject; !strings.Contains(s.log.String(), who) {
		t.Errorf("the audit does not name %s:\n%s", who, s.log)
	}
}

// consents is a user who logs in at the issuer and is sent back with a code.
func consents(ctx context.Context, args *sdkauth.AuthorizationArgs) (*sdkauth.AuthorizationResult, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, args.URL, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	res.Body.Close()
	back, err := res.Location()
	if err != nil {
		return nil, err
	}
	return &sdkauth.AuthorizationResult{Code: back.Query().Get("code"), State: back.Query().Get("state")}, nil
}

// TestAPageSaysInItsFirstMessageWhoAsks: as the client in use says it, since a
// browser sets no headers on WebSockets.
func TestAPageSaysInItsFirstMessageWhoAsks(t *testing.T) {
	s, token := loggingIn(t)
	for name, good := range map[string]string{"of the issuer": token("prod:read"), "our own": "secret"} {
		out := script(t, "login.mjs", s.url+"/graphql", good)
		for _, want := range []string{"right: answered\n", "wrong: closed with 4403 UNAUTHENTICATED: ", "none: closed with 4401 UNAUTHENTICATED: ", "a foreign page: Unexpected server response: 403"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: nothing says %q:\n%s", name, want, out)
			}
		}
	}
	if out := script(t, "login.mjs", s.url+"/graphql", token("openid")); !strings.Contains(out, "right: closed with 4403 UNAUTHENTICATED: the token lacks the scope prod:read") {
		t.Errorf("without the scope:\n%s", out)
	}
}

// bearing is a token that goes along with every request.
type bearing string

// RoundTrip implements [http.RoundTripper].
func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// TestWhoseTokensCannotBeToldIsRefusedAtTheStart: settings that would let in
// nobody, or not whom one means.
func TestWhoseTokensCannotBeToldIsRefusedAtTheStart(t *testing.T) {
	for claim, args := range map[string][]string{
		"an issuer that anybody between can play":     {"--oidc-issuer", "http://login.example", "--public-url", publicURL},
		"an issuer of tokens for an address unknown":  {"--oidc-issuer", "https://login.example"},
		"scopes of tokens that nobody makes":          {"--oidc-scope", "prod:read"},
		"an address for others without any to log in": {"--listen", "0.0.0.0:0"},
	} {
		if exit, _, stderr := result(t, append([]string{"serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0"}, args...)...); exit != 2 {
			t.Errorf("%s: exit %d: %s", claim, exit, stderr)
		}
	}
}
