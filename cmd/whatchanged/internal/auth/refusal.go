package auth

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A refusal is why somebody is not let in, with what OAuth has for it (RFC 6750,
// section 3.1).
type refusal struct {
	err    *whatchanged.Error
	status int
	oauth  string // the error code, "" when nothing was to be judged
	scope  string // all that is needed, when it is too little
}

var unproven = &refusal{whatchanged.Errorf(whatchanged.CodeUnauthenticated, "want the header Authorization: Bearer TOKEN"), http.StatusUnauthorized, "", ""}

func invalid(err *whatchanged.Error) *refusal {
	return &refusal{err, http.StatusUnauthorized, "invalid_token", ""}
}

func tooLittle(scope string, err *whatchanged.Error) *refusal {
	return &refusal{err, http.StatusForbidden, "insufficient_scope", scope}
}

func unavailable(issuer string, cause error) *refusal {
	return &refusal{whatchanged.Errorf(whatchanged.CodeUnavailable, "the keys of %s cannot be had, so whose this token is cannot be told; ask again in %v", issuer, again).Hiding(cause),
		http.StatusServiceUnavailable, "", ""}
}

// turnAway answers who is not let in, and says how they could be.
func (c Config) turnAway(w http.ResponseWriter, r *http.Request, err *refusal) {
	if err.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(again/time.Second)))
	} else {
		w.Header().Set("WWW-Authenticate", c.challenge(r, err))
	}
	refuse(w, err.status, err.err)
}

// challenge says which token is wanted and, with an issuer, where to read whom
// to ask for one (RFC 9728, section 5.1).
func (c Config) challenge(r *http.Request, err *refusal) string {
	if c.Issuer == nil {
		return `Bearer realm="whatchanged"`
	}
	parts := []string{fmt.Sprintf("resource_metadata=%q", c.Issuer.metadataOf(r.URL.Path))}
	scope := err.scope
	if err.status == http.StatusUnauthorized {
		scope = strings.Join(c.Issuer.Scopes, " ")
	}
	if scope != "" {
		parts = append(parts, fmt.Sprintf("scope=%q", scope))
	}
	if err.oauth != "" {
		parts = append(parts, fmt.Sprintf("error=%q", err.oauth), fmt.Sprintf("error_description=%q", err.err.Message))
	}
	return "Bearer " + strings.Join(parts, ", ")
}
