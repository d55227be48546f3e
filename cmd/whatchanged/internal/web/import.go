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
	var events []whatchanged.Event
	err := importedSource(r)
	if err == nil {
		err = readJSON(w, r, &events, "an array of change events")
	}
	if err != nil {
		problem(w, err)
		return
	}
	a, err := s.config.Instance.Pipeline.Import(r.Context(), r.PathValue("source"), events)
	s.accepted(w, r, a, err)
}

// report takes what a local reader says of itself: a JSON string, one of
// [whatchanged.ReaderReports].
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	var what string
	err := importedSource(r)
	if err == nil {
		err = readJSON(w, r, &what, "the name of a report")
	}
	if err != nil {
		problem(w, err)
		return
	}
	a, err := s.config.Instance.Pipeline.Report(r.Context(), r.PathValue("source"), what)
	s.accepted(w, r, a, err)
}

// accepted tells a local reader what became of what it sent.
func (s *Server) accepted(w http.ResponseWriter, r *http.Request, a ingest.Accepted, err error) {
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

// Bounds of an answer of stored events.
const (
	maxStored      = 1000     // events
	maxStoredBytes = 16 << 20 // of values
)

// stored answers a selection with the events that are stored, so that a local
// reader knows where to go on, and what is new.
func (s *Server) stored(w http.ResponseWriter, r *http.Request) {
	var selection whatchanged.Selection
	err := importedSource(r)
	if err == nil {
		err = readJSON(w, r, &selection, "a selection of events")
	}
	if err == nil && (selection.Limit < 0 || selection.Limit > maxStored) {
		err = whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%d: want at most %d events", selection.Limit, maxStored).In("limit")
	}
	if err != nil {
		problem(w, err)
		return
	}
	page, err := ingest.StoredIn(s.config.Instance.Index).Stored(r.Context(), r.PathValue("source"), selection)
	if err != nil {
		problem(w, err)
		return
	}
	size := 0
	for i := range page.Events {
		if size += len(page.Events[i].Before) + len(page.Events[i].After); i > 0 && size > maxStoredBytes {
			page.Events = page.Events[:i]
			break
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(page)
}

func importedSource(r *http.Request) error {
	if slices.Contains(imported, r.PathValue("source")) {
		return nil
	}
	return whatchanged.Errorf(whatchanged.CodeNotFound, "no source of that name is imported: want one of %s", strings.Join(imported, ", "))
}

// readJSON reads a body; what says what it should be.
func readJSON(w http.ResponseWriter, r *http.Request, v any, what string) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxImport))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return whatchanged.Errorf(whatchanged.CodeTooLarge, "want at most %d bytes", maxImport)
	} else if err != nil {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "body cannot be read to its end").Hiding(err)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "want %s in JSON", what).Hiding(err)
	}
	return nil
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
