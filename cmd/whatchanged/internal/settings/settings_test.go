package settings_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/settings"
)

type options struct {
	listen, logSync, token string
	keep                   time.Duration
	max                    int64
	unsigned               bool
	origins                []string
	secrets                map[string]string
}

func flags(o *options) *pflag.FlagSet {
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f.StringVar(&o.listen, "listen", "default", "")
	f.StringVar(&o.logSync, "log-sync", "default", "")
	f.StringVar(&o.token, "token", "", "")
	f.DurationVar(&o.keep, "hot", time.Hour, "")
	f.Int64Var(&o.max, "max", 1, "")
	f.BoolVar(&o.unsigned, "unsigned", false, "")
	f.StringSliceVar(&o.origins, "origin", nil, "")
	f.StringToStringVar(&o.secrets, "webhook-secret", nil, "")
	return f
}

func fill(t *testing.T, o *options, file string, args ...string) error {
	t.Helper()
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "whatchanged.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := flags(o)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return settings.Fill(f, path, []string{"of-another-command"})
}

func TestTheCommandLineGoesBeforeTheEnvironmentBeforeTheFile(t *testing.T) {
	const file = "listen: file\nlog-sync: file\nhot: 3h\nmax: 8_000\nunsigned: true\n"
	t.Setenv("WHATCHANGED_LISTEN", "environment")
	t.Setenv("WHATCHANGED_LOG_SYNC", "environment")
	var o options
	if err := fill(t, &o, file, "--listen", "line"); err != nil {
		t.Fatal(err)
	}
	if o.listen != "line" || o.logSync != "environment" || o.keep != 3*time.Hour || o.max != 8000 || !o.unsigned {
		t.Errorf("got %+v", o)
	}
	var defaults options
	t.Setenv("WHATCHANGED_LISTEN", "")
	if err := fill(t, &defaults, ""); err != nil {
		t.Fatal(err)
	}
	if defaults.listen != "" || defaults.keep != time.Hour {
		t.Errorf("got %+v", defaults)
	}
}

func TestListsAndMaps(t *testing.T) {
	var o options
	err := fill(t, &o, `
origin: [https://a.example, https://b.example]
webhook-secret:
  github: a,b
  gitlab: "c29tZQ=="
  unleash: 'x=1,y="2"'
`)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.origins, []string{"https://a.example", "https://b.example"}) {
		t.Errorf("origins %v", o.origins)
	}
	if want := map[string]string{"github": "a,b", "gitlab": "c29tZQ==", "unleash": `x=1,y="2"`}; !maps.Equal(o.secrets, want) {
		t.Errorf("secrets %v, want %v", o.secrets, want)
	}
	t.Setenv("WHATCHANGED_WEBHOOK_SECRET", "github=one,gitlab=two")
	var e options
	if err := fill(t, &e, ""); err != nil || !maps.Equal(e.secrets, map[string]string{"github": "one", "gitlab": "two"}) {
		t.Errorf("secrets %v, %v", e.secrets, err)
	}
}

func TestFillRefuses(t *testing.T) {
	for _, tt := range []struct{ claim, file, env, field, text string }{
		{"a key that is no flag", "lissten: x", "", "config", `"lissten" is not a setting`},
		{"what is no duration", "hot: long", "", "hot", "whatchanged.yaml: hot"},
		{"in the environment, and names it", "", "long", "hot", "WHATCHANGED_HOT"},
		{"what is no map of settings", "[a, b]", "", "config", "whatchanged.yaml"},
		{"what is no YAML", "a: [", "", "config", "whatchanged.yaml"},
		{"a value in a value", "origin: [[a]]", "", "config", "origin"},
		{"a map of maps", "webhook-secret: {a: {b: c}}", "", "config", "webhook-secret"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if tt.env != "" {
				t.Setenv("WHATCHANGED_HOT", tt.env)
			}
			err := fill(t, &options{}, tt.file)
			var e *whatchanged.Error
			if !errors.As(err, &e) || e.Code != whatchanged.CodeInvalidArgument || e.Field != tt.field || !strings.Contains(e.Message, tt.text) {
				t.Errorf("got %#v", err)
			}
		})
	}
	if err := settings.Fill(flags(&options{}), "/no/such/file", nil); !errors.Is(err, whatchanged.ErrInvalid) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := fill(t, &options{}, "of-another-command: x"); err != nil {
		t.Errorf("one file serves all commands: %v", err)
	}
}

func TestASecretWithoutANameIsNotShown(t *testing.T) {
	for claim, give := range map[string]func() error{
		"in the file":        func() error { return fill(t, &options{}, "webhook-secret: hunter2\n") },
		"in the environment": func() error { t.Setenv("WHATCHANGED_WEBHOOK_SECRET", "hunter2"); return fill(t, &options{}, "") },
		"on the command line": func() error {
			return settings.Hushed(flags(&options{}).Parse([]string{"--webhook-secret", "hunter2"}))
		},
	} {
		err := give()
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "webhook-secret") {
			t.Errorf("%s: %v", claim, err)
		}
	}
}
