package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/ingest"
)

// maxImport bounds a batch of imported events, in bytes.
const maxImport = 32 << 20

// imported are the sources of local readers. No other's name can be used here:
// who is heard under it would have to have signed, and a metric has it as a
// label.
var imported = []string{ingest.GitSource, ingest.BackstageSource, ingest.TopologySource}

// importEvents takes a JSON array of change events from a local reader, such as
// whatchanged ingest git, on the same way as deliveries.
func (s *Server) importEvents(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(imported, r.PathValue("source")) {
		problem(w, whatchanged.Errorf(whatchanged.CodeNotFound, "no source of that name is imported: want one of %s", strings.Join(imported, ", ")))
		return
	}
	events, err := readEvents(w, r)
	if err != nil {
		problem(w, err)
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

func readEvents(w http.ResponseWriter, r *http.Request) ([]whatchanged.Event, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxImport))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, whatchanged.Errorf(whatchanged.CodeTooLarge, "want at most %d bytes", maxImport)
	} else if err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "body cannot be read to its end").Hiding(err)
	}
	var events []whatchanged.Event
	if err := json.Unmarshal(body, &events); err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "want a JSON array of change events").Hiding(err)
	}
	return events, nil
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
