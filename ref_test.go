package whatchanged

import (
	"errors"
	"strings"
	"testing"
)

func TestParseRef(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"all three parts", "service:acme/checkout", "service:acme/checkout"},
		{"the namespace may be left out", "service:checkout", "service:default/checkout"},
		{"case does not count", "Service:ACME/Checkout", "service:acme/checkout"},
		{"a name may hold slashes", "config:shop/deploy/values.yaml", "config:shop/deploy/values.yaml"},
		{"a name may hold a colon", "resource:aws/arn:aws:s3", "resource:aws/arn:aws:s3"},
		{"other scripts are names too", "service:acme/größe", "service:acme/größe"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseRef(tt.in)
			if err != nil || got.String() != tt.want {
				t.Errorf("ParseRef(%q) = %v, %v; want %s", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestParseRefRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing": "", "no kind": "acme/checkout", "an empty kind": ":acme/checkout", "an empty name": "service:acme/",
		"an empty namespace": "service:/checkout", "a space": "service:acme/check out", "a control character": "service:acme/a\x00b",
		"a zero-width space": "service:acme/a\u200bb", "too long": "service:acme/" + strings.Repeat("a", 600),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseRef(in); !errors.Is(err, ErrInvalid) {
				t.Errorf("ParseRef(%q) = %v, %v; want ErrInvalid", in, got, err)
			}
		})
	}
}

func TestRefOf(t *testing.T) {
	for _, tt := range []struct{ name, id, want string }{
		{"a bare name is in the default namespace", "checkout", "service:default/checkout"},
		{"namespace/name is both", "Acme/Checkout", "service:acme/checkout"},
		{"more slashes are part of the name", "/event/source/123", "service:default/event/source/123"},
		{"what may not stand there becomes a dash", "my service", "service:default/my-service"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := RefOf(KindService, tt.id); got.String() != tt.want {
				t.Errorf("RefOf(%q) = %v, want %s", tt.id, got, tt.want)
			}
		})
	}
}

func FuzzParseRef(f *testing.F) {
	f.Add("service:acme/checkout")
	f.Add("config:a/b/c")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			return
		}
		if again, err := ParseRef(r.String()); err != nil || again != r {
			t.Errorf("ParseRef(%q) = %#v, which reads back as %#v, %v", s, r, again, err)
		}
	})
}

func FuzzRefOf(f *testing.F) {
	f.Add("acme/checkout")
	f.Add(strings.Repeat("ü", 600))
	f.Fuzz(func(t *testing.T, id string) {
		r := RefOf(KindService, id)
		if r.Name != "" && !r.Valid() {
			t.Errorf("RefOf(%q) = %#v, which is not valid", id, r)
		}
	})
}
