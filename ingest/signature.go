package ingest

import (
	"crypto/hmac"
	"strings"

	"whatchanged.dev/whatchanged"
)

// authentic checks that a delivery comes from whom it says, on the bytes as
// they were received.
func (p *Pipeline) authentic(s Source, d whatchanged.Delivery) error {
	secret := p.Secrets[s.Name]
	switch {
	case s.Verify != nil && len(secret) > 0:
		return s.Verify(secret, d)
	case s.Verify != nil && !p.AllowUnsigned:
		return whatchanged.Errorf(whatchanged.CodeUnauthenticated,
			"no secret is configured for %s, so its signature cannot be checked: set one with --webhook-secret %s=SECRET", s.Name, s.Name)
	case s.Verify == nil && len(secret) > 0:
		return bearer(secret, d)
	}
	return nil
}

// bearer is for senders that do not sign and can be told to send a header.
func bearer(secret []byte, d whatchanged.Delivery) error {
	given := d.Header["authorization"]
	scheme, token, _ := strings.Cut(given, " ")
	switch {
	case given == "":
		return whatchanged.Errorf(whatchanged.CodeUnauthenticated, "missing: want Bearer and the secret configured for this source").In("Authorization")
	case !strings.EqualFold(scheme, "bearer") || !hmac.Equal([]byte(strings.TrimSpace(token)), secret):
		return whatchanged.Errorf(whatchanged.CodeUnauthenticated, "not the secret configured for this source").In("Authorization")
	}
	return nil
}

// proves reports whether a header proves who is speaking. Such headers are
// seen by Verify only.
func proves(header string) bool {
	for _, word := range []string{"signature", "token", "secret", "authorization", "hmac", "cookie", "password", "api-key"} {
		if strings.Contains(header, word) {
			return true
		}
	}
	return false
}
