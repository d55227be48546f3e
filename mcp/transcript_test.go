package mcp_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged/fixtures/received"
	"whatchanged.dev/whatchanged/index/hot"
)

// A turn is what an assistant says and the call it makes. The arguments may
// depend on what was answered before.
type turn struct {
	says string
	tool string
	args func(before []reply) map[string]any
}

func with(args map[string]any) func([]reply) map[string]any {
	return func([]reply) map[string]any { return args }
}

// firstIDs are the ids of the first items of an answer, as citations.
func firstIDs(r reply, n int) []any {
	var out []any
	for _, id := range idsIn(r.text)[:n] {
		out = append(out, id)
	}
	return out
}

var transcript = []turn{
	{"Somebody is paged.", "incident_brief", with(map[string]any{"incident": "INC-2041", "budget": 900})},
	{"Checkout is slow in eu-west-1. What may have done it?", "what_changed",
		with(map[string]any{"scope": []any{"checkout"}, "environment": "production", "regions": []any{"eu-west-1"}, "onset": "inc:INC-2041", "budget": 900, "limit": 5})},
	{"The first is a flag two hops away. What exactly was changed, and by whom?", "change",
		func(before []reply) map[string]any {
			return map[string]any{"ids": firstIDs(before[1], 1), "budget": 900}
		}},
	{"Does the other region have it, where nobody complains?", "config",
		with(map[string]any{"key": "flag:payments/deep-fraud-check", "environment": "production", "budget": 900})},
	{"What still goes out around it, and could be paused?", "rollouts",
		with(map[string]any{"scope": []any{"checkout"}, "budget": 700})},
	{"What would taking it back break?", "impact",
		func(before []reply) map[string]any {
			return map[string]any{"target": firstIDs(before[1], 1)[0], "action": "revert", "budget": 700}
		}},
	{"Whom to call?", "service", with(map[string]any{"service": "payments", "budget": 600})},
	{"Half an hour later: does what was cited still stand?", "change",
		func(before []reply) map[string]any {
			return map[string]any{"ids": []any{fmt.Sprint(firstIDs(before[1], 1)[0], "@", before[1].content["knownAt"])}, "budget": 300}
		}},
	{"And what is new since that answer?", "what_changed",
		func(before []reply) map[string]any {
			return map[string]any{"scope": []any{"checkout"}, "environment": "production", "regions": []any{"eu-west-1"}, "onset": "inc:INC-2041", "since": before[1].content["knownAt"], "budget": 400}
		}},
}

// TestTranscript writes docs/transcript.md: an incident of the estate, asked
// and answered over MCP. What assistants are told changes in review only.
func TestTranscript(t *testing.T) {
	w := &world{Tier: hot.Open(hot.Base{}), log: received.Estate(t, noon)}
	w.Apply(w.log)
	c := dial(t, w)
	var b strings.Builder
	b.WriteString("# An incident, asked over MCP\n\nWhat an assistant is told of the demo's shop, in which the checkout became slow. Written by `make transcript`; the texts are those of the tools as they answer.\n")
	var before []reply
	bytes := 0
	for _, turn := range transcript {
		args := turn.args(before)
		asked, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		r := call(t, c, turn.tool, args)
		if r.isError {
			t.Errorf("%s: %s", turn.tool, r.text)
		}
		before, bytes = append(before, r), bytes+len(r.text)
		fmt.Fprintf(&b, "\n## %s\n\n`%s` `%s`\n\n```\n%s```\n", turn.says, turn.tool, asked, r.text)
	}
	fmt.Fprintf(&b, "\n%d calls, some %d tokens of answers (at %.1f bytes a token).\n", len(transcript), int(float64(bytes)/2.3), 2.3)
	const file = "../docs/transcript.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s is not up to date; make transcript writes it (-want +got):\n%s", file, diff)
	}
}
