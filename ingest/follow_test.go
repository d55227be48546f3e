package ingest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged/ingest"
)

// followed runs a follower whose reads end as listed, one for each "read" of
// the script; "renew" is a tick of the renewals. It returns what was reported.
func followed(t *testing.T, script string, reads ...error) (string, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reading, renewing, heard := make(chan time.Time), make(chan time.Time), []string{}
	n := 0
	f := ingest.Follower{
		Source: "git", Reads: reading, Renewals: renewing, Failed: func(error) { heard = append(heard, "failed") },
		Read: func(context.Context) error { n++; return reads[n-1] },
		Report: func(ctx context.Context, source, what string) error {
			heard = append(heard, strings.TrimPrefix(what, "whatchanged."))
			return ctx.Err()
		},
	}
	done := make(chan error)
	go func() { done <- f.Follow(ctx) }()
	for step := range strings.FieldsSeq(script) {
		select {
		case map[string]chan time.Time{"read": reading, "renew": renewing}[step] <- time.Time{}:
		case err := <-done:
			cancel()
			return strings.Join(heard, " "), err
		}
	}
	cancel()
	err := <-done
	return strings.Join(heard, " "), err
}

func TestAFollowerSaysHowItStands(t *testing.T) {
	gone := errors.New("gone")
	for _, tt := range []struct {
		claim, script string
		reads         []error
		want          string
	}{
		{"it follows once all was read, and stops", "", []error{nil}, "follows stopped"},
		{"it renews its lease, and a read by itself does not", "renew read renew", []error{nil, nil}, "follows follows follows stopped"},
		{"a read that fails loses the lease, which is said once, and not renewed", "read renew read renew", []error{nil, gone, gone}, "follows failed lost failed stopped"},
		{"until one goes well again", "read renew read renew", []error{nil, gone, nil}, "follows failed lost follows follows stopped"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if got, err := followed(t, tt.script, tt.reads...); got != tt.want || err != nil {
				t.Errorf("said %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	if got, err := followed(t, "read", gone); got != "" || !errors.Is(err, gone) {
		t.Errorf("of a first read that failed it said %q, %v", got, err)
	}
}
