package ingest

import (
	"errors"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

// TestWhatIsNestedTooDeeplyIsText: these parsers call themselves, and a stack
// that overflows cannot be recovered.
func TestWhatIsNestedTooDeeplyIsText(t *testing.T) {
	many := func(s string) []byte { return []byte("a = " + strings.Repeat(s, 300_000/len(s))) }
	for _, tt := range []struct {
		claim string
		read  func([]byte) ([]any, error)
		file  []byte
	}{
		{"lists in TOML", tomlFile, many("[")},
		{"tables in TOML", tomlFile, many("{a=")},
		{"lists in HCL", hclFile, many("[")},
		{"templates in HCL", hclFile, many(`"${`)},
		{"negations in HCL", hclFile, many("!")},
		{"signs in HCL", hclFile, many("- ")},
		{"conditions in HCL", hclFile, many("a?b:")},
		{"blocks in HCL", hclFile, []byte(strings.Repeat("a {\n", 100_000))},
	} {
		if _, err := tt.read(tt.file); !errors.Is(err, errNested) {
			t.Errorf("%s: got %v", tt.claim, err)
		}
	}
	if v := fileValue("a.tf", many("[")); !strings.HasPrefix(v.String(), `"a = [[[`) {
		t.Error("what is nested too deeply is not kept as text")
	}
}

// fuzzFormat checks that what a format reads can be written as JSON and is
// the same each time.
func fuzzFormat(f *testing.F, read func([]byte) ([]any, error), seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		documents, err := read(content)
		if err != nil {
			return
		}
		again, _ := read(content)
		v := whatchanged.ValueOf(documents)
		if _, err := whatchanged.ParseValue(v); err != nil || v == nil {
			t.Errorf("%q: %q is no JSON", content, v)
		}
		if w := whatchanged.ValueOf(again); v.String() != w.String() {
			t.Errorf("%q: first %s, then %s", content, v, w)
		}
	})
}

func FuzzTOML(f *testing.F) {
	fuzzFormat(f, tomlFile, "a = 1\n[b.c]\nd = [1, {e = 07:32:00}]\n[[f]]\n", "a = inf\nb = nan\nc = 1979-05-27T07:32:00Z\n\"\\u0000\" = '''x'''\n")
}

func FuzzHCL(f *testing.F) {
	fuzzFormat(f, hclFile, "a \"b\" c {\n  d = [1, -2, {e = \"${f}-g\", (h) = null}]\n  d {}\n}\n", "a = <<EOT\nx ${b}\nEOT\n", "a = 1e400\nb = 1/0\nc = true ? 1 : \"x\"\na \"b\" {}\na \"b\" \"c\" {}\n")
}

func FuzzProperties(f *testing.F) {
	fuzzFormat(f, propertiesFile, "a=b\\\n  c\n! d\ne\\ f : g\nh", "=\n\\\n")
}

func FuzzEnvFile(f *testing.F) { fuzzFormat(f, envFile, "export A=\"b\"\nB='\n#C=1\n=") }

func FuzzINI(f *testing.F) { fuzzFormat(f, iniFile, "a=1\n[b]\nc: \"d\"\n; e\nf\n[b]\n[]\n[") }
