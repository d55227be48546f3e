package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWhatIsNotImportedIsRefused: before anything is asked of the instance.
func TestWhatIsNotImportedIsRefused(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/import/{source}", (&Server{}).importEvents)
	mux.HandleFunc("POST /v1/import/{source}/stored", (&Server{}).stored)
	for _, tt := range []struct {
		claim, source, body string
		status              int
	}{
		{"a source that signs", "github", `[{"id":"1"}]`, http.StatusNotFound},
		{"a source there is not", "nobody", `[]`, http.StatusNotFound},
		{"no array", "git", `{"id":"1"}`, http.StatusBadRequest},
		{"no events", "git", `[{"kind":5}]`, http.StatusBadRequest},
		{"asked for a source that signs", "github/stored", `{"ids":["1"]}`, http.StatusNotFound},
		{"no selection", "git/stored", `["1"]`, http.StatusBadRequest},
		{"more than is told at once", "git/stored", `{"limit":1001}`, http.StatusBadRequest},
		{"too much", "git", strings.Repeat(" ", maxImport+1), http.StatusRequestEntityTooLarge},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/import/"+tt.source, strings.NewReader(tt.body)))
			if w.Code != tt.status || strings.Contains(w.Body.String(), "Go ") {
				t.Errorf("%d %s, want %d", w.Code, w.Body, tt.status)
			}
		})
	}
}
