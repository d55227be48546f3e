package ingest

import (
	"testing"

	"whatchanged.dev/whatchanged"
)

func TestASummaryTellsWhatChanged(t *testing.T) {
	long := `"` + "0123456789012345678901234567890123456789" + `"`
	for _, tt := range []struct{ claim, before, after, want string }{
		{"a value", `{"a":{"b":1}}`, `{"a":{"b":2}}`, "a.b 1 → 2: Raise"},
		{"the whole", `true`, `false`, "true → false: Raise"},
		{"entries by their names", `{"env":[{"name":"ZONE","value":"a"},{"name":"TIMEOUT","value":"30"}]}`, `{"env":[{"name":"ZONE","value":"a"},{"name":"TIMEOUT","value":"5"}]}`,
			`env[TIMEOUT].value "30" → "5": Raise`},
		{"entries without one by their place", `[[1,2]]`, `[[1,3]]`, "[0][1] 2 → 3: Raise"},
		{"what came and went", `{"a":1,"b":[1]}`, `{"b":[1,{"c":"a value that is too long for one line, or so it seems"}]}`, "a removed, was 1, b[1] added {…}: Raise"},
		{"a few of many", `{"a":1,"b":1,"c":1,"d":1,"e":1}`, `{"a":2,"b":2,"c":2,"d":2,"e":2}`, "a 1 → 2, b 1 → 2, c 1 → 2 and 2 more: Raise"},
		{"what cannot be told apart", `{"a/b":` + long[:41] + `x"}`, `{"a/b":` + long[:41] + `y"}`, "a/b replaced: Raise"},
		{"no secret", `{"token":"redacted:daeb0518995183e2:len=7","pin":1}`, `{"token":"redacted:db6ceb2ec337bcd3:len=7","pin":2}`, "pin 1 → 2, token replaced: Raise"},
		{"nothing of what is new", ``, `{"a":1}`, "Raise"},
		{"nothing of what is the same", `{"a":1}`, `{"a":1}`, "Raise"},
	} {
		e := whatchanged.Event{Parent: "git/shop/config/1", Summary: "Raise", Before: whatchanged.Value(tt.before), After: whatchanged.Value(tt.after)}
		if tt.before == "" {
			e.Before = nil
		}
		e.Diff = whatchanged.Diff(e.Before, e.After)
		if tellDiff(&e); e.Summary != tt.want {
			t.Errorf("%s: got %q, want %q", tt.claim, e.Summary, tt.want)
		}
	}
}
