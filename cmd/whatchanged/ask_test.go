package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged/resolvers"
)

func TestFlagsOfObjects(t *testing.T) {
	type object = map[string]any
	for _, tt := range []struct {
		claim string
		line  []string
		want  any
	}{
		{"names and values", []string{"--left", "region=eu, asOf=-1d"}, object{"region": "eu", "asOf": "-1d"}},
		{"given again, they add up", []string{"--left", "region=eu", "--left=environment=prod,region=us"}, object{"region": "us", "environment": "prod"}},
		{"a value may hold the sign", []string{"--left", "attribute=store=old"}, object{"attribute": "store=old"}},
		{"a switch needs no value", []string{"--left", "region=eu,live"}, object{"region": "eu", "live": true}},
		{"what is no member is passed on", []string{"--left", "zone=eu"}, object{"zone": "eu"}},
		{"so is what names none", []string{"--left", "eu"}, "eu"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			q, _ := resolvers.Lookup("compare")
			var got map[string]any
			cmd := newQuestion(q, func(_ *cobra.Command, args map[string]any) error { got = args; return nil })
			cmd.SetArgs(tt.line)
			if err := cmd.Execute(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got["left"]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWordsAreCompletedWithWhatIsKnown(t *testing.T) {
	s := serving(t, t.TempDir())
	s.taken(ce("1", time.Now().UTC().Add(-time.Minute)))
	for _, tt := range []struct {
		claim string
		line  []string
		want  string
	}{
		{"an entity", []string{"__complete", "ask", "whatChanged", "--server", s.url, "chec"}, "service:"},
		{"nothing that is not known", []string{"__complete", "ask", "whatChanged", "--server", s.url, "zzzz"}, ":4"},
		{"nothing without a server", []string{"__complete", "ask", "whatChanged", "--data", t.TempDir(), "chec"}, ":4"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			root := newRoot()
			var out bytes.Buffer
			root.SetOut(&out)
			root.SetArgs(tt.line)
			if err := root.ExecuteContext(t.Context()); err != nil || !strings.HasPrefix(out.String(), tt.want) {
				t.Errorf("%v: %s", err, &out)
			}
		})
	}
}
