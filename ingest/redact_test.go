package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
)

func testRedactor() *redactor {
	return &redactor{key: bytes.Repeat([]byte{1}, 32), limits: Limits{}.withDefaults()}
}

var replaced = regexp.MustCompile(`redacted:[0-9a-f]{16}:len=\d+`)

func TestCleaner(t *testing.T) {
	clean := Cleaner([]byte("key"))
	for text, want := range map[string]string{
		`{"query":"ghp_0123456789abcdefghijABCDEFGHIJ012345"}`:  `{"query":"R"}`,
		`{"query":"why password=hunter2 fails"}`:                `{"query":"why password=R fails"}`,
		`entity "glpat-abcdefghij0123456789" is not known`:      `entity "R" is not known`,
		`{"scope":["service:shop/checkout"],"since":"-2h0m0s"}`: `{"scope":["service:shop/checkout"],"since":"-2h0m0s"}`,
		"a\u202eb\nc": "ab c",
		"":            "",
	} {
		if got := replaced.ReplaceAllString(clean(text), "R"); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	inner := base64.StdEncoding.EncodeToString([]byte(`{"password":"hunter2hunter2"}`))
	deep := base64.StdEncoding.EncodeToString([]byte(`{"password":"hunter2hunter2","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`))
	cases := map[string]struct {
		contentType, body, want string // R stands for what replaces a secret
	}{
		"by key":                          {"", `{ "dbPassword" : "hunter2", "user":"bob" }`, `{ "dbPassword" : "R", "user":"bob" }`},
		"a number by key":                 {"", `{"pin_secret":1234}`, `{"pin_secret":"R"}`},
		"but no count":                    {"", `{"max_tokens":1234,"token_count":7}`, `{"max_tokens":1234,"token_count":7}`},
		"a whole object by key":           {"", `{"credentials":{"user":"bob","x":["y"]}}`, `{"credentials":{"user":"R","x":["R"]}}`},
		"on and off are no secrets":       {"", `{"use_secret":"on","token":null,"secret":true}`, `{"use_secret":"on","token":null,"secret":true}`},
		"a name of a secret is none":      {"", `{"secretName":"db","secretKeyRef":{"name":"db","key":"url"}}`, `{"secretName":"db","secretKeyRef":{"name":"db","key":"url"}}`},
		"by the name beside it":           {"", `{"value":"x1","name":"DB_PASSWORD"}`, `{"value":"R","name":"DB_PASSWORD"}`},
		"by the path of a patch":          {"", `[{"op":"replace","path":"/spec/apiKey","value":"x1"}]`, `[{"op":"replace","path":"/spec/apiKey","value":"R"}]`},
		"by the entity around it":         {"", `{"data":{"after":{"a":"x1"},"by":"bob"},"subject":"config:shop/stripe-token"}`, `{"data":{"after":{"a":"R"},"by":"bob"},"subject":"config:shop/stripe-token"}`},
		"a Kubernetes secret":             {"", `{"kind":"Secret","data":{"a":"eA=="},"metadata":{"name":"x"}}`, `{"kind":"Secret","data":{"a":"R"},"metadata":{"name":"x"}}`},
		"a reference to a secret is none": {"", `{"entity":"secret:default/db","note":"see secret:default/db"}`, `{"entity":"secret:default/db","note":"see secret:default/db"}`},
		"by its look":                     {"", `{"a":"AKIAIOSFODNN7EXAMPLE","b":"x glpat-abcdefghij0123456789 y"}`, `{"a":"R","b":"x R y"}`},
		"in a URL":                        {"", `{"a":"postgres://bob:hunter2@db/x?sslmode=on"}`, `{"a":"postgres://bob:R@db/x?sslmode=on"}`},
		"in a query":                      {"", `{"a":"https://x.example/?page=1&token=abcdef&z=1"}`, `{"a":"https://x.example/?page=1&token=R&z=1"}`},
		"in a header":                     {"", `{"a":"Authorization: Bearer abcdefghijklmnop"}`, `{"a":"Authorization: Bearer R"}`},
		"in prose":                        {"", `{"m":"rotate: password=hunter2, ok"}`, `{"m":"rotate: password=R, ok"}`},
		"in JSON in a string":             {"", `{"a":"{\"password\":\"hunter2\"}"}`, `{"a":"{\"password\":\"R\"}"}`},
		"a commit is no secret":           {"", `{"sha":"0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c","key":"value"}`, `{"sha":"0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c","key":"value"}`},
		"broken JSON":                     {"", `{"a":1,"password":"hunter2"`, `{"a":1,"password":"R"`},
		"JSON cut off within":             {"", `{"a":1,"password":"hunt`, `{"a":1,"password":"R`},
		"YAML":                            {"application/yaml", "db:\n  password: hunter2\n  port: 1\n", "db:\n  password: R\n  port: 1\n"},
		"a key":                           {"text/plain", "x\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\ny", "x\nR\ny"},
		"already replaced":                {"", `{"password":"redacted:0123456789abcdef:len=7"}`, `{"password":"R"}`},
		"a form":                          {"application/x-www-form-urlencoded", `payload=%7B%22password%22%3A%22hunter2%22%7D&token=hunter2`, `payload=%7B%22password%22%3A%22R%22%7D&token=R`},
		"base64 of JSON":                  {"", `{"data_base64":"` + inner + `"}`, ``},
		"base64 of what is nested deep":   {"", `{"data_base64":"` + deep + `"}`, `{"data_base64":"R"}`},
		"base64 that is none":             {"", `{"data_base64":"` + strings.TrimRight(inner, "=") + `!"}`, `{"data_base64":"R"}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := testRedactor().body(c.contentType, []byte(c.body), "")
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(string(got), "%3A", ":")
			text = strings.ReplaceAll(text, "%3D", "=")
			if c.want != "" {
				want := strings.ReplaceAll(strings.ReplaceAll(c.want, "%3A", ":"), "%3D", "=")
				if diff := cmp.Diff(want, replaced.ReplaceAllString(text, "R")); diff != "" {
					t.Error(diff)
				}
			}
			if json.Valid([]byte(c.body)) && !json.Valid(got) {
				t.Errorf("%s is no longer JSON", got)
			}
			if strings.Contains(text, "hunter2") || strings.Contains(text, inner) {
				t.Errorf("%s leaks", got)
			}
			again, err := testRedactor().body(c.contentType, got, "")
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("twice: %s", again)
			}
		})
	}
}

func TestEqualSecretsLookEqual(t *testing.T) {
	one, other := testRedactor(), testRedactor()
	other.key = []byte("another key")
	a, b := one.hash("hunter2"), one.hash("hunter2")
	if a != b || a == one.hash("hunter3") || a == other.hash("hunter2") {
		t.Errorf("%s %s %s %s", a, b, one.hash("hunter3"), other.hash("hunter2"))
	}
}

func TestRedactKeyIsMadeOnceAndIsPrivate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "redact.key")
	a, err := RedactKey(file)
	if err != nil || len(a) != 32 {
		t.Fatal(a, err)
	}
	b, err := RedactKey(file)
	if err != nil || !bytes.Equal(a, b) {
		t.Error("another key the second time", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if err := os.WriteFile(file, a[:5], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := RedactKey(file); err == nil {
		t.Error("a short key is taken")
	}
}

// FuzzRedact hides a secret in whatever JSON there is and looks for it.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `["x",{"name":"y"}]`, `"text"`, `{"a":"{\"b\":1}"}`, `nonsense`, `{"kind":"Secret"}`, `"\ud800"`, "{\"\xff\":1}"} {
		f.Add([]byte(s))
	}
	const secret = "Tr0ub4dor-and-3"
	f.Fuzz(func(t *testing.T, b []byte) {
		r := testRedactor()
		out, err := r.body("", b, "")
		if err != nil {
			return
		}
		if json.Valid(b) && !json.Valid(out) {
			t.Fatalf("%q became %q, which is not JSON", b, out)
		}
		if again, err := r.body("", out, ""); json.Valid(b) && (err != nil || !bytes.Equal(again, out)) {
			t.Fatalf("%q became %q, and then %q", b, out, again)
		}
		if !json.Valid(b) {
			return
		}
		for _, body := range []string{
			`{"password":"` + secret + `","x":` + string(b) + `}`,
			`[` + string(b) + `,{"x":` + string(b) + `,"api_key":["` + secret + `"]}]`,
			`{"value":{"x":"` + secret + `"},"x":` + string(b) + `,"name":"DB_PASSWORD"}`,
			`{"x":` + string(b) + `,"m":"postgres://a:` + secret + `@h/"}`,
		} {
			out, err := r.body("", []byte(body), "")
			if err != nil {
				continue // beyond the limits
			}
			if !json.Valid(out) || bytes.Contains(out, []byte(secret)) {
				t.Fatalf("%s became %s", body, out)
			}
		}
	})
}

// FuzzCanonical holds what must be true of every stored event.
func FuzzCanonical(f *testing.F) {
	f.Add("id", "service:a/b", "summary\u202e", `{"a":"\u200b"}`, int64(1e9), "https://x.example")
	f.Add("", ":/", "\xff\n", "1", int64(-1), "javascript:x")
	f.Add("i\x00", "x:y", strings.Repeat("é", 5000), `"`+strings.Repeat("x", 300_000)+`"`, int64(1)<<60, "")
	p := &Pipeline{Config: Config{Limits: Limits{}.withDefaults()}, redact: *testRedactor()}
	f.Fuzz(func(t *testing.T, id, entity, summary, value string, at int64, link string) {
		kind, name, _ := strings.Cut(entity, ":")
		e := whatchanged.Event{ID: id, Entity: whatchanged.Ref{Kind: whatchanged.Kind(kind), Name: name}, Summary: summary,
			After: whatchanged.Value(value), EffectiveAt: time.Unix(at, 7), Links: []whatchanged.Link{{URL: link}},
			Attributes: map[string]string{summary: value}}
		events := []whatchanged.Event{e}
		if err := p.canonical("test", events); err != nil {
			if e := whatchanged.AsError(err); e.Field == "" || e.Code != whatchanged.CodeInvalidArgument {
				t.Fatalf("%+v", e)
			}
			return
		}
		got := events[0]
		switch {
		case !got.Entity.Valid(), got.Entity != got.Entity.Canonical():
			t.Errorf("entity %v", got.Entity)
		case len(got.Summary) > maxSummary, !utf8.ValidString(got.Summary), strings.ContainsFunc(got.Summary, hidden):
			t.Errorf("summary %q", got.Summary)
		case len(got.After) > maxKept, len(got.After) > 0 && !json.Valid(got.After), strings.ContainsFunc(string(got.After), hidden):
			t.Errorf("after %q", got.After)
		case !whatchanged.Always.Contains(got.EffectiveAt), got.EffectiveAt != whatchanged.Canonical(got.EffectiveAt):
			t.Errorf("time %v", got.EffectiveAt)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Error(err)
		}
		before := got.After.String()
		again := []whatchanged.Event{got}
		if err := p.canonical("test", again); err != nil || again[0].After.String() != before {
			t.Errorf("again: %v %s, was %s", err, again[0].After, before)
		}
	})
}

func TestShown(t *testing.T) {
	v := whatchanged.Value("\"a\u200b\u202e\U000E0041é\xff\"")
	got := shown(v)
	if want := "\"a\\u200b\\u202e\\udb40\\udc41é\\ufffd\""; got.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got.Decode() != "a\u200b\u202e\U000E0041é\ufffd" {
		t.Errorf("%q is another value", got.Decode())
	}
}

func BenchmarkRedact(b *testing.B) {
	for _, f := range allFixtures(b) {
		if f.name != "github-push-branch" {
			continue
		}
		r := testRedactor()
		b.SetBytes(int64(len(f.delivery.Body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.body("", f.delivery.Body, ""); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestEveryHintIsFound: the pass over text that comes first misses no hint.
func TestEveryHintIsFound(t *testing.T) {
	for _, l := range secretLooks {
		for _, h := range l.hints {
			for _, s := range []string{h, "see " + h, strings.ToUpper(h) + "=x", "…" + h} {
				if len(h) < 3 || !mayHide(s) {
					t.Errorf("%q: hint %q is missed", s, h)
				}
			}
		}
	}
	if mayHide("service: checkout in eu-west-1, 5 of 7") {
		t.Error("plain text is taken for more")
	}
}
