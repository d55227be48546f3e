package web

import (
	"encoding/json"
	"io"
	"net/http"

	"whatchanged.dev/whatchanged"
)

// maxImport bounds a batch of imported events, in bytes.
const maxImport = 32 << 20

// importEvents takes a JSON array of change events from a local reader, such as
// whatchanged ingest git, on the same way as deliveries.
func (s *Server) importEvents(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxImport))
	if err != nil {
		problem(w, whatchanged.Errorf(whatchanged.CodeTooLarge, "want at most %d bytes", maxImport))
		return
	}
	var events []whatchanged.Event
	if err := json.Unmarshal(body, &events); err != nil {
		problem(w, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "want a JSON array of change events: %v", err))
		return
	}
	a, err := s.config.Instance.Pipeline.Import(r.Context(), r.PathValue("source"), events)
	if err != nil {
		if e := whatchanged.AsError(err); e.Code == whatchanged.CodeInternal {
			s.config.Log.ErrorContext(r.Context(), "import", "error", err)
		}
		problem(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(a)
}

// problem writes a refusal as problem details (RFC 9457).
func problem(w http.ResponseWriter, err error) {
	e := whatchanged.AsError(err)
	status := whatchanged.Codes[e.Code].HTTP
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status,
		"code": e.Code, "field": e.Field, "detail": e.Error()})
}
