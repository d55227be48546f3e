package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// Handler serves what senders post to: /v1/events for CloudEvents, and
// /v1/webhooks/{source} for the senders' own formats. A 202 means that the
// log has stored the delivery; its position lets a question ask for at least
// that. Refusals are problem details (RFC 9457).
func (p *Pipeline) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/events", func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, "cloudevents") })
	mux.HandleFunc("POST /v1/webhooks/{source}", func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, r.PathValue("source")) })
	return mux
}

func (p *Pipeline) serve(w http.ResponseWriter, r *http.Request, source string) {
	ctx, cancel := context.WithTimeout(r.Context(), p.Timeout)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		writeProblem(w, whatchanged.Errorf(whatchanged.CodeRateLimited, "%d deliveries are being handled; send it again", cap(p.slots)))
		return
	}
	s, ok := p.source(source)
	if !ok {
		writeProblem(w, p.unknownSource(source))
		return
	}
	body, err := p.receive(w, r)
	if err != nil {
		p.metrics.delivery(ctx, s.Name, Accepted{}, err)
		writeProblem(w, err)
		return
	}
	accepted, err := p.Accept(ctx, source, whatchanged.Delivery{Header: header(r, s), Body: body})
	if err != nil {
		writeProblem(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(accepted) // a sender that hung up does not need it
}

func (p *Pipeline) unknownSource(name string) error {
	e := whatchanged.Errorf(whatchanged.CodeNotFound, "no source is called %q", plain(name, maxWord))
	for _, s := range p.Sources {
		e.Suggest = append(e.Suggest, s.Name)
	}
	return e
}

// header returns the headers that the source reads, and the one that proves
// who speaks for sources that do not sign.
func header(r *http.Request, s Source) map[string]string {
	h := map[string]string{}
	for _, name := range append([]string{"authorization"}, s.Header...) {
		if v := r.Header.Values(name); len(v) > 0 {
			h[name] = strings.Join(v, ", ")
		}
	}
	return h
}

// errEncoding says which content codings are read.
var errEncoding = whatchanged.Errorf(whatchanged.CodeInvalidArgument, "want gzip or none").In("Content-Encoding")

// receive reads the body, decompressed. The limit holds before and after, so
// that a small body cannot become a large one.
func (p *Pipeline) receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// Not every ResponseWriter has deadlines; the server's own then hold.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(p.Timeout))
	limit := int64(p.Limits.Body)
	var in io.Reader = http.MaxBytesReader(w, r.Body, limit)
	switch coding := strings.ToLower(r.Header.Get("Content-Encoding")); coding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, p.unreadable(err)
		}
		in = z
	default:
		return nil, errEncoding
	}
	var body bytes.Buffer
	n, err := body.ReadFrom(io.LimitReader(in, limit+1))
	switch {
	case err != nil:
		return nil, p.unreadable(err)
	case n > limit:
		return nil, p.tooLarge()
	}
	return body.Bytes(), nil
}

func (p *Pipeline) unreadable(err error) error {
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return p.tooLarge()
	}
	return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "body cannot be read to its end, or is not in its Content-Encoding").Hiding(err)
}
