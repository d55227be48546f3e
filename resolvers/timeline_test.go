package resolvers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// minutes are deployments of the shop's entities, one a minute.
func minutes(from, n int, prefix string, change ...func(*whatchanged.Event)) []whatchanged.Event {
	var out []whatchanged.Event
	for i := range n {
		out = append(out, deployed(fmt.Sprintf("%s%d", prefix, i), fmt.Sprintf("%s%d", prefix, i), float64(from-i), change...))
	}
	return out
}

func TestTimeline(t *testing.T) {
	flags := func(e *whatchanged.Event) {
		e.Kind, e.Action, e.Entity.Kind = whatchanged.Flag, "changed", whatchanged.KindFlag
	}
	for _, tt := range []struct {
		claim  string
		events []whatchanged.Event
		ask    arguments
		want   string // lines; the ids of a storm are joined by +
	}{
		{"oldest first, however they were told", []whatchanged.Event{deployed("late", "web", 10), deployed("early", "cart", 50), deployed("middle", "pay", 30)}, nil, "early middle late"},
		{"at one moment in the order of the log", []whatchanged.Event{deployed("x", "web", 10), deployed("a", "web", 10)}, nil, "x a"},
		{"five alike within two minutes of each other are a storm", minutes(30, 5, "s"), nil, "s0+s1+s2+s3+s4"},
		{"four are not", minutes(30, 4, "s"), nil, "s0 s1 s2 s3"},
		{"a storm ends where the next comes more than two minutes later", append(minutes(30, 5, "s"), deployed("after", "web", 23.9)), nil, "s0+s1+s2+s3+s4 after"},
		{"and includes one that comes exactly then", append(minutes(30, 5, "s"), deployed("after", "web", 24)), nil, "s0+s1+s2+s3+s4+after"},
		{"and where another kind comes between", append(minutes(30, 5, "s"), deployed("f", "flag:shop/f", 27.5, flags)), nil, "s0 s1 s2 f s3 s4"},
		{"two storms", append(minutes(30, 5, "s"), minutes(20, 6, "f", flags)...), nil, "s0+s1+s2+s3+s4 f0+f1+f2+f3+f4+f5"},
		{"unfolded on request", minutes(30, 5, "s"), arguments{"fold": false}, "s0 s1 s2 s3 s4"},
		{"the scope alone, unless hops are asked", append(shop(), deployed("web", "web", 10), deployed("cart", "cart", 11)), arguments{"scope": []any{"web"}, "since": "-1h"}, "web"},
		{"with hops what is around it too", append(shop(), deployed("web", "web", 10), deployed("cart", "cart", 11)), arguments{"scope": []any{"web"}, "since": "-1h", "hops": 1}, "cart web"},
		{"incidents are part of it", []whatchanged.Event{deployed("i", "incident:default/i", 10, kind(whatchanged.Incident))}, nil, "i"},
		{"every step of a rollout is", []whatchanged.Event{deployed("s1", "web", 30, step("r", whatchanged.PhaseProgressing, 0.1)), deployed("s2", "web", 20, step("r", whatchanged.PhasePromoted, 1))}, nil, "s1 s2"},
		{"the window is half open", []whatchanged.Event{deployed("from", "web", 60), deployed("to", "web", 30), deployed("in", "web", 30.01)}, arguments{"since": when(60), "until": when(30)}, "from in"},
		{"it starts 24 hours before its end", []whatchanged.Event{deployed("in", "web", 24*60), deployed("out", "web", 24*60+1)}, nil, "in"},
		{"elsewhere is left out", []whatchanged.Event{deployed("eu", "web", 10, in("prod", "eu")), deployed("us", "web", 10, in("prod", "us"))}, arguments{"regions": []any{"us"}}, "us"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWorld(t, tt.events...)
			a := must[*resolvers.Timeline](t)(timeline(t, w, tt.ask))
			var got []string
			changes := 0
			for _, l := range a.Items {
				got = append(got, strings.Join(l.IDs, "+"))
				changes += l.Count
				if l.Count != len(l.IDs) || l.Change.ID != l.IDs[0] || l.Until.Before(l.Change.EffectiveAt) {
					t.Errorf("line %+v", l)
				}
			}
			if diff := cmp.Diff(strings.Fields(tt.want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if a.Total != changes {
				t.Errorf("total %d, want the %d shown", a.Total, changes)
			}
		})
	}
}

func TestStormsLoseNothing(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 300 {
		e := deployed(fmt.Sprintf("e%03d", i), fmt.Sprintf("s%d", i%7), 300-float64(i)*float64(i%5+1)/5)
		want = append(want, e.ID)
		w.tell(e)
	}
	folded := must[*resolvers.Timeline](t)(timeline(t, w, arguments{"limit": 500}))
	plain := must[*resolvers.Timeline](t)(timeline(t, w, arguments{"limit": 500, "fold": false}))
	if len(folded.Items) >= len(plain.Items) || !slices.Equal(folded.IDs(), plain.IDs()) {
		t.Errorf("%d lines hold other changes than %d", len(folded.Items), len(plain.Items))
	}
	got := folded.IDs()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %d changes, want %d", len(got), len(want))
	}
	for _, l := range folded.Items {
		if l.Count > 1 && (l.Count < 5 || l.Until.Sub(l.Change.EffectiveAt) > time.Duration(l.Count-1)*2*time.Minute) {
			t.Errorf("%d changes from %v to %v are no storm", l.Count, l.Change.EffectiveAt, l.Until)
		}
	}
}

func TestTimelineVerdicts(t *testing.T) {
	w := newWorld(t, append(minutes(30, 5, "s"), deployed("web", "web", 10))...)
	for _, tt := range []struct {
		ask  arguments
		want string
	}{
		{arguments{"since": "-1h"}, "6 changes from 2026-03-01T11:00:00Z to 2026-03-01T12:00:00Z, in 2 lines."},
		{arguments{"since": "-1h", "scope": []any{"web"}}, "1 change on service:shop/web from 2026-03-01T11:00:00Z to 2026-03-01T12:00:00Z, in 1 line."},
		{arguments{"since": "-1h", "scope": []any{"web"}, "kinds": []any{"flag"}},
			"Nothing recorded changed on service:shop/web from 2026-03-01T11:00:00Z to 2026-03-01T12:00:00Z besides what was left out: 1 OTHER_KIND. Coverage: heard: test."},
	} {
		if a := must[*resolvers.Timeline](t)(timeline(t, w, tt.ask)); a.Verdict != tt.want {
			t.Errorf("got  %q\nwant %q", a.Verdict, tt.want)
		}
	}
	for _, limit := range []any{0, 501} {
		_, err := timeline(t, w, arguments{"limit": limit})
		refused(t, err, whatchanged.CodeInvalidArgument, "limit")
	}
}
