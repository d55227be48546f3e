package resolvers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

// required are the arguments without which a question cannot be asked.
var required = map[string]arguments{
	"change":        {"ids": []any{"a"}},
	"config":        {"key": []any{"web"}},
	"find":          {"query": "web"},
	"findCommit":    {"commit": "v1"},
	"impact":        {"target": "web"},
	"incidentBrief": {"scope": []any{"web"}},
	"service":       {"service": "web"},
	"topology":      {"scope": []any{"web"}},
}

func TestWithoutAViewerNobodyIsAnswered(t *testing.T) {
	w := newWorld(t, deployed("a", "web", 10))
	for _, q := range resolvers.Questions {
		for _, ctx := range []context.Context{t.Context(), resolvers.WithViewer(t.Context(), resolvers.Viewer{Agent: "nobody"})} {
			args, err := schema.Check(q.Field, required[q.Field])
			if err != nil {
				t.Fatal(err)
			}
			a, err := q.Ask(w.Resolver, ctx, args)
			if a != nil || whatchanged.CodeOf(err) != whatchanged.CodeUnauthenticated {
				t.Errorf("%s answered %v, %v", q.Field, a, err)
			}
		}
	}
}

// TestEveryQuestionIsAudited: one line for each, with who, agent, ids and code.
func TestEveryQuestionIsAudited(t *testing.T) {
	w := newWorld(t, append(minutes(30, 6, "s"), deployed("a", "web", 10))...)
	for _, tt := range []struct {
		field string
		args  arguments
		ids   []any
		code  string
		level string
	}{
		{"whatChanged", arguments{"scope": []any{"web"}, "since": "-2h"}, []any{"a"}, "", "INFO"},
		{"timeline", arguments{}, []any{"s0", "s1", "s2", "s3", "s4", "s5", "a"}, "", "INFO"},
		{"change", arguments{"ids": []any{"a", "s0"}}, []any{"a", "s0"}, "", "INFO"},
		{"find", arguments{"query": "web"}, []any{"service:shop/web"}, "", "INFO"},
		{"change", arguments{"ids": []any{"b"}}, nil, "NOT_FOUND", "INFO"},
	} {
		w.audit.Reset()
		_, _ = ask[resolvers.Answered](t, w, tt.field, tt.args)
		var line struct {
			Msg, Level, Question, Who, Agent, Code string
			Input, Digest                          string // JSON, and of it
			IDs                                    []any
			Took                                   float64
		}
		var input map[string]any
		d := json.NewDecoder(bytes.NewReader(w.audit.Bytes()))
		if err := d.Decode(&line); err != nil {
			t.Fatalf("%s: %v in %s", tt.field, err, &w.audit)
		}
		if err := json.Unmarshal([]byte(line.Input), &input); err != nil {
			t.Fatalf("%s: %v", line.Input, err)
		}
		if d.More() {
			t.Errorf("%s: more than one line: %s", tt.field, &w.audit)
		}
		if line.Msg != "asked" || line.Question != tt.field || line.Who != "ann" || line.Agent != "test" || line.Code != tt.code || line.Level != tt.level || line.Took <= 0 || len(line.Digest) != 16 {
			t.Errorf("%s: line %+v", tt.field, line)
		}
		if diff := cmp.Diff(tt.ids, line.IDs); diff != "" {
			t.Errorf("%s: ids (-want +got):\n%s", tt.field, diff)
		}
		for k, v := range tt.args {
			if k == "since" {
				v = "-2h0m0s" // as a When writes itself
			}
			if diff := cmp.Diff(v, input[k]); diff != "" {
				t.Errorf("%s: %s in the line (-asked +line):\n%s", tt.field, k, diff)
			}
		}
	}
}

// TestWhatIsLoggedOfAQuestionIsCleanAndShort: a secret that somebody pasted
// stands neither in the arguments nor in the words of the refusal.
func TestWhatIsLoggedOfAQuestionIsCleanAndShort(t *testing.T) {
	w := newWorld(t)
	c := w.config
	c.Clean = func(s string) string { return strings.ReplaceAll(s, "hunter2", "R") }
	asked := func(c resolvers.Config, scope string) (line struct{ Input, Digest, Cause, Agent string }) {
		t.Helper()
		r, err := resolvers.New(c)
		if err != nil {
			t.Fatal(err)
		}
		w.audit.Reset()
		ctx := resolvers.WithViewer(t.Context(), resolvers.Viewer{Who: "ann", Agent: strings.Repeat("a", 5000)})
		if _, err := r.WhatChanged(ctx, resolvers.WhatChangedInput{Scope: []string{scope}, Limit: 1}); whatchanged.CodeOf(err) != whatchanged.CodeNotFound {
			t.Fatal(err)
		}
		if err := json.Unmarshal(w.audit.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		return line
	}
	got := asked(c, "hunter2 "+strings.Repeat("x", 450))
	if strings.Contains(w.audit.String(), "hunter2") || !strings.Contains(got.Input, "R xxx") || !strings.Contains(got.Cause, "R xxx") || w.audit.Len() > 1500 {
		t.Errorf("the line is %s", &w.audit)
	}
	if again := asked(c, "hunter2 "+strings.Repeat("x", 450)); again.Digest != got.Digest {
		t.Error("one question has two digests")
	}
	if other := asked(c, "hunter2 "+strings.Repeat("x", 451)); other.Digest == got.Digest || other.Input != got.Input {
		t.Error("two questions that begin alike are not told apart")
	}
	c.Clean = nil
	if got := asked(c, "hunter2"); got.Input != "" || strings.Contains(w.audit.String(), "hunter2") {
		t.Errorf("without a cleaner the line is %s", &w.audit)
	}
}

func TestArgumentsThatDoNotFitAreNamed(t *testing.T) {
	w := newWorld(t)
	q, _ := resolvers.Lookup("whatChanged")
	for _, tt := range []struct {
		args  arguments
		field string
	}{
		{arguments{"onset": "soon"}, "onset"},
		{arguments{"onset": 5}, "onset"},
		{arguments{"after": "12"}, "after"},
		{arguments{"scope": "web"}, "scope"},
		{arguments{"hops": 1.5}, "hops"},
		{arguments{"environment": func() {}}, "environment"},
	} {
		_, err := q.Ask(w.Resolver, resolvers.WithViewer(t.Context(), ann), tt.args)
		refused(t, err, whatchanged.CodeInvalidArgument, tt.field)
	}
	if _, ok := resolvers.Lookup("nobody"); ok {
		t.Error("a question nobody asked")
	}
}

func TestAnswersReadBack(t *testing.T) {
	w := newWorld(t, deployed("a", "web", 10, step("r", whatchanged.PhasePaused, 0.5)), deployed("b", "web", 11, version("v1")))
	for _, q := range resolvers.Questions {
		a := must[resolvers.Answered](t)(ask[resolvers.Answered](t, w, q.Field, required[q.Field]))
		b, err := q.Decode([]byte(text(a)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text(a), text(b)); diff != "" {
			t.Errorf("%s: %s", q.Field, diff)
		}
		if diff := cmp.Diff(a.Table(), b.Table()); diff != "" {
			t.Errorf("%s: %s", q.Field, diff)
		}
	}
}

func TestOnlySoManyAreAnsweredAtOnce(t *testing.T) {
	w := newWorld(t, deployed("a", "web", 10))
	began, end := make(chan struct{}), make(chan struct{})
	w.config.Index, w.config.AtOnce = slow{w, began, end}, 1
	r, err := resolvers.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.Resolver = r
	first := make(chan error)
	go func() {
		_, err := ask[*resolvers.Find](t, w, "find", arguments{"query": "web"})
		first <- err
	}()
	<-began
	_, err = ask[*resolvers.Find](t, w, "find", arguments{"query": "web"})
	refused(t, err, whatchanged.CodeRateLimited, "")
	close(end)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// slow is an index whose first answer waits.
type slow struct {
	resolvers.Index
	began, end chan struct{}
}

// Watermark implements [resolvers.Index].
func (s slow) Watermark(ctx context.Context) (whatchanged.Watermark, error) {
	close(s.began)
	<-s.end
	return s.Index.Watermark(ctx)
}
