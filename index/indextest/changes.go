package indextest

import (
	"errors"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

const (
	web  = "service:shop/web"
	cart = "service:shop/cart"
)

func testChanges(t *testing.T, open Opener) {
	log := history(
		[]whatchanged.Event{change("ten", web, 10)},
		[]whatchanged.Event{change("twenty", cart, 20)},
		[]whatchanged.Event{change("twenty-too", web, 20)},
		[]whatchanged.Event{change("late", web, 5)},
		[]whatchanged.Event{change("future", web, 500)},
		nil,
		[]whatchanged.Event{change("first", cart, 30), change("second", web, 30)},
	)
	index := open(t, log)
	all := everything(log)
	between := func(from, to int) whatchanged.Selection {
		return whatchanged.Selection{Interval: minutes(from, to), Limit: 100}
	}
	after := func(at int, p whatchanged.Position) *whatchanged.Key {
		return &whatchanged.Key{EffectiveAt: minute(at), Position: p}
	}
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.Selection
		want  string
		total int
	}{
		{"a selection of nothing selects nothing out", all, whatchanged.Selection{Limit: 100}, "late ten twenty twenty-too first second future", 7},
		{"an interval holds its start", all, between(10, 11), "ten", 1},
		{"an interval does not hold its end", all, between(5, 10), "late", 1},
		{"an empty interval holds nothing", all, between(10, 10), "", 0},
		{"equal times are ordered by position", all, between(20, 21), "twenty twenty-too", 2},
		{"equal times within a delivery are ordered by index", all, between(30, 31), "first second", 2},
		{"descending turns all of the order", all, whatchanged.Selection{Interval: minutes(20, 31), Descending: true, Limit: 100}, "second first twenty-too twenty", 4},
		{"entities select", all, whatchanged.Selection{Entities: refs(cart), Limit: 100}, "twenty first", 2},
		{"any of several entities is enough", all, whatchanged.Selection{Entities: refs(cart, web), Limit: 100}, "late ten twenty twenty-too first second future", 7},
		{"an unknown entity has no changes", all, whatchanged.Selection{Entities: refs("service:shop/none"), Limit: 100}, "", 0},
		{"ids select", all, whatchanged.Selection{IDs: []string{"second", "late", "none"}, Limit: 100}, "late second", 2},
		{"all that a selection asks must hold", all, whatchanged.Selection{IDs: []string{"second", "late"}, Entities: refs(web), Interval: minutes(6, 100), Limit: 100}, "second", 1},
		{"a later position is not known", known(2), whatchanged.Selection{Limit: 100}, "ten twenty", 2},
		{"a position within a delivery knows its first events only", whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: whatchanged.Position{Sequence: 7}}, between(30, 31), "first", 1},
		{"a late event repairs what was, once known", all, between(0, 11), "late ten", 2},
		{"a late event does not alter what was known", known(3), between(0, 11), "ten", 1},
		{"a future event is not seen before its time", asOf(log, 499), whatchanged.Selection{Entities: refs(web), Descending: true, Limit: 1}, "second", 4},
		{"an event is seen at its own moment", asOf(log, 500), whatchanged.Selection{Entities: refs(web), Descending: true, Limit: 1}, "future", 5},
		{"a limit cuts and the total does not", all, whatchanged.Selection{Limit: 2}, "late ten", 7},
		{"without a limit there is only the total", all, whatchanged.Selection{Entities: refs(web)}, "", 5},
		{"after a key comes what is later", all, whatchanged.Selection{After: after(20, whatchanged.Position{Sequence: 2}), Limit: 2}, "twenty-too first", 7},
		{"after a key, descending, comes what is earlier", all, whatchanged.Selection{After: after(20, whatchanged.Position{Sequence: 3}), Descending: true, Limit: 2}, "twenty ten", 7},
		{"a key need not be that of an event", all, whatchanged.Selection{After: after(15, whatchanged.Position{}), Limit: 1}, "twenty", 7},
		{"after the last there is nothing", all, whatchanged.Selection{After: after(500, whatchanged.Position{Sequence: 5}), Limit: 9}, "", 7},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			page := must[whatchanged.Page](t)(index.Changes(t.Context(), test.view, test.ask))
			same(t, "events", identities(page.Events), strings.Fields(test.want))
			same(t, "total", page.Total, test.total)
		})
	}
	t.Run("pages walk everything once", func(t *testing.T) { testPages(t, index, log) })
	t.Run("a view beyond the watermark is stale", func(t *testing.T) {
		if _, err := index.Changes(t.Context(), known(8), whatchanged.Selection{Limit: 1}); !errors.Is(err, whatchanged.ErrStale) {
			t.Errorf("error is %v, want ErrStale", err)
		}
	})
}

func testPages(t *testing.T, index Index, log []whatchanged.Delivery) {
	forward := []string{"late", "ten", "twenty", "twenty-too", "first", "second", "future"}
	for _, descending := range []bool{false, true} {
		want := forward
		if descending {
			want = reversed(forward)
		}
		for limit := 1; limit <= len(want); limit++ {
			var got []string
			ask := whatchanged.Selection{Descending: descending, Limit: limit}
			for range len(want) + 1 {
				page := must[whatchanged.Page](t)(index.Changes(t.Context(), everything(log), ask))
				if len(page.Events) == 0 {
					break
				}
				got = append(got, identities(page.Events)...)
				last := page.Events[len(page.Events)-1].Key()
				ask.After = &last
			}
			same(t, "pages", got, want)
		}
	}
}

func testCorrections(t *testing.T, open Opener) {
	revision := func(n int, e whatchanged.Event) whatchanged.Event { e.Revision = n; return e }
	log := each(
		change("out", web, 10),
		revision(1, change("out", web, 110)),
		change("in", web, 120),
		revision(1, change("in", web, 20)),
		change("moved", web, 30),
		revision(1, change("moved", cart, 30)),
		change("twice", web, 40),
		revision(2, change("twice", web, 42)),
		revision(1, change("twice", web, 41)), // comes late
		revision(1, change("alone", web, 50)), // its first receipt was never had
		change("back", web, 60),
		revision(1, change("back", web, 160)),
		revision(2, change("back", web, 61)),
	)
	index := open(t, log)
	all := everything(log)
	hour := whatchanged.Selection{Interval: minutes(0, 100), Limit: 100}
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.Selection
		want  string
	}{
		{"only the last revision is found", all, whatchanged.Selection{Limit: 100}, "in#1 moved#1 twice#2 alone#1 back#2 out#1"},
		{"a correction moves an event out of an interval and into one", all, hour, "in#1 moved#1 twice#2 alone#1 back#2"},
		{"what was known before a correction is still found", known(1), hour, "out"},
		{"from the correction on the old revision is gone", known(2), hour, ""},
		{"a correction may move an event to another entity", all, whatchanged.Selection{Entities: refs(cart), Limit: 100}, "moved#1"},
		{"and away from one", all, whatchanged.Selection{IDs: []string{"moved"}, Entities: refs(web), Limit: 100}, ""},
		{"an id finds its last revision", all, whatchanged.Selection{IDs: []string{"twice"}, Limit: 100}, "twice#2"},
		{"an earlier revision that comes late changes nothing", known(9), whatchanged.Selection{IDs: []string{"twice"}, Limit: 100}, "twice#2"},
		{"each position knows its own revision", known(12), whatchanged.Selection{IDs: []string{"back"}, Limit: 100}, "back#1"},
		{"a correction not yet in effect hides what it corrects", asOf(log, 100), whatchanged.Selection{IDs: []string{"out"}, Limit: 100}, ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			page := must[whatchanged.Page](t)(index.Changes(t.Context(), test.view, test.ask))
			same(t, "events", identities(page.Events), strings.Fields(test.want))
			same(t, "total", page.Total, len(strings.Fields(test.want)))
		})
	}
}

func testWholeEvents(t *testing.T, open Opener) {
	written, share := minute(1).Add(1234567*1000), 0.25
	full := whatchanged.Event{
		ID: "github/deployment/1", Revision: 0, Source: "github", Kind: whatchanged.RolloutKind, Action: "promoted",
		Entity:    ref("service:shop/web/päge"),
		Placement: whatchanged.Placement{Environment: "prod", Region: "eu-west-1", Cluster: "blue", Cell: "7"},
		Actor:     &whatchanged.Actor{Name: "argo", Automation: true},
		WrittenAt: &written, EffectiveAt: minute(2).Add(1000), Clock: whatchanged.ArrivalClock,
		Before: whatchanged.Value(`{"a":1.0,"b":"\t'\\"}`), After: whatchanged.Value("null"),
		Diff:    []whatchanged.Edit{{Op: "replace", Path: "/a", Value: whatchanged.Value("2"), Was: whatchanged.Value("1.0")}, {Op: "remove", Path: "/b"}},
		Version: "v2", PreviousVersion: "v1", Commits: []string{"0123456789abcdef", "it's"}, Reverts: "0123",
		Summary: "quoted \"text\", it's\nall\t{there:String} \\ @a ? 汉", Parent: "jira/1",
		Approval:   &whatchanged.Approval{By: "ann", Policy: "two eyes", BreakGlass: true},
		Validation: &whatchanged.Validation{Checks: []string{"unit", "canary"}, Result: "passed"},
		Links:      []whatchanged.Link{{Rel: "evidence", URL: "https://example.com/?a=b&c=<d>"}},
		Rollout:    &whatchanged.RolloutStep{ID: "r1", Phase: whatchanged.PhasePaused, Share: &share},
		Dependency: &whatchanged.Dependency{To: ref(cart), Evidence: whatchanged.Observed, Removed: true},
		Attributes: map[string]string{"k": "v", "empty": "", "it's": "\\"},
	}
	bare := change("bare", web, 3)
	person := change("person", web, 4)
	person.Actor = &whatchanged.Actor{}
	person.Rollout = &whatchanged.RolloutStep{ID: "r2"}
	early, last := change("early", web, 0), change("last", web, 0)
	early.EffectiveAt, last.EffectiveAt = whatchanged.MinTime, whatchanged.MaxTime.Add(-whatchanged.Resolution)
	log := each(full, bare, person, early, last)
	page := must[whatchanged.Page](t)(open(t, log).Changes(t.Context(), everything(log), whatchanged.Selection{Limit: 9}))
	same(t, "events", page.Events, []*whatchanged.Event{&log[3].Events[0], &log[0].Events[0], &log[1].Events[0], &log[2].Events[0], &log[4].Events[0]})
}
