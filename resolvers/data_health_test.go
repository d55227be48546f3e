package resolvers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// arrived is a delivery of a source so many minutes before noon, with events
// that took effect so many seconds before it arrived.
func (w *world) arrived(source string, minutes float64, outcome whatchanged.Outcome, lags ...float64) {
	d := whatchanged.Delivery{Sequence: uint64(len(w.log) + 1), Source: source, Outcome: outcome,
		ReceivedAt: noon.Add(-time.Duration(minutes * float64(time.Minute)))}
	for i, lag := range lags {
		e := deployed(source+string(rune('a'+i)), "web", 0)
		e.EffectiveAt = d.ReceivedAt.Add(-time.Duration(lag * float64(time.Second)))
		e.Clock = whatchanged.SourceClock
		e.Position, e.SeenAt, e.Source = whatchanged.Position{Sequence: d.Sequence, Index: uint32(i)}, d.ReceivedAt, source
		d.Events = append(d.Events, e)
	}
	w.log = append(w.log, d)
	w.Apply([]whatchanged.Delivery{d})
}

func dataHealth(t *testing.T, w *world, args arguments) *resolvers.DataHealth {
	t.Helper()
	return must[*resolvers.DataHealth](t)(ask[*resolvers.DataHealth](t, w, "dataHealth", args))
}

func TestDataHealth(t *testing.T) {
	w := newWorld(t)
	for n := range 21 {
		w.arrived("silent", 30*60+20-float64(n), whatchanged.Accepted, 1)
	}
	w.arrived("git", 60, whatchanged.Accepted, 10, 60, 30)
	w.arrived("git", 30, whatchanged.Rejected)
	seconds := func(s float64) *float64 { return &s }
	a := dataHealth(t, w, nil)

	heard, last := noon.Add(-30*time.Hour), noon.Add(-30*time.Minute)
	want := []resolvers.SourceHealth{
		{Source: "silent", State: whatchanged.CoverageSilent, LastHeard: &heard, SilentSeconds: seconds(30 * 3600), UsualGapSeconds: seconds(60)},
		{Source: "git", State: whatchanged.CoverageHeard, LastHeard: &last, SilentSeconds: seconds(1800), Deliveries: 2, Rejected: 1,
			Changes: 3, LagSeconds: seconds(30), MaxLagSeconds: seconds(60)},
	}
	if diff := cmp.Diff(want, a.Items); diff != "" {
		t.Errorf("silent ones first (-want +got):\n%s", diff)
	}
	if want := "Of 2 sources: 1 silent, 1 heard; 1 delivery was not understood."; a.Verdict != want {
		t.Errorf("verdict %q, want %q", a.Verdict, want)
	}
}

func TestDataHealthOfWhatWasNeverHeard(t *testing.T) {
	w := newWorld(t)
	if a := dataHealth(t, w, nil); !strings.HasPrefix(a.Verdict, "No source has ever been heard") {
		t.Errorf("verdict %q", a.Verdict)
	}
	w.arrived("git", 5, whatchanged.Accepted)
	a := dataHealth(t, w, arguments{"sources": []any{"argocd"}})
	if len(a.Items) != 1 || a.Items[0].Source != "argocd" || a.Items[0].State != whatchanged.CoverageUnknown {
		t.Errorf("a source asked for by name is told of even so: %+v", a.Items)
	}
	if all := dataHealth(t, w, nil); all.Verdict != "Every source was heard in the window, and everything they sent was understood." {
		t.Errorf("verdict %q", all.Verdict)
	}
}

func TestWhatCameLateCountsWhenItCame(t *testing.T) {
	w := newWorld(t)
	w.arrived("git", 30, whatchanged.Accepted, 10, 48*3600, -3600)
	a := dataHealth(t, w, arguments{"since": "-1h"})
	if s := a.Items[0]; s.Changes != 3 || *s.LagSeconds != 10 || *s.MaxLagSeconds != 48*3600 {
		t.Errorf("from before the window and from ahead of it: %+v", s)
	}
	if s := dataHealth(t, w, arguments{"since": "-50h", "until": "-40h"}).Items; s[0].Changes != 0 {
		t.Errorf("of that time nothing was learned then: %+v", s[0])
	}
}

func TestDataHealthAsKnownThen(t *testing.T) {
	w := newWorld(t)
	w.arrived("git", 60, whatchanged.Accepted, 1)
	w.arrived("git", 30, whatchanged.Rejected)
	if a := dataHealth(t, w, arguments{"knownAt": "pos:1"}); a.Items[0].Deliveries != 1 || a.Items[0].Rejected != 0 {
		t.Errorf("got %+v", a.Items[0])
	}
}
