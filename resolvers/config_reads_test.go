package resolvers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// A counting index notes what is read of it, and what of the past.
type counting struct {
	*world
	reads []string
}

// States implements [resolvers.Index].
func (c *counting) States(ctx context.Context, v whatchanged.View, s whatchanged.StateSelection) ([]*whatchanged.Event, error) {
	c.reads = append(c.reads, "states")
	return c.world.States(ctx, v, s)
}

// Edges implements [resolvers.Index].
func (c *counting) Edges(ctx context.Context, v whatchanged.View, refs []whatchanged.Ref, limit int) ([]whatchanged.Edge, error) {
	c.reads = append(c.reads, "edges")
	return c.world.Edges(ctx, v, refs, limit)
}

// Changes implements [resolvers.Index].
func (c *counting) Changes(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error) {
	c.reads = append(c.reads, "changes")
	return c.world.Changes(ctx, v, s)
}

// ChangesOfEach implements [resolvers.Index].
func (c *counting) ChangesOfEach(ctx context.Context, v whatchanged.View, s whatchanged.Selection) ([]whatchanged.Page, error) {
	what := "past"
	if s.Interval.From.After(noon) {
		what = "future"
	}
	c.reads = append(c.reads, what)
	return c.world.ChangesOfEach(ctx, v, s)
}

// What holds now is in memory, and so is what comes: only what was before may
// have to be read from the past.
func TestConfigReadsThePastOnlyWhenTheChangeDoesNotTellOfIt(t *testing.T) {
	const always = "states edges future edges"
	for _, tt := range []struct {
		claim string
		event whatchanged.Event
		ask   arguments
		want  string
	}{
		{"a change that says what was before", set("b", 10, "prod", "", `{"a":2}`, was(`{"a":1}`)), nil, always},
		{"or which version", set("b", 10, "prod", "", "2", func(e *whatchanged.Event) { e.PreviousVersion = "7" }), nil, always},
		{"or that nothing was", set("b", 10, "prod", "", "2", action("created")), nil, always},
		{"a part that it touched", set("b", 10, "prod", "", `{"a":2}`, was(`{"a":1}`)), arguments{"path": "a"}, always},
		{"a part that it did not touch", set("b", 10, "prod", "", `{"a":2}`, was(`{"a":1}`)), arguments{"path": "b"}, "states edges past future edges"},
		{"one that says nothing of it", set("b", 10, "prod", "", "2"), nil, "states edges past future edges"},
		{"the history", set("b", 10, "prod", "", "2", was("1")), arguments{"history": true}, "states edges past future edges"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWorld(t, set("a", 60, "prod", "", "1"), tt.event)
			c := &counting{world: w}
			w.config.Index = c
			w.Resolver = must[*resolvers.Resolver](t)(resolvers.New(w.config))
			args := arguments{"key": fast}
			for k, v := range tt.ask {
				args[k] = v
			}
			must[*resolvers.ConfigState](t)(config(t, w, args))
			if got := strings.Join(c.reads, " "); got != tt.want {
				t.Errorf("reads %s, want %s", got, tt.want)
			}
		})
	}
}

func TestConfigUnderstandsFlags(t *testing.T) {
	for _, tt := range []struct{ claim, value, want string }{
		{"a plain object", `{"percentage":5,"variant":"blue"}`, "blue 5 "},
		{"flagd", `{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"fractional":[["on",25],["off",75]]}}`, `off 25 {"fractional":[["on",25],["off",75]]}`},
		{"LaunchDarkly, rolled out by weight", `{"on":true,"variations":[{"value":true},{"value":false}],"fallthrough":{"rollout":{"variations":[{"variation":0,"weight":60000},{"variation":1,"weight":40000}]}},"rules":[]}`, " 60 "},
		{"LaunchDarkly, off", `{"on":false,"offVariation":1,"variations":[{"value":"a"},{"value":"b"}],"fallthrough":{"variation":0},"rules":[{"id":"r"}]}`, `b - [{"id":"r"}]`},
		{"Unleash", `{"enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"50"}}]}`, ` 50 [{"name":"flexibleRollout","parameters":{"rollout":"50"}}]`},
		{"OpenFeature, as evaluated", `{"value":true,"variant":"on","reason":"TARGETING_MATCH"}`, "on - "},
		{"a share", `{"coverage":0.25}`, " 25 "},
		{"a number", `5`, " - "},
		{"anything else", `{"a":[1]}`, " - "},
		{"what no number is", `{"percentage":"NaN","on":true,"variations":[1],"fallthrough":{"variation":1e300}}`, " - "},
		{"indices that lead nowhere", `{"on":true,"variations":[1],"fallthrough":{"variation":7,"rollout":{"variations":[{"variation":-1,"weight":1}]}}}`, " - "},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.ConfigState](t)(config(t, newWorld(t, set("a", 10, "prod", "", tt.value)), arguments{"key": fast}))
			v, percentage := a.Items[0], "-"
			if v.Percentage != nil {
				percentage = fmt.Sprint(*v.Percentage)
			}
			if got := v.Variant + " " + percentage + " " + v.Targeting.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
