package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
)

// sdkEvent is an event as a sender makes it with the CloudEvents SDK.
func sdkEvent(t *testing.T, id string) event.Event {
	t.Helper()
	e := event.New()
	e.SetID(id)
	e.SetSource("https://flags.shop.example")
	e.SetType("com.example.flag.toggled")
	e.SetSubject("checkout/new-cart")
	e.SetTime(time.Date(2026, 3, 1, 2, 31, 7, 0, time.UTC))
	e.SetExtension("revision", 2)
	if err := e.SetData("application/json", map[string]any{"kind": "flag", "entity": "flag:checkout/new-cart", "after": true}); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestModesAgree sends one event in every mode: what is stored must not
// depend on it.
func TestModesAgree(t *testing.T) {
	e := sdkEvent(t, "a/1")
	structured, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := json.Marshal([]event.Event{e})
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]struct {
		header map[string]string
		body   []byte
	}{
		"structured": {map[string]string{"content-type": event.ApplicationCloudEventsJSON}, structured},
		"batched":    {map[string]string{"content-type": event.ApplicationCloudEventsBatchJSON}, batch},
		"plain JSON": {map[string]string{"content-type": "application/json; charset=utf-8"}, structured},
		"a list":     {nil, batch},
		"binary": {map[string]string{
			"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "a/1", "ce-source": "https://flags.shop.example", "ce-type": "com.example.flag.toggled",
			"ce-subject": "checkout/new-cart", "ce-time": "2026-03-01T02:31:07Z", "ce-revision": "2",
		}, e.Data()},
	}
	want := []whatchanged.Event{{
		ID: "cloudevents/https://flags.shop.example/a%2F1", Revision: 2, Kind: whatchanged.Flag, Action: "toggled",
		Entity:      whatchanged.Ref{Kind: whatchanged.KindFlag, Namespace: "checkout", Name: "new-cart"},
		EffectiveAt: time.Date(2026, 3, 1, 2, 31, 7, 0, time.UTC), After: whatchanged.Value("true"),
		Links:      []whatchanged.Link{{Rel: "source", URL: "https://flags.shop.example"}},
		Attributes: map[string]string{"type": "com.example.flag.toggled"},
	}}
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			got, err := cloudEvents.Decode(received(cloudEvents, mode.header, mode.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Events); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestBatchHasALimit(t *testing.T) {
	batch := make([]event.Event, maxBatch+1)
	for i := range batch {
		batch[i] = sdkEvent(t, fmt.Sprint(i))
	}
	for n, want := range map[int]error{maxBatch: nil, maxBatch + 1: whatchanged.ErrTooLarge} {
		body, err := json.Marshal(batch[:n])
		if err != nil {
			t.Fatal(err)
		}
		got, err := cloudEvents.Decode(whatchanged.Delivery{Body: body})
		if !errors.Is(err, want) || want == nil && len(got.Events) != n {
			t.Errorf("%d events: got %d and error %v, want %v", n, len(got.Events), err, want)
		}
	}
}

func TestIdentitiesDoNotMeet(t *testing.T) {
	seen := map[string]string{}
	for _, identity := range [][2]string{{"a/b", "c"}, {"a", "b/c"}, {"a", "b%2Fc"}, {"a/b%2Fc", "d"}, {"a", "b%2Fc/d"}} {
		id := eventID("cloudevents/", identity[0], identity[1])
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q are both %s", identity, other, id)
		}
		seen[id] = fmt.Sprint(identity)
	}
	first := map[string]string{"ce-id": "1", "ce-source": "urn:x"}
	second := map[string]string{"ce-id": "1", "ce-source": "urn:x", "ce-revision": "1"}
	_, a := cloudEvents.Identify(first)
	_, b := cloudEvents.Identify(second)
	if a == b {
		t.Errorf("a correction has the delivery id %q of what it corrects", a)
	}
}

// TestSchemas checks that every custom subject has its schema, and that the
// schemas are of the subjects there are.
func TestSchemas(t *testing.T) {
	schemas := customSchemas()
	files, err := schemaFiles.ReadDir("schemas")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name, isSubject := strings.CutPrefix(strings.TrimSuffix(f.Name(), ".0.1.0.json"), "whatchanged-")
		if isSubject && schemas[name] == nil {
			t.Errorf("%s: no such subject", f.Name())
		}
	}
	for subject := range customSubjects {
		if schemas[subject] == nil {
			t.Errorf("%s: no schema", subject)
		}
	}
}

func TestGitHubSignature(t *testing.T) {
	secret, body := []byte("It's a Secret to Everybody"), []byte("Hello, World!") // the example of GitHub's manual
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	good := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	if want := "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"; good != want {
		t.Fatalf("got %s, want %s", good, want)
	}
	tests := []struct {
		name, signature string
		body            []byte
		ok              bool
	}{
		{"right", good, body, true},
		{"missing", "", body, false},
		{"of another body", good, []byte("Hello, World?"), false},
		{"cut short", good[:len(good)-2], body, false},
		{"no hexadecimal", "sha256=zz", body, false},
		{"the old SHA-1", "sha1=" + good[7:47], body, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := whatchanged.Delivery{Header: map[string]string{"x-hub-signature-256": test.signature}, Body: test.body}
			err := github.Verify(secret, d)
			if test.ok != (err == nil) || err != nil && !errors.Is(err, whatchanged.ErrUnauthenticated) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	want := time.Date(2026, 3, 1, 2, 31, 7, 0, time.UTC)
	for _, s := range []moment{
		"2026-03-01T02:31:07Z", "2026-03-01T03:31:07+01:00", "2026-03-01T03:31:07.000+0100", "2026-03-01 02:31:07 UTC", "2026-03-01 04:31:07 +0200",
		"2026-03-01T02:31:07", "1772332267", "1772332267000", "1772332267000000", "1772332267000000000", "1772332267.0",
	} {
		if got, ok := parseTime(s); !ok || !got.Equal(want) {
			t.Errorf("%s: got %v, %t", s, got, ok)
		}
	}
	for _, s := range []moment{"yesterday", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "-5", "1e300", "2026-03-01 02:31:07 CET", "02:31"} {
		if got, ok := parseTime(s); ok {
			t.Errorf("%s: got %v, want none", s, got)
		}
	}
}
