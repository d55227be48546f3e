package main

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// TestWhatIsNoCommandIsRefused: a script that misspells must not take a help
// text for an answer.
func TestWhatIsNoCommandIsRefused(t *testing.T) {
	want := whatchanged.Codes[whatchanged.CodeInvalidArgument].Exit
	for _, line := range []string{"nosuch", "ask nosuch", "ask nosuch --json", "ingest nosuch", "ingest git", "source nosuch", "source list extra", "serve extra", "version extra"} {
		if got := run(strings.Fields(line)); got != want {
			t.Errorf("%s: exit status %d, want %d", line, got, want)
		}
	}
}

func TestACommandOfCommandsShowsItsHelp(t *testing.T) {
	for _, line := range []string{"", "ask", "ingest", "source"} {
		root := newRoot()
		var out strings.Builder
		root.SetOut(&out)
		root.SetArgs(strings.Fields(line))
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), "Available Commands:") {
			t.Errorf("%q: %v, %s", line, err, &out)
		}
	}
}

func TestWordsAreValuesOfTheFirstArgument(t *testing.T) {
	for _, tt := range []struct {
		claim, question string
		words           []string
		want            map[string]any
	}{
		{"a text is all of them", "find", []string{"fraud", "check"}, map[string]any{"query": "fraud check"}},
		{"a list has each", "whatChanged", []string{"checkout", "cart"}, map[string]any{"scope": []any{"checkout", "cart"}}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			q, _ := resolvers.Lookup(tt.question)
			var got map[string]any
			cmd := newQuestion(q, func(_ *cobra.Command, args map[string]any) error { got = args; return nil })
			cmd.SetOut(io.Discard)
			cmd.SetArgs(tt.words)
			if err := cmd.ExecuteContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
