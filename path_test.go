package whatchanged_test

import (
	"slices"
	"testing"

	"whatchanged.dev/whatchanged"
)

func TestAPathLeadsIntoAValue(t *testing.T) {
	v := whatchanged.Value(`{"limits":[{"rate":5},{"rate":1.50}],"a/b":{"~":true},"none":null,"text":"x"}`)
	for _, tt := range []struct{ claim, path, want string }{
		{"the empty path is the whole", "", v.String()},
		{"a pointer", "/limits/1/rate", "1.50"},
		{"the dotted form", "limits[1].rate", "1.50"},
		{"as others write indices", "limits.[0].rate", "5"},
		{"keys escaped as pointers have them", "/a~1b/~0", "true"},
		{"a null that stands there", "/none", "null"},
		{"beyond the end of an array", "limits[2]", ""},
		{"no index", "limits.first", ""},
		{"a key that is not there", "/limit", ""},
		{"into what holds nothing", "text.x", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			p, err := whatchanged.ParsePath(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.In(v).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			again, err := whatchanged.ParsePath(p.String())
			if err != nil || again.In(v).String() != tt.want {
				t.Errorf("%q spelled as %q leads elsewhere, %v", tt.path, p, err)
			}
		})
	}
	if _, err := whatchanged.ParsePath("a..b"); whatchanged.CodeOf(err) != whatchanged.CodeInvalidArgument {
		t.Errorf("an empty key in the dotted form: %v", err)
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"", "/a~1b/~0/0", "a.b[0].c", "a.[1]", "//", "a~01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := whatchanged.ParsePath(s)
		if err != nil {
			if whatchanged.CodeOf(err) != whatchanged.CodeInvalidArgument {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		again, err := whatchanged.ParsePath(p.String())
		if err != nil || !slices.Equal(again, p) {
			t.Errorf("%q is %q, and that %q, %v", s, p, again, err)
		}
		p.In(whatchanged.Value(`{"a":[1,{"b":null}]}`))
	})
}
