package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// errAway is that an issuer did not answer.
var errAway = errors.New("the issuer does not answer")

// maxDocument bounds what is read of an issuer's document, in bytes.
const maxDocument = 1 << 20

// A calm fetches an address once in a while at most and says in between what
// it was told then, be it that nobody answers: whoever sends us tokens cannot
// make us flood their issuer. It is asked for the few addresses that the issuer
// names. Redirects are not followed.
type calm struct {
	next http.RoundTripper
	now  func() time.Time
	mu   sync.Mutex
	told map[string]told // by address
}

// A told is what came of a request.
type told struct {
	at     time.Time
	header http.Header
	body   []byte
	err    error
}

func newCalm(next http.RoundTripper, now func() time.Time) *calm {
	return &calm{next: next, now: now, told: map[string]told{}}
}

// RoundTrip implements [http.RoundTripper].
func (c *calm) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.String()
	c.mu.Lock()
	last, ok := c.told[address]
	c.mu.Unlock()
	if !ok || c.now().Sub(last.at) >= again {
		last = c.fetch(r)
		c.mu.Lock()
		c.told[address] = last
		c.mu.Unlock()
	}
	if last.err != nil {
		return nil, last.err
	}
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: last.header, Body: io.NopCloser(bytes.NewReader(last.body)), ContentLength: int64(len(last.body)), Request: r}, nil
}

func (c *calm) fetch(r *http.Request) told {
	res, err := c.next.RoundTrip(r)
	if err != nil {
		return told{at: c.now(), err: fmt.Errorf("%w: %w", errAway, err)}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument))
	if err != nil {
		return told{at: c.now(), err: fmt.Errorf("%w: %w", errAway, err)}
	}
	if res.StatusCode != http.StatusOK {
		return told{at: c.now(), err: fmt.Errorf("%w: %s says %s", errAway, r.URL, res.Status)}
	}
	return told{at: c.now(), header: res.Header, body: body}
}
