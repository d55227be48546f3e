package whatchanged_test

import (
	"fmt"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

func TestOnCallOf(t *testing.T) {
	end := time.Date(2026, 3, 8, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		claim, after string
		want         string
		during, then bool
	}{
		{"people, the first to be asked first", `{"people":["ann","ben"]}`, "[ann ben]", true, true},
		{"until the end of their turn", `{"people":["ann"],"until":"2026-03-08T10:00:00+01:00"}`, "[ann]", true, false},
		{"nobody", `{"people":[]}`, "[]", false, false},
		{"a name that is none", `{"people":["",5,"ann"]}`, "[ann]", true, true},
		{"an end that is none is not said", `{"people":["ann"],"until":"soon"}`, "[ann]", true, true},
		{"another shape says nothing", `["ann"]`, "[]", false, false},
		{"nor does nothing", ``, "[]", false, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			o := whatchanged.OnCallOf(whatchanged.Value(tt.after))
			if fmt.Sprint(o.People) != tt.want || o.At(end.Add(-1)) != tt.during || o.At(end) != tt.then {
				t.Errorf("got %+v", o)
			}
		})
	}
}

func TestOwnerOf(t *testing.T) {
	for after, want := range map[string]string{
		`"Group:Shop/First"`: "group:shop/first", `{"owner":"user:ann"}`: "user:default/ann", `{"owner":""}`: "", `{}`: "", `null`: "", ``: "", `5`: "",
	} {
		if got := whatchanged.OwnerOf(whatchanged.Value(after)).String(); got != want {
			t.Errorf("%s: got %q, want %q", after, got, want)
		}
	}
}
