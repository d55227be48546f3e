package indextest

import (
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

func testKinds(t *testing.T, open Opener) {
	of := func(kind whatchanged.EventKind, e whatchanged.Event) whatchanged.Event { e.Kind = kind; return e }
	step := change("step", web, 30)
	step.Rollout = &whatchanged.RolloutStep{ID: "r", Phase: whatchanged.PhasePaused}
	log := each(of(whatchanged.Flag, change("flag", web, 10)), of(whatchanged.Config, change("config", cart, 20)), step,
		of(whatchanged.Flag, change("late", web, 5)))
	index := open(t, log)
	all := everything(log)
	arrived := func(from, to uint64) whatchanged.Selection {
		return whatchanged.Selection{Seen: whatchanged.Interval{From: arrival(from), To: arrival(to)}, Limit: 9}
	}
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.Selection
		want  string
	}{
		{"a kind selects", all, whatchanged.Selection{Kinds: []whatchanged.EventKind{whatchanged.Flag}, Limit: 9}, "late flag"},
		{"or any of several", all, whatchanged.Selection{Kinds: []whatchanged.EventKind{whatchanged.Flag, whatchanged.Config}, Limit: 9}, "late flag config"},
		{"of a kind that nothing is there is nothing", all, whatchanged.Selection{Kinds: []whatchanged.EventKind{whatchanged.Model}, Limit: 9}, ""},
		{"steps of rollouts are told from what is none", all, whatchanged.Selection{Steps: true, Limit: 9}, "step"},
		{"what arrived when is asked apart from when it took effect", all, arrived(3, 5), "late step"},
		{"an interval of arrival holds its start and not its end", all, arrived(2, 3), "config"},
		{"what was not known had not arrived", known(3), arrived(3, 5), "step"},
		{"all that a selection asks must hold", all, whatchanged.Selection{Kinds: []whatchanged.EventKind{whatchanged.Flag}, Seen: arrived(2, 9).Seen, Interval: minutes(0, 9), Limit: 9}, "late"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			page := must[whatchanged.Page](t)(index.Changes(t.Context(), test.view, test.ask))
			same(t, "events", identities(page.Events), strings.Fields(test.want))
			same(t, "total", page.Total, len(strings.Fields(test.want)))
		})
	}
}

func testEach(t *testing.T, open Opener) {
	flag := change("flag", cart, 25)
	flag.Kind = whatchanged.Flag
	log := each(change("w1", web, 10), change("c1", cart, 20), change("w2", web, 30), change("w3", web, 20), flag)
	index := open(t, log)
	all := everything(log)
	newest := func(limit int, entities ...string) whatchanged.Selection {
		return whatchanged.Selection{Entities: refs(entities...), Descending: true, Limit: limit}
	}
	const none = "service:shop/none"
	after := newest(9, web, cart)
	after.After = &whatchanged.Key{EffectiveAt: minute(25)}
	kinds := newest(1, web, cart)
	kinds.Kinds = []whatchanged.EventKind{whatchanged.Deployment}
	hour := newest(9, web, cart)
	hour.Interval = minutes(0, 21)
	tests := []struct {
		claim string
		view  whatchanged.View
		ask   whatchanged.Selection
		want  string // of each entity, in the order asked
		total []int
	}{
		{"so many of each, in the order the entities were asked", all, newest(2, web, cart), "w2 w3 | flag c1", []int{3, 2}},
		{"and in the other order", all, newest(1, cart, web), "flag | w2", []int{2, 3}},
		{"one that nothing happened to has an empty page", all, newest(2, web, none, cart), "w2 w3 | | flag c1", []int{3, 0, 2}},
		{"asked twice, told twice", all, newest(1, web, web), "w2 | w2", []int{3, 3}},
		{"the earliest of each", all, whatchanged.Selection{Entities: refs(web, cart), Limit: 1}, "w1 | c1", []int{3, 2}},
		{"without a limit there are only totals", all, newest(0, web, cart), " | ", []int{3, 2}},
		{"a key cuts each, and no total", all, after, "w3 w1 | c1", []int{3, 2}},
		{"the newest of a kind", all, kinds, "w2 | c1", []int{3, 1}},
		{"within an interval", all, hour, "w3 w1 | c1", []int{2, 1}},
		{"as far as was known", known(2), newest(9, web, cart), "w1 | c1", []int{1, 1}},
		{"what had taken effect", asOf(log, 20), newest(9, web, cart), "w3 w1 | c1", []int{2, 1}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			pages := must[[]whatchanged.Page](t)(index.ChangesOfEach(t.Context(), test.view, test.ask))
			var got []string
			for i, p := range pages {
				got = append(got, strings.Join(identities(p.Events), " "))
				same(t, "total", p.Total, test.total[i])
			}
			same(t, "events", strings.Join(strings.Fields(strings.Join(got, " | ")), " "), strings.Join(strings.Fields(test.want), " "))
		})
	}
}
