package ingest

import (
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/fixtures"
)

// TestEstate checks that every delivery of the demo's estate can be stored, that
// nothing in it is of the future, and that its story holds together: the flag
// changed before the incident began, on what checkout's dependency depends on.
func TestEstate(t *testing.T) {
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	requests, err := fixtures.Estate(now)
	if err != nil {
		t.Fatal(err)
	}
	pipeline := &Pipeline{Config: Config{Limits: Limits{}.withDefaults()}}
	pipeline.redact = redactor{key: []byte("key"), limits: pipeline.Limits}
	seen := map[string]bool{}
	var flag, incident whatchanged.Event
	for _, r := range requests {
		source := cloudEvents
		if name, ok := strings.CutPrefix(r.Path, "/v1/webhooks/"); ok {
			source, _ = Lookup(name)
		}
		header := map[string]string{}
		for k := range r.Header {
			header[strings.ToLower(k)] = r.Header.Get(k)
		}
		decoded, err := source.Decode(received(source, header, r.Body))
		if err != nil || len(decoded.Events) == 0 {
			t.Errorf("%s %s: %v, ignored %q", r.Path, r.Body, err, decoded.Ignored)
		}
		if err := pipeline.canonical(source.Name, decoded.Events); err != nil {
			t.Errorf("%s %s: %v", r.Path, r.Body, err)
		}
		for _, e := range decoded.Events {
			if seen[e.ID] || unfit(e) != "" || e.EffectiveAt.IsZero() || e.EffectiveAt.After(now) {
				t.Errorf("%s at %s: known %t, %s", e.ID, e.EffectiveAt, seen[e.ID], unfit(e))
			}
			seen[e.ID] = true
			switch e.Entity.String() + " " + e.Action + " " + e.Placement.Region {
			case "flag:payments/deep-fraud-check changed eu-west-1":
				flag = e
			case "incident:default/inc-2041 detected eu-west-1":
				incident = e
			}
		}
	}
	if flag.ID == "" || incident.ID == "" || !flag.EffectiveAt.Before(incident.EffectiveAt) {
		t.Errorf("the flag changed at %s, the incident began at %s", flag.EffectiveAt, incident.EffectiveAt)
	}
}
