package mcp_test

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/hot"
)

//go:embed testdata/injections.txt
var injections string

// TestTextFromOutsideStaysInItsFence: what others wrote, wherever they may have
// written it, stands between fences in what an assistant reads, on one line,
// and nothing in it can end a fence, begin a line, or speak as we do.
func TestTextFromOutsideStaysInItsFence(t *testing.T) {
	fenced := regexp.MustCompile(`«[^«»\n]*»`)
	for line := range strings.Lines(injections) {
		attack := strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(strings.TrimSpace(line))
		t.Run(attack, func(t *testing.T) {
			w := &world{Tier: hot.Open(hot.Base{})}
			w.log = poisoned(attack)
			w.Apply(w.log)
			c := dial(t, w)
			told := 0
			for _, q := range []question{
				{"what_changed", nil}, {"what_changed", map[string]any{"budget": 8000}}, {"what_changed", map[string]any{"symptom": attack, "scope": []any{"web"}}},
				{"timeline", nil}, {"timeline", map[string]any{"fold": false, "budget": 300}},
				{"change", map[string]any{"ids": []any{"flag/1", "deploy/1", "rollout/1"}, "raw": true, "budget": 8000}}, {"change", map[string]any{"ids": []any{"inc/1"}}},
				{"config", map[string]any{"key": "flag:shop/x", "history": true, "budget": 8000}}, {"config", map[string]any{"key": "service:shop/web", "history": true, "budget": 8000}},
				{"find", map[string]any{"query": "PWNED"}}, {"service", map[string]any{"service": "web", "budget": 8000}}, {"topology", map[string]any{"scope": []any{"web"}}},
				{"rollouts", map[string]any{"state": "ALL", "budget": 8000}}, {"compare", map[string]any{"budget": 8000}}, {"find_commit", map[string]any{"commit": "abcdef1234567"}}, {"data_health", nil},
				{"impact", map[string]any{"target": "flag:shop/x", "budget": 8000}}, {"impact", map[string]any{"target": "flag/1", "action": "revert", "budget": 8000}},
				{"incident_brief", map[string]any{"incident": "INC-1"}}, {"incident_brief", map[string]any{"scope": []any{"web"}, "budget": 8000}}, {"incident_brief", map[string]any{"incident": "INC-1", "budget": 500}}, {"impact", map[string]any{"target": "flag:shop/x", "budget": 400}}, {"overview", map[string]any{"budget": 8000}},
			} {
				r := call(t, c, q.tool, q.args)
				if r.isError && q.tool != "find_commit" {
					t.Errorf("%s: %s", q.tool, r.text)
				}
				told += strings.Count(r.text, "PWNED")
				for line := range strings.Lines(fenced.ReplaceAllString(r.text, "")) {
					if strings.Contains(line, "PWNED") && !spelled(line) {
						t.Errorf("%s %v: outside a fence: %s", q.tool, q.args, line)
					}
				}
			}
			if told < 8 {
				t.Errorf("the attack was told %d times: it is not tried", told)
			}
		})
	}
}

// spelled says whether a line repeats what the caller asked: in the arguments
// of calls, as JSON, or as the text that was looked for.
func spelled(line string) bool {
	return strings.HasPrefix(line, "next: ") || strings.HasPrefix(line, `"PWNED": `)
}

// poisoned are events with a text from outside wherever there may be one.
func poisoned(attack string) []whatchanged.Delivery {
	web := whatchanged.Ref{Kind: "service", Namespace: "shop", Name: "web"}
	flag := whatchanged.Ref{Kind: "flag", Namespace: "shop", Name: "x"}
	value := whatchanged.ValueOf(map[string]any{"on": true, "note": attack})
	var log []whatchanged.Delivery
	tell := func(e whatchanged.Event) {
		n := uint64(len(log) + 1)
		e.Source, e.Clock, e.Action = "test", whatchanged.SourceClock, attack
		e.EffectiveAt, e.SeenAt, e.Position = noon.Add(time.Duration(n)*time.Minute-time.Hour), noon.Add(-time.Minute), whatchanged.Position{Sequence: n}
		e.Summary, e.Version, e.PreviousVersion, e.Reverts, e.Parent = attack, attack, attack+" before", attack, attack
		e.Actor = &whatchanged.Actor{Name: attack}
		e.Placement = whatchanged.Placement{Environment: "production", Region: attack}
		e.Approval = &whatchanged.Approval{By: attack, Policy: attack}
		e.Validation = &whatchanged.Validation{Checks: []string{attack}, Result: attack}
		e.Links = []whatchanged.Link{{Rel: attack, URL: "https://evil.example/" + attack}}
		e.Attributes = map[string]string{"ticket": attack, "note": attack}
		e.Commits = []string{"abcdef1234567890abcdef1234567890abcdef12"}
		log = append(log, whatchanged.Delivery{Sequence: n, Source: "test", Type: attack, ReceivedAt: e.SeenAt, Body: []byte(attack), Events: []whatchanged.Event{e}})
	}
	tell(whatchanged.Event{ID: "deploy/1", Kind: whatchanged.Deployment, Entity: web})
	tell(whatchanged.Event{ID: "flag/1", Kind: whatchanged.Flag, Entity: flag, Before: whatchanged.ValueOf(attack), After: value,
		Diff: []whatchanged.Edit{{Op: "replace", Path: "/" + attack, Was: whatchanged.ValueOf(attack), Value: value}}})
	tell(whatchanged.Event{ID: "rollout/1", Kind: whatchanged.RolloutKind, Entity: web, Rollout: &whatchanged.RolloutStep{ID: attack}})
	tell(whatchanged.Event{ID: "inc/1", Kind: whatchanged.Incident, Entity: whatchanged.RefOf(whatchanged.KindIncident, "INC-1")})
	tell(whatchanged.Event{ID: "edge/1", Kind: whatchanged.Topology, Entity: web, Dependency: &whatchanged.Dependency{To: flag, Evidence: "declared"}})
	for i := range 7 { // a storm
		tell(whatchanged.Event{ID: fmt.Sprintf("storm/%d %s", i, attack), Kind: whatchanged.Config, Entity: whatchanged.RefOf("config", "shop/a"), After: whatchanged.ValueOf(attack)})
	}
	return log
}
