package main

import (
	"testing"

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
