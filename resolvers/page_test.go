package resolvers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

// text is an answer as surfaces write it.
func text(a resolvers.Answered) string {
	b, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		panic(err)
	}
	return string(b)
}

// pages asks for page after page, and tells the world of more in between.
func pages(t *testing.T, w *world, field string, args arguments) (ids []string, n int) {
	t.Helper()
	for {
		a := must[resolvers.Answered](t)(ask[resolvers.Answered](t, w, field, args))
		ids, n = append(ids, a.IDs()...), n+1
		h := a.Head()
		if h.Truncated != (h.Cursor != nil) {
			t.Fatalf("truncated %t with cursor %v", h.Truncated, h.Cursor)
		}
		if h.Cursor == nil {
			return ids, n
		}
		args["cursor"] = *h.Cursor
		w.tell(deployed(fmt.Sprint("meanwhile-", n), "web", float64(n)), deployed(fmt.Sprint("late-", n), "web", 700))
	}
}

func TestPagesArePinned(t *testing.T) {
	for _, tt := range []struct {
		field string
		args  arguments
	}{
		{"whatChanged", arguments{"scope": []any{"web"}}},
		{"whatChanged", arguments{}},
		{"timeline", arguments{"scope": []any{"web"}, "fold": false}},
		{"timeline", arguments{}},
		{"find", arguments{"query": "web"}},
		{"find", arguments{"query": "shop"}},
	} {
		t.Run(fmt.Sprint(tt.field, tt.args), func(t *testing.T) {
			w := newWorld(t, shop()...)
			for i := range 23 {
				w.tell(deployed(fmt.Sprintf("d%02d", i), "web", float64(10*i+1), summary("deploy web and shop")))
			}
			tt.args["limit"] = 100
			want := must[resolvers.Answered](t)(ask[resolvers.Answered](t, w, tt.field, tt.args)).IDs()
			tt.args["limit"] = 5
			got, n := pages(t, w, tt.field, tt.args)
			if !slices.Equal(got, want) || n < 2 {
				t.Errorf("%d pages give\n%v, want\n%v", n, got, want)
			}
		})
	}
}

func TestCursorsOfOthersAreRefused(t *testing.T) {
	w := newWorld(t, deployed("a", "web", 10), deployed("b", "web", 11), deployed("c", "web", 12))
	first := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"limit": 1, "scope": []any{"web"}}))
	set := func(part int, v string) string {
		parts := strings.Split(*first.Cursor, ".")
		parts[part] = v
		return strings.Join(parts, ".")
	}
	for _, tt := range []struct {
		claim  string
		field  string
		cursor string
		args   arguments
		code   whatchanged.Code // "" when it is taken
	}{
		{"another page size may be asked", "whatChanged", *first.Cursor, arguments{"scope": []any{"web"}, "limit": 2}, ""},
		{"another scope not", "whatChanged", *first.Cursor, arguments{}, whatchanged.CodeInvalidArgument},
		{"nor another window", "whatChanged", *first.Cursor, arguments{"scope": []any{"web"}, "since": "-1h"}, whatchanged.CodeInvalidArgument},
		{"nor another question", "timeline", *first.Cursor, arguments{"scope": []any{"web"}}, whatchanged.CodeInvalidArgument},
		{"no cursor at all", "whatChanged", "???", arguments{"scope": []any{"web"}}, whatchanged.CodeInvalidArgument},
		{"an empty one", "whatChanged", "", arguments{"scope": []any{"web"}}, whatchanged.CodeInvalidArgument},
		{"of a longer log", "whatChanged", set(1, "2r"), arguments{"scope": []any{"web"}}, whatchanged.CodeCursorExpired},
		{"a page before the first", "whatChanged", set(7, "-1"), arguments{"scope": []any{"web"}}, whatchanged.CodeInvalidArgument},
		{"a page beyond the last", "whatChanged", set(7, "e1ddxts"), arguments{"scope": []any{"web"}}, whatchanged.CodeInvalidArgument},
		{"an empty window", "whatChanged", set(3, strconv.FormatInt(noon.UnixMicro(), 36)), arguments{"scope": []any{"web"}}, whatchanged.CodeInvalidArgument},
		{"a moment out of bounds", "whatChanged", set(6, strconv.FormatInt(time.Time{}.UnixMicro(), 36)), arguments{"scope": []any{"web"}}, whatchanged.CodeInvalidArgument},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			tt.args["cursor"] = tt.cursor
			_, err := ask[resolvers.Answered](t, w, tt.field, tt.args)
			if tt.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			refused(t, err, tt.code, "cursor")
		})
	}
}

// FuzzCursor: whatever a cursor says, nothing panics, and nothing is seen that
// the asker could not see without it.
func FuzzCursor(f *testing.F) {
	w := newWorld(f, deployed("a", "web", 10), deployed("b", "web", 11), deployed("c", "web", 12))
	first := must[*resolvers.WhatChanged](f)(whatChanged(f, w, arguments{"limit": 1}))
	f.Add(*first.Cursor)
	f.Add(strings.Replace(*first.Cursor, ".3.", ".2.", 1))
	f.Add("a.0.0.0.0.0.0.1")
	f.Add(".......")
	f.Fuzz(func(t *testing.T, cursor string) {
		a, err := whatChanged(t, w, arguments{"limit": 100, "cursor": cursor})
		if err != nil {
			if c := whatchanged.CodeOf(err); c != whatchanged.CodeInvalidArgument && c != whatchanged.CodeCursorExpired {
				t.Errorf("refused as %s: %v", c, err)
			}
			return
		}
		mark, _ := w.Watermark(t.Context())
		if a.KnownAt.Compare(mark.Position) > 0 || a.Interval.Empty() || !whatchanged.Always.Contains(a.Interval.From) || len(a.Items) > 3 {
			t.Errorf("a cursor showed %+v", a.Envelope)
		}
		for _, s := range a.Items {
			if s.Change.Position.Compare(a.KnownAt) > 0 || !a.Interval.Contains(s.Change.EffectiveAt) {
				t.Errorf("a cursor showed %+v, which lies beyond what it pins", s.Change)
			}
		}
	})
}

func TestAfterWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, deployed("a", "web", 10))
		type result struct {
			answer *resolvers.WhatChanged
			err    error
		}
		got := make(chan result, 1)
		go func() {
			a, err := whatChanged(t, w, arguments{"after": "pos:2.0"})
			got <- result{a, err}
		}()
		synctest.Wait()
		select {
		case r := <-got:
			t.Fatalf("answered %v, %v before the position was seen", r.answer, r.err)
		default:
		}
		w.tell(deployed("b", "web", 9))
		r := <-got
		if r.err != nil || !slices.Equal(r.answer.IDs(), []string{"b", "a"}) {
			t.Errorf("got %v, %v", r.answer, r.err)
		}
		_, err := whatChanged(t, w, arguments{"after": "pos:9.0"}) // waits for the question's whole time
		if !errors.Is(err, whatchanged.ErrStale) {
			t.Errorf("got %v, want ErrStale", err)
		}
	})
}

func TestAQuestionHasADeadline(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(resolvers.WithViewer(t.Context(), ann), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	after := whatchanged.At(9)
	if _, err := w.WhatChanged(ctx, resolvers.WhatChangedInput{Limit: 1, After: &after}); !errors.Is(err, whatchanged.ErrStale) {
		t.Errorf("got %v", err)
	}
}

// TestNextCallsCanBeMade asks every call that answers recommend.
func TestNextCallsCanBeMade(t *testing.T) {
	w := newWorld(t, append(shop(), deployed("a", "web", 10, in("prod", "eu")), deployed("b", "far", 11))...)
	for _, tt := range []struct {
		field string
		args  arguments
	}{
		{"whatChanged", arguments{"scope": []any{"web"}, "environment": "prod", "regions": []any{"eu"}, "hops": 5}},
		{"whatChanged", arguments{"since": "-1h"}},
		{"whatChanged", arguments{"scope": []any{"far"}, "until": when(20)}},
		{"whatChanged", arguments{"until": "1970-01-05T00:00:00Z"}},
		{"timeline", arguments{"scope": []any{"web"}, "regions": []any{"eu"}}},
		{"timeline", arguments{}},
		{"change", arguments{"ids": []any{"a"}}},
		{"find", arguments{"query": "web"}},
		{"find", arguments{"query": "a"}},
		{"find", arguments{"query": "nothing like it"}},
	} {
		t.Run(fmt.Sprint(tt.field, tt.args), func(t *testing.T) {
			a := must[resolvers.Answered](t)(ask[resolvers.Answered](t, w, tt.field, tt.args))
			for _, c := range a.Head().Next {
				args, ok := c.Arguments.Decode().(map[string]any)
				if !ok {
					t.Fatalf("arguments %s", c.Arguments)
				}
				if _, err := schema.Check(c.Question, args); err != nil {
					t.Errorf("%s %s: %v", c.Question, c.Arguments, err)
				}
				next := must[resolvers.Answered](t)(ask[resolvers.Answered](t, w, c.Question, args))
				if next.Head().KnownAt != a.Head().KnownAt || c.Why == "" {
					t.Errorf("%s %s is not pinned, or for no reason", c.Question, c.Arguments)
				}
			}
		})
	}
}

// TestNextCallsAskTheSame: of the same kinds, as of the same moment, and for
// suspects before the same onset.
func TestNextCallsAskTheSame(t *testing.T) {
	w := newWorld(t, append(shop(), deployed("a", "web", 10, in("prod", "eu")))...)
	args := arguments{"scope": []any{"web"}, "environment": "prod", "regions": []any{"eu"}, "kinds": []any{"flag"}, "until": when(5), "asOf": when(20)}
	suspects := arguments{"onset": when(8)}
	maps.Copy(suspects, args)
	for field, args := range map[string]arguments{"whatChanged": suspects, "timeline": args} {
		a := must[resolvers.Answered](t)(ask[resolvers.Answered](t, w, field, args))
		for _, c := range a.Head().Next {
			got, _ := c.Arguments.Decode().(map[string]any)
			next := must[resolvers.Answered](t)(ask[resolvers.Answered](t, w, c.Question, got))
			if !next.Head().AsOf.Equal(a.Head().AsOf) || !next.Head().Interval.To.Equal(a.Head().Interval.To) {
				t.Errorf("%s proposes %s %s: another moment", field, c.Question, c.Arguments)
			}
			for _, name := range []string{"environment", "regions", "kinds"} {
				if diff := cmp.Diff(args[name], got[name]); diff != "" {
					t.Errorf("%s proposes %s with other %s (-asked +next):\n%s", field, c.Question, name, diff)
				}
			}
			more, ok := next.(*resolvers.WhatChanged)
			if was, of := a.(*resolvers.WhatChanged); ok && of && !more.Onset.Equal(was.Onset) {
				t.Errorf("onset %v, want %v", more.Onset, was.Onset)
			}
		}
	}
}

func TestNoTermIsWrittenAsMinusZero(t *testing.T) {
	w := newWorld(t, append(shop(), deployed("a", "web", 10))...)
	a := must[resolvers.Answered](t)(ask[resolvers.Answered](t, w, "whatChanged", arguments{"scope": []any{"web"}}))
	if got := text(a); strings.Contains(got, `"value": -0,`) || strings.Contains(fmt.Sprint(a.Table()), "-0.00") {
		t.Errorf("got %s", got)
	}
}
