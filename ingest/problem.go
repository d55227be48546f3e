package ingest

import (
	"encoding/json"
	"errors"
	"net/http"

	"whatchanged.dev/whatchanged"
)

// A problem is a refusal as problem details (RFC 9457), with the code that
// all surfaces share.
type problem struct {
	Type     string                `json:"type"`
	Title    string                `json:"title"`
	Status   int                   `json:"status"`
	Detail   string                `json:"detail"`
	Code     whatchanged.Code      `json:"code"`
	Field    string                `json:"field,omitempty"`    // of the payload, or a header
	Position *whatchanged.Position `json:"position,omitempty"` // where the refused delivery is kept
	Suggest  []string              `json:"suggest,omitempty"`
}

// problemOf says what the sender may know of err.
func problemOf(err error) problem {
	e := whatchanged.AsError(err)
	meaning := whatchanged.Codes[e.Code]
	pr := problem{Type: "about:blank", Status: meaning.HTTP, Code: e.Code, Field: e.Field, Suggest: e.Suggest}
	if e.Code == whatchanged.CodeInvalidArgument {
		pr.Status = invalidStatus(e.Field)
	}
	pr.Title = http.StatusText(pr.Status)
	if pr.Detail = e.Message; pr.Detail == "" {
		pr.Detail = meaning.Text
	}
	if kept := (*Rejection)(nil); errors.As(err, &kept) {
		pr.Position = &kept.Position
	}
	return pr
}

// invalidStatus tells apart what is no delivery at all, what comes in a form
// that is not read, and what says something impossible.
func invalidStatus(field string) int {
	switch field {
	case "":
		return http.StatusBadRequest
	case "Content-Type", "Content-Encoding":
		return http.StatusUnsupportedMediaType
	}
	return http.StatusUnprocessableEntity
}

func writeProblem(w http.ResponseWriter, err error) {
	pr := problemOf(err)
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	switch pr.Status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	case http.StatusTooManyRequests:
		h.Set("Retry-After", "1")
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusUnsupportedMediaType:
		h.Set("Accept-Encoding", "gzip")
	}
	w.WriteHeader(pr.Status)
	_ = json.NewEncoder(w).Encode(pr) // a sender that hung up does not need it
}
