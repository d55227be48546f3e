package resolvers_test

import (
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// pushes has a source tell of an entity again and again, every so many minutes,
// the last time so many minutes before noon.
func (w *world) pushes(source, entity string, times int, every, last float64) {
	for n := range times {
		w.hears(source, last+float64(times-1-n)*every, "", deployed(source+entity+string(rune('a'+n)), entity, last+float64(times-1-n)*every))
	}
}

// hears has a delivery of a type arrive, minutes before noon.
func (w *world) hears(source string, minutes float64, what string, events ...whatchanged.Event) {
	d := whatchanged.Delivery{Sequence: uint64(len(w.log) + 1), Source: source, Type: what, Outcome: whatchanged.Accepted, ReceivedAt: ago(minutes)}
	for i, e := range events {
		e.Position, e.SeenAt, e.Source = whatchanged.Position{Sequence: d.Sequence, Index: uint32(i)}, d.ReceivedAt, source
		d.Events = append(d.Events, e)
	}
	w.log = append(w.log, d)
	w.Apply([]whatchanged.Delivery{d})
}

// judged writes the verdict and the state of each source, in brackets if it
// never told of what was asked.
func judged(c whatchanged.Coverage) string {
	parts := []string{string(c.State)}
	for _, s := range c.Sources {
		text := s.Source + " " + string(s.State)
		if !s.Asked {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func TestCoverage(t *testing.T) {
	const ran, connected, lost = whatchanged.DeliveryRan, whatchanged.DeliveryConnected, whatchanged.DeliveryLost
	const follows, stopped = whatchanged.DeliveryFollows, whatchanged.DeliveryStopped
	lease := whatchanged.Lease.Minutes()
	cart := arguments{"scope": []any{"cart"}, "since": "-60m", "hops": 0}
	for _, tt := range []struct {
		claim string
		told  func(w *world)
		want  string
	}{
		{"heard in the interval", func(w *world) { w.pushes("argocd", "cart", 30, 10, 5) }, "heard, argocd heard"},
		{"not longer silent than usual", func(w *world) { w.pushes("argocd", "cart", 30, 100, 90) }, "quiet, argocd quiet"},
		{"exactly as long as is usual", func(w *world) { w.pushes("argocd", "cart", 30, 64, 64) }, "quiet, argocd quiet"},
		{"longer than is usual", func(w *world) { w.pushes("argocd", "cart", 30, 64, 65) }, "silent, argocd silent"},
		{"longer than is usual, though heard at the beginning", func(w *world) { w.pushes("argocd", "cart", 30, 10, 50) }, "silent, argocd silent"},
		{"twenty gaps are enough", func(w *world) { w.pushes("argocd", "cart", 21, 10, 90) }, "silent, argocd silent"},
		{"nineteen are too little history", func(w *world) { w.pushes("argocd", "cart", 20, 10, 90) }, "unknown, argocd unknown"},
		{"with little history it is still heard when it is heard", func(w *world) { w.pushes("argocd", "cart", 2, 10, 5) }, "heard, argocd heard"},
		{"another source, that tells of something else, does not matter", func(w *world) {
			w.pushes("argocd", "cart", 30, 10, 5)
			w.pushes("flagd", "flag:shop/banner", 20, 10, 400)
			w.pushes("flagd", "flag:shop/other", 20, 10, 200)
		}, "heard, argocd heard, (flagd silent)"},
		{"one that tells of what it needs does", func(w *world) {
			w.pushes("argocd", "cart", 30, 10, 5)
			w.pushes("otel", "db", 30, 10, 90)
			w.hears("argocd", 4, "", needs("cart", "db"))
		}, "silent, argocd heard, otel silent"},
		{"nobody ever told of it but a catalog", func(w *world) { w.hears("catalog", 90, "", needs("web", "cart")); w.pushes("argocd", "api", 30, 10, 5) },
			"unknown, (argocd heard), catalog unknown"},
		{"what is dated ahead, or late, was heard when it came", func(w *world) {
			w.pushes("argocd", "cart", 30, 10, 90)
			w.hears("argocd", 80, "", deployed("ahead", "cart", -600), deployed("late", "cart", 9000))
		}, "silent, argocd silent"},
		{"a connection that stands", func(w *world) { w.pushes("kubernetes", "cart", 30, 10, 90); w.hears("kubernetes", 80, connected) }, "quiet, kubernetes quiet"},
		{"one that is lost", func(w *world) {
			w.pushes("kubernetes", "cart", 30, 10, 5)
			w.hears("kubernetes", 4, connected)
			w.hears("kubernetes", 0.01, lost)
		}, "lost, kubernetes lost"},
		{"one that stands again", func(w *world) {
			w.pushes("kubernetes", "cart", 30, 10, 5)
			w.hears("kubernetes", 2, lost)
			w.hears("kubernetes", 1, connected)
		}, "heard, kubernetes heard"},
		{"a reader whose lease stands", func(w *world) { w.pushes("git", "cart", 30, 10, 90); w.hears("git", lease, follows) }, "quiet, git quiet"},
		{"one that has not renewed it", func(w *world) {
			w.pushes("git", "cart", 30, 10, 5)
			w.hears("git", lease+0.01, follows)
		}, "lost, git lost"},
		{"another's lease does not matter", func(w *world) {
			w.pushes("argocd", "cart", 30, 10, 5)
			w.pushes("git", "flag:shop/banner", 30, 10, 5)
			w.hears("git", 2, follows)
		}, "heard, argocd heard, (git lost)"},
		{"one that was ended", func(w *world) {
			w.pushes("git", "cart", 30, 10, 5)
			w.hears("git", 4, follows)
			w.hears("git", 3, stopped)
		}, "stopped, git stopped"},
		{"one that was ended, or died, and has run since, runs", func(w *world) {
			w.pushes("git", "cart", 30, 10, 50)
			w.hears("git", 40, stopped)
			w.hears("git", 30, ran)
			w.pushes("etcd", "cart", 30, 10, 50)
			w.hears("etcd", 40, follows)
			w.hears("etcd", 30, ran)
		}, "heard, etcd heard, git heard"},
		{"a reader that ran in the interval, though nothing was new", func(w *world) { w.pushes("git", "cart", 30, 0.1, 9000); w.hears("git", 10, ran) }, "heard, git heard"},
		{"one that runs as it usually does", func(w *world) {
			w.pushes("git", "cart", 30, 0.1, 9000)
			for n := range 21 {
				w.hears("git", float64(61+61*(20-n)), ran)
			}
		}, "quiet, git quiet"},
		{"one that does not", func(w *world) {
			w.pushes("git", "cart", 30, 0.1, 9000)
			for n := range 21 {
				w.hears("git", float64(90+10*(20-n)), ran)
			}
		}, "silent, git silent"},
		{"one that ran once, before", func(w *world) { w.pushes("git", "cart", 30, 0.1, 9000); w.hears("git", 90, ran) }, "unknown, git unknown"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWorld(t)
			tt.told(w)
			a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, cart))
			if got := judged(a.Coverage); got != tt.want {
				t.Errorf("got %q, want %q (%s)", got, tt.want, a.Coverage.Text)
			}
		})
	}
}

// TestStoppingASource: as time goes on, the answers about what it tells of say
// that it is silent, and no others; of the time before, they do not.
func TestStoppingASource(t *testing.T) {
	w := newWorld(t)
	w.pushes("argocd", "cart", 60, 1, 0)
	w.pushes("flagd", "flag:shop/banner", 60, 1, 0)
	at := noon
	w.config.Now = func() time.Time { return at }
	w.Resolver = must[*resolvers.Resolver](t)(resolvers.New(w.config))
	states := func(args arguments) (carts, banners, both whatchanged.CoverageState) {
		ask := func(scope ...any) whatchanged.CoverageState {
			return must[*resolvers.Timeline](t)(timeline(t, w, with(args, "scope", scope))).Coverage.State
		}
		return ask("cart"), ask("flag:shop/banner"), ask()
	}
	if a, b, c := states(arguments{"since": "-30s"}); a != "quiet" || b != "quiet" || c != "quiet" {
		t.Errorf("at once: %s %s %s", a, b, c)
	}
	at = noon.Add(5 * time.Minute)
	w.hears("flagd", -4.5, "", deployed("on", "flag:shop/banner", -4.5))
	if a, b, c := states(arguments{"since": "-2m"}); a != "silent" || b != "heard" || c != "silent" {
		t.Errorf("one of them stopped: %s %s %s", a, b, c)
	}
	if a, b, _ := states(arguments{"since": "-10m", "until": noon.Add(time.Second).Format(time.RFC3339)}); a != "heard" || b != "heard" {
		t.Errorf("of the time before: %s %s", a, b)
	}
}

func TestCoverageSaysByWhatItJudges(t *testing.T) {
	w := newWorld(t)
	w.pushes("argocd", "cart", 30, 10, 90)
	w.pushes("hook", "cart", 3, 10, 90)
	w.pushes("git", "cart", 1, 1, 9000)
	w.hears("git", 10, whatchanged.DeliveryRan)
	w.hears("watch", 9000, "", deployed("w", "cart", 9000))
	w.hears("watch", 5, whatchanged.DeliveryLost)
	w.pushes("other", "api", 30, 10, 90)
	a := must[*resolvers.WhatChanged](t)(whatChanged(t, w, arguments{"scope": []any{"cart"}, "since": "-60m", "hops": 0}))
	want := "lost: watch (connection lost 2026-03-01T11:55:00Z); silent: argocd (last heard 2026-03-01T10:30:00Z; usually at most 10m apart); " +
		"unknown: hook (last heard 2026-03-01T10:30:00Z; too little history); heard: git (last ran 2026-03-01T11:50:00Z); never told of this: other"
	if a.Coverage.Text != want {
		t.Errorf("got  %q\nwant %q", a.Coverage.Text, want)
	}
}
