package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// algorithms are those a token may be signed with: of two keys, so that who can
// check a token cannot make one.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// How the issuer is asked for its keys.
const (
	keysFor      = 15 * time.Minute // then they are read again, so that one that was withdrawn is no longer taken
	again        = 10 * time.Second // at the earliest, whatever comes: anybody can send tokens of unknown keys
	issuerAnswer = 5 * time.Second  // at the latest
)

// IssuerConfig says whose tokens are taken, and which of them.
type IssuerConfig struct {
	URL       string   // of the issuer, as its tokens name it
	Public    string   // our own, as clients know it, without a path
	Audiences []string // any of which a token must be for; none: Public, or Public/mcp
	Scopes    []string // all of which a token must have to ask; none: any token may
	Send      string   // the scope it must have to tell us of changes; "": none may
	Groups    string   // the claim that lists the groups of who asks; "": groups

	Now func() time.Time // the clock; nil is time.Now
}

// An Issuer makes tokens elsewhere (JWT, RFC 9068), by whose signatures and
// claims we know who asks. It is not asked about each, only for its keys, and
// not before the first token comes: a server starts while its issuer is away.
type Issuer struct {
	IssuerConfig
	client *http.Client
	flight singleflight.Group // of reading the keys, which all who wait for it share
	mu     sync.Mutex         // of what follows
	keys   oidc.KeySet
	since  time.Time
}

// NewIssuer returns an Issuer, of which nothing is asked yet.
func NewIssuer(c IssuerConfig) (*Issuer, error) {
	if !safe(c.URL) {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want the https address of an issuer, such as https://login.example", c.URL).In("oidc-issuer")
	}
	u, err := url.Parse(c.Public)
	if c.Public = strings.TrimSuffix(c.Public, "/"); err != nil || !safe(c.Public) || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument,
			"%q: with --oidc-issuer, want the https address under which clients reach this server, without a path, such as https://whatchanged.example", c.Public).In("public-url")
	}
	if len(c.Audiences) == 0 {
		c.Audiences = []string{c.Public, c.Public + mcpPath} // clients ask for tokens of what the metadata names
	}
	if c.Groups == "" {
		c.Groups = "groups"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Issuer{IssuerConfig: c, client: &http.Client{Timeout: issuerAnswer, Transport: newCalm(http.DefaultTransport, c.Now)}}, nil
}

// safe reports whether nobody between can change what comes from an address.
func safe(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
}

// viewer says whose a token is, if it may ask or, where that is what they do,
// send.
func (i *Issuer) viewer(ctx context.Context, token string, sends bool) (resolvers.Viewer, *refusal) {
	t, refused := i.verified(ctx, token)
	if refused != nil {
		return resolvers.Viewer{}, refused
	}
	var said claims
	if err := t.Claims(&said); err != nil || t.Subject == "" {
		return resolvers.Viewer{}, invalid(whatchanged.Errorf(whatchanged.CodeUnauthenticated, "the token does not say whose it is: want the claim sub").Hiding(err))
	}
	if refused := i.allowed(said, sends); refused != nil {
		return resolvers.Viewer{}, refused
	}
	return resolvers.Viewer{Who: said.who(t.Subject), Groups: said.groups(i.Groups), Until: t.Expiry}, nil
}

// allowed checks the scopes. Who may ask may not send for that: what is sent
// becomes part of everybody's answers.
func (i *Issuer) allowed(said claims, sends bool) *refusal {
	want := i.Scopes
	if sends && i.Send == "" {
		return tooLittle("", whatchanged.Errorf(whatchanged.CodeUnauthenticated, "tokens of %s may ask but not send; --oidc-send-scope says which may, and those of --auth-token may", i.URL))
	}
	if sends {
		want = []string{i.Send}
	}
	has := append(said.words("scope"), said.words("scp")...)
	for _, scope := range want {
		if !slices.Contains(has, scope) {
			return tooLittle(strings.Join(want, " "), whatchanged.Errorf(whatchanged.CodeUnauthenticated, "the token lacks the scope %s", scope))
		}
	}
	return nil
}

// verified returns what a token says, if the issuer said so, of us, and it
// holds now.
func (i *Issuer) verified(ctx context.Context, token string) (*oidc.IDToken, *refusal) {
	keys, err := i.keySet(ctx)
	if err != nil {
		return nil, unavailable(i.URL, err)
	}
	tried := &attempt{KeySet: keys}
	t, err := oidc.NewVerifier(i.URL, tried, &oidc.Config{
		SupportedSigningAlgs: algorithms, Now: i.Now,
		SkipClientIDCheck: true, // it knows one audience; ours are looked at below
	}).Verify(ctx, token)
	var expired *oidc.TokenExpiredError
	switch {
	case err == nil:
	case errors.As(err, &expired):
		return nil, invalid(whatchanged.Errorf(whatchanged.CodeUnauthenticated, "the token has expired at %s", expired.Expiry.UTC().Format(time.RFC3339)).Hiding(err))
	case errors.Is(tried.err, errAway):
		return nil, unavailable(i.URL, tried.err)
	default:
		return nil, invalid(whatchanged.Errorf(whatchanged.CodeUnauthenticated, "this is no token that holds of %s", i.URL).Hiding(err))
	}
	if !slices.ContainsFunc(t.Audience, func(a string) bool { return slices.Contains(i.Audiences, a) }) {
		return nil, invalid(whatchanged.Errorf(whatchanged.CodeUnauthenticated, "the token is for others: want one for %s", strings.Join(i.Audiences, " or ")))
	}
	return t, nil
}

// An attempt keeps why a signature could not be checked, which go-oidc tells
// as text.
type attempt struct {
	oidc.KeySet
	err error
}

// VerifySignature implements [oidc.KeySet].
func (a *attempt) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, a.err = a.KeySet.VerifySignature(ctx, token)
	return payload, a.err
}

// keySet returns the issuer's keys. Nobody waits for those that are to follow
// others, and while the issuer is away the others are good.
func (i *Issuer) keySet(ctx context.Context) (oidc.KeySet, error) {
	keys, since := i.had()
	if keys != nil && i.Now().Sub(since) < keysFor {
		return keys, nil
	}
	done := i.flight.DoChan("", func() (any, error) { return nil, i.read(context.WithoutCancel(ctx)) }) // for the others too
	if keys != nil {
		return keys, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-done:
		keys, _ = i.had()
		return keys, got.Err
	}
}

func (i *Issuer) had() (oidc.KeySet, time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys, i.since
}

// read asks the issuer where its keys are, and for them.
func (i *Issuer) read(ctx context.Context) error {
	ctx = oidc.ClientContext(ctx, i.client)
	provider, err := oidc.NewProvider(ctx, i.URL)
	if err != nil {
		return err
	}
	var said struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&said); err != nil {
		return err
	}
	if !safe(said.Keys) {
		return fmt.Errorf("%s has its keys at %q: want https", i.URL, said.Keys)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, said.Keys, nil)
	if err != nil {
		return err
	}
	res, err := i.client.Do(req) // go-oidc reads them at the first token, and then it is too late to keep the old
	if err != nil {
		return err
	}
	res.Body.Close()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys, i.since = oidc.NewRemoteKeySet(ctx, said.Keys), i.Now()
	return nil
}

// Claims are what a token says besides what every token does.
type claims map[string]json.RawMessage

// who names the holder: the name is for people, and may be of their choosing;
// the subject is the issuer's word for them alone.
func (c claims) who(subject string) string {
	var name string
	if json.Unmarshal(c["preferred_username"], &name) != nil || name == "" || name == subject {
		return subject
	}
	return name + " (" + subject + ")"
}

// groups returns the texts of a claim, or its one text.
func (c claims) groups(claim string) []string {
	var all []string
	if json.Unmarshal(c[claim], &all) == nil {
		return all
	}
	var one string
	if json.Unmarshal(c[claim], &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}

// words returns the words of a claim, which issuers write as one text or as a
// list.
func (c claims) words(claim string) (all []string) {
	for _, text := range c.groups(claim) {
		all = append(all, strings.Fields(text)...)
	}
	return all
}
