package ingest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
	"whatchanged.dev/whatchanged/ingest"
)

var now = time.Date(2026, 3, 1, 3, 10, 0, 0, time.UTC)

// plainSource is a sender that says what it means.
var plainSource = ingest.Source{
	Name:     "plain",
	Header:   []string{"x-kind", "x-id", "x-signature"},
	Identify: func(h map[string]string) (typ, id string) { return h["x-kind"], h["x-id"] },
	Verify: func(secret []byte, d whatchanged.Delivery) error {
		if d.Header["x-signature"] == sign(secret, d.Body) {
			return nil
		}
		return whatchanged.Errorf(whatchanged.CodeUnauthenticated, "wrong or missing").In("X-Signature")
	},
	Decode: func(d whatchanged.Delivery) (ingest.Decoded, error) {
		if d.Header["x-kind"] == "ping" {
			return ingest.Decoded{Ignored: "a ping"}, nil
		}
		if _, ok := d.Header["x-signature"]; ok {
			panic("Decode sees the signature")
		}
		var events []whatchanged.Event
		if err := json.Unmarshal(d.Body, &events); err != nil {
			if shape := (*json.UnmarshalTypeError)(nil); errors.As(err, &shape) {
				return ingest.Decoded{}, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "want a %s", shape.Type).In(shape.Field)
			}
			return ingest.Decoded{}, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "not JSON")
		}
		if len(events) == 3 && events[2].ID == "panic" {
			panic("the author did not think of this")
		}
		return ingest.Decoded{Events: events}, nil
	},
}

var secret = []byte("the sender's secret")

func sign(secret, body []byte) string {
	m := hmac.New(sha256.New, secret)
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// everything knows all that is in a log.
type everything struct {
	*changelog.Log
	down bool
}

func (k *everything) Known(ctx context.Context, ids []string) (map[string]whatchanged.Position, error) {
	if k.down {
		return nil, errors.New("the engine is away")
	}
	last, _, err := k.Last(ctx)
	if err != nil {
		return nil, err
	}
	ds, err := k.Read(ctx, 1, last+1)
	at := map[string]whatchanged.Position{}
	for _, d := range ds {
		for _, e := range d.Events {
			for _, id := range ids {
				if _, ok := at[id]; !ok && e.Identity() == id {
					at[id] = e.Position
				}
			}
		}
	}
	return at, err
}

// Recent knows nothing: this is a log without an index.
func (k *everything) Recent([]string) map[string]whatchanged.Position {
	return map[string]whatchanged.Position{}
}

// A desk is a pipeline on a real log.
type desk struct {
	t     testing.TB
	dir   string
	log   *changelog.Log
	known *everything
	*ingest.Pipeline
}

func newDesk(t testing.TB, change ...func(*ingest.Config)) *desk {
	d := &desk{t: t, dir: t.TempDir()}
	d.start(change...)
	t.Cleanup(func() { d.log.Close() })
	return d
}

func (d *desk) start(change ...func(*ingest.Config)) {
	d.t.Helper()
	var err error
	if d.log, err = changelog.Open(d.t.Context(), changelog.Config{Dir: d.dir}); err != nil {
		d.t.Fatal(err)
	}
	d.known = &everything{Log: d.log}
	c := ingest.Config{
		Log: d.log, Known: d.known, Now: func() time.Time { return now }, Sources: []ingest.Source{plainSource},
		RedactKey: bytes.Repeat([]byte{7}, 32), Secrets: map[string][]byte{"plain": secret},
		Limits: ingest.Limits{Body: 1 << 16, Depth: 20, Values: 2000, Events: 50},
	}
	for _, f := range change {
		f(&c)
	}
	if d.Pipeline, err = ingest.New(c); err != nil {
		d.t.Fatal(err)
	}
}

// an answer to a delivery.
type answer struct {
	Status     int
	Position   string
	Events     int
	Duplicates int
	Ignored    string
	Code       string
	Field      string
	Detail     string
	header     http.Header
}

func (d *desk) post(body string, header ...string) answer {
	d.t.Helper()
	return d.postTo("/v1/webhooks/plain", body, append([]string{"X-Signature", sign(secret, []byte(body))}, header...)...)
}

func (d *desk) postTo(path, body string, header ...string) answer {
	d.t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	a := answer{Status: w.Code, header: w.Header()}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		d.t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return a
}

// stored returns what the log holds.
func (d *desk) stored() []whatchanged.Delivery {
	d.t.Helper()
	last, _, err := d.log.Last(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	all, err := d.log.Read(d.t.Context(), 1, last+1)
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

func ids(ds []whatchanged.Delivery) string {
	var all []string
	for _, d := range ds {
		s := string(d.Outcome[:1])
		for _, e := range d.Events {
			s += " " + e.Identity()
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// batch spells events by id and time: "a@-2h", or "a" for one without a time.
func batch(specs ...string) string {
	var all []string
	for _, s := range specs {
		id, at, timed := strings.Cut(s, "@")
		text := fmt.Sprintf(`{"id":%q,"kind":"config","entity":"config:default/a"`, id)
		if timed {
			offset, err := time.ParseDuration(at)
			if err != nil {
				panic(err)
			}
			text += fmt.Sprintf(`,"effectiveAt":%q`, now.Add(offset).Format(time.RFC3339))
		}
		all = append(all, text+"}")
	}
	return "[" + strings.Join(all, ",") + "]"
}

func TestBadDays(t *testing.T) {
	deep := strings.Repeat("[", 30) + strings.Repeat("]", 30)
	deepest := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	cases := map[string]struct {
		post []string
		want answer // of the last
		log  string
	}{
		"malformed":                 {[]string{`[{"id":"a"`}, answer{Status: 400, Code: "INVALID_ARGUMENT", Position: "pos:1", Detail: "not JSON"}, "r"},
		"empty":                     {[]string{``}, answer{Status: 400, Code: "INVALID_ARGUMENT", Position: "pos:1", Detail: "not JSON"}, "r"},
		"a wrong type names field":  {[]string{`[{"id":7}]`}, answer{Status: 422, Code: "INVALID_ARGUMENT", Field: "id", Position: "pos:1", Detail: "want a string"}, "r"},
		"nested too deep":           {[]string{deep}, answer{Status: 400, Code: "INVALID_ARGUMENT", Position: "pos:1", Detail: "body is nested more than 20 deep"}, "r"},
		"nested beyond reading":     {[]string{deepest}, answer{Status: 400, Code: "INVALID_ARGUMENT", Position: "pos:1", Detail: "body is nested more than 20 deep"}, "r"},
		"oversized":                 {[]string{strings.Repeat(" ", 1<<16+1)}, answer{Status: 413, Code: "TOO_LARGE", Detail: "body of more than 65536 bytes; send it in parts"}, ""},
		"too many values":           {[]string{"[" + strings.Repeat("1,", 2000) + "1]"}, answer{Status: 413, Code: "TOO_LARGE", Detail: "body holds more than 2000 values; send it in parts"}, ""},
		"no id":                     {[]string{`[{"entity":"config:a"}]`}, answer{Status: 422, Code: "INVALID_ARGUMENT", Field: "id", Position: "pos:1", Detail: "missing: without an id a redelivery could not be told from a second change"}, "r"},
		"one bad event of two":      {[]string{`[{"id":"a","entity":"config:a"},{"id":"b"}]`}, answer{Status: 422, Code: "INVALID_ARGUMENT", Field: "events[1].entity", Position: "pos:1", Detail: `"": want kind:namespace/name, such as service:acme/checkout`}, "r"},
		"dated after all plausible": {[]string{batch("a@2000000h")}, answer{Status: 422, Code: "INVALID_ARGUMENT", Field: "effectiveAt", Position: "pos:1", Detail: "2254-04-28T11:10:00Z: want a time from 1970-01-01 to before 2200-01-01"}, "r"},
		"future-dated":              {[]string{batch("a@5h")}, answer{Status: 202, Position: "pos:1", Events: 1}, "a a"},
		"future-dated, twice":       {[]string{batch("a@5h"), batch("a@5h", "b")}, answer{Status: 202, Position: "pos:2", Events: 1, Duplicates: 1}, "a a, a b"},
		"duplicate at once":         {[]string{batch("a@-1m"), batch("a@-1m")}, answer{Status: 202, Position: "pos:1", Duplicates: 1}, "a a"},
		"duplicate in one delivery": {[]string{batch("a@-1m", "a@-1m")}, answer{Status: 202, Position: "pos:1", Events: 1, Duplicates: 1}, "a a"},
		"old, recut":                {[]string{batch("a@-9h", "b@-9h"), batch("b@-9h", "c@-9h")}, answer{Status: 202, Position: "pos:2", Events: 1, Duplicates: 1}, "a a b, a c"},
		"old, all known":            {[]string{batch("x@-9h"), batch("a@-9h", "b@-9h"), batch("b@-9h")}, answer{Status: 202, Position: "pos:2", Duplicates: 1}, "a x, a a b"},
		"without a time, twice":     {[]string{batch("a"), batch("a", "b")}, answer{Status: 202, Position: "pos:2", Events: 1, Duplicates: 1}, "a a, a b"},
		"out of order":              {[]string{batch("later@-1m"), batch("earlier@-9h")}, answer{Status: 202, Position: "pos:2", Events: 1}, "a later, a earlier"},
		"the same rejected twice":   {[]string{`{`, `{`}, answer{Status: 400, Code: "INVALID_ARGUMENT", Position: "pos:1", Detail: "not JSON"}, "r"},
		"a source that panics":      {[]string{batch("a", "b", "panic")}, answer{Status: 500, Code: "INTERNAL", Position: "pos:1", Detail: "the delivery could not be decoded; it is kept"}, "r"},
		"nothing in it":             {[]string{`[]`}, answer{Status: 202, Position: "pos:1", Ignored: "it tells of no change"}, "i"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			var got answer
			for _, body := range c.post {
				got = d.post(body)
			}
			got.header = nil
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(answer{})); diff != "" {
				t.Error(diff)
			}
			if got := ids(d.stored()); got != c.log {
				t.Errorf("the log holds %q, want %q", got, c.log)
			}
		})
	}
}

func TestDuplicatesAfterARestart(t *testing.T) {
	d := newDesk(t)
	d.post(batch("a@-1m"))
	d.post(batch("b@-9h"))
	d.log.Close()
	d.start()
	for body, want := range map[string]string{batch("a@-1m"): "pos:1", batch("b@-9h"): "pos:2"} {
		if got := d.post(body); got.Status != 202 || got.Duplicates != 1 || got.Position != want {
			t.Errorf("%s: %+v, want a duplicate of %s", body, got, want)
		}
	}
}

func TestWhenItCannotBeSaidWhatIsKnownTheSenderTriesAgain(t *testing.T) {
	d := newDesk(t)
	d.known.down = true
	got := d.post(batch("a@-9h"))
	if got.Status != 503 || got.Code != "UNAVAILABLE" || got.header.Get("Retry-After") == "" {
		t.Errorf("%+v", got)
	}
	if got := d.post(batch("b@-1m")); got.Status != 202 {
		t.Errorf("a recent event needs no look-up: %+v", got)
	}
	d.log.Close()
	if got := d.post(batch("c@-1m")); got.Status != 503 {
		t.Errorf("without the log: %+v", got)
	}
	if got := d.post("{"); got.Status != 503 {
		t.Errorf("a rejected delivery that cannot be kept: %+v", got)
	}
}

func TestAuthentication(t *testing.T) {
	body := batch("a@-1m")
	bare := plainSource
	bare.Name, bare.Verify = "bare", nil
	silent := plainSource
	silent.Name = "silent"
	d := newDesk(t, func(c *ingest.Config) {
		c.Sources = []ingest.Source{plainSource, bare, silent}
		c.Secrets["bare"] = secret
	})
	cases := map[string]struct {
		path   string
		header []string
		want   int
	}{
		"unsigned":                   {"plain", nil, 401},
		"signed by somebody else":    {"plain", []string{"X-Signature", sign([]byte("other"), []byte(body))}, 401},
		"signed":                     {"plain", []string{"X-Signature", sign(secret, []byte(body))}, 202},
		"no secret configured":       {"silent", []string{"X-Signature", sign(nil, []byte(body))}, 401},
		"does not sign, no bearer":   {"bare", nil, 401},
		"does not sign, bad bearer":  {"bare", []string{"Authorization", "Bearer x"}, 401},
		"does not sign, good bearer": {"bare", []string{"Authorization", "Bearer " + string(secret)}, 202},
		"no such source":             {"nobody", nil, 404},
	}
	for name, c := range cases {
		if got := d.postTo("/v1/webhooks/"+c.path, body, c.header...); got.Status != c.want {
			t.Errorf("%s: %+v, want %d", name, got, c.want)
		}
	}
	for _, s := range d.stored() {
		if s.Outcome != whatchanged.Accepted {
			t.Errorf("kept what was not authentic: %+v", s)
		}
		if len(s.Header) > 0 {
			t.Errorf("stored header %v", s.Header)
		}
	}
	open := newDesk(t, func(c *ingest.Config) { c.Secrets, c.AllowUnsigned = nil, true })
	if got := open.postTo("/v1/webhooks/plain", body); got.Status != 202 {
		t.Errorf("unsigned, where allowed: %+v", got)
	}
}

func TestOriginalBytesAreSignedAndRedactedOnesStored(t *testing.T) {
	d := newDesk(t)
	body := `[{"id":"a","kind":"config","entity":"config:default/db-password","after":"hunter2-hunter2",` +
		`"summary":"use ghp_0123456789abcdefghijABCDEFGHIJ012345\u202e","attributes":{"api_key":"hunter3-hunter3"},` +
		`"links":[{"rel":"evidence","url":"javascript:alert(1)"},{"rel":"diff","url":"https://ok.example/1"}]}]`
	if got := d.post(body, "X-Kind", "push", "X-Id", "1"); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	s := d.stored()[0]
	text := string(s.Body) + fmt.Sprintf("%+v", s.Events)
	for _, leak := range []string{"hunter2", "hunter3", "ghp_0123"} {
		if strings.Contains(text, leak) {
			t.Errorf("%s leaked", leak)
		}
	}
	e := s.Events[0]
	if e.After.Decode() == nil || !strings.HasPrefix(e.After.Decode().(string), "redacted:") || !strings.HasSuffix(e.After.Decode().(string), ":len=15") {
		t.Errorf("after = %s", e.After)
	}
	if strings.Contains(e.Summary, "\u202e") || len(e.Links) != 1 || e.Links[0].Rel != "diff" {
		t.Errorf("summary %q, links %v", e.Summary, e.Links)
	}
	if s.Type != "push" || s.ID != "1" || e.Source != "plain" || e.Clock != whatchanged.ArrivalClock || !e.EffectiveAt.Equal(e.SeenAt) {
		t.Errorf("%+v", s)
	}
	if len(e.Diff) != 1 || e.Diff[0].Op != "add" {
		t.Errorf("diff %v", e.Diff)
	}
}

func TestContentCoding(t *testing.T) {
	d := newDesk(t)
	zip := func(s string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(s))
		_ = z.Close()
		return b.String()
	}
	good, bomb := batch("a@-1m"), strings.Repeat(" ", 1<<24)
	cases := map[string]struct {
		body, coding, signed string
		want                 int
	}{
		"gzip":           {zip(good), "gzip", good, 202},
		"a bomb":         {zip(bomb), "gzip", bomb, 413},
		"not gzip":       {good, "gzip", good, 400},
		"cut off":        {zip(good)[:20], "gzip", good, 400},
		"another coding": {good, "br", good, 415},
	}
	for name, c := range cases {
		got := d.postTo("/v1/webhooks/plain", c.body, "Content-Encoding", c.coding, "X-Signature", sign(secret, []byte(c.signed)))
		if got.Status != c.want {
			t.Errorf("%s: %+v, want %d", name, got, c.want)
		}
	}
}

func TestImport(t *testing.T) {
	d := newDesk(t, func(c *ingest.Config) { c.Limits.Events = 0 })
	var events []whatchanged.Event
	for i := range 2500 {
		at := now.AddDate(-5, 0, 0).Add(time.Duration(i) * time.Minute)
		events = append(events, whatchanged.Event{ID: fmt.Sprintf("git/%d", i), Kind: whatchanged.Config, EffectiveAt: at,
			Entity: whatchanged.Ref{Kind: "config", Name: "a"}, After: whatchanged.Value(fmt.Sprintf(`{"password":"hunter%d"}`, i))})
	}
	first, err := d.Import(t.Context(), "git", events)
	if err != nil || first.Events != 2500 || first.Position != whatchanged.At(3) {
		t.Fatalf("%+v %v", first, err)
	}
	again, err := d.Import(t.Context(), "git", events)
	if err != nil || again.Events != 0 || again.Duplicates != 2500 {
		t.Errorf("again: %+v %v", again, err)
	}
	if v := string(d.stored()[2].Events[0].After); strings.Contains(v, "hunter") {
		t.Errorf("imported value %s", v)
	}
}

func TestReadersReport(t *testing.T) {
	d := newDesk(t)
	for i, report := range []func() (ingest.Accepted, error){
		func() (ingest.Accepted, error) { return d.Import(t.Context(), "git", nil) },
		func() (ingest.Accepted, error) { return d.Report(t.Context(), "watch", whatchanged.DeliveryConnected) },
		func() (ingest.Accepted, error) { return d.Report(t.Context(), "watch", whatchanged.DeliveryLost) },
	} {
		if a, err := report(); err != nil || a.Position != whatchanged.At(uint64(i+1)) || a.Events != 0 {
			t.Errorf("%+v %v", a, err)
		}
	}
	var types []string
	for _, r := range d.stored() {
		types = append(types, r.Type)
		if !r.Reports() || r.Outcome != whatchanged.Ignored {
			t.Errorf("stored %+v", r)
		}
	}
	if got := strings.Join(types, " "); got != "whatchanged.ran whatchanged.connected whatchanged.lost" {
		t.Errorf("an import of nothing is a run that ended: stored %q", got)
	}
	if _, err := d.Report(t.Context(), "watch", "whatever"); whatchanged.CodeOf(err) != whatchanged.CodeInvalidArgument {
		t.Errorf("got %v", err)
	}
}

func TestAtMostSoManyAtOnce(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	slow := ingest.Source{Name: "slow", Decode: func(whatchanged.Delivery) (ingest.Decoded, error) {
		close(held)
		<-release
		return ingest.Decoded{}, nil
	}}
	d := newDesk(t, func(c *ingest.Config) { c.Sources, c.Limits.Deliveries = []ingest.Source{slow}, 1 })
	done := make(chan answer)
	go func() { done <- d.postTo("/v1/webhooks/slow", "{}") }()
	<-held
	if got := d.postTo("/v1/webhooks/slow", "{}"); got.Status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("%+v", got)
	}
	close(release)
	if got := <-done; got.Status != 202 {
		t.Errorf("%+v", got)
	}
}
