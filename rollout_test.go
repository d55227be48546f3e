package whatchanged_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// told is a deployment of a service so many minutes after the beginning, unless
// it is changed.
func told(id string, minute float64, change ...func(*whatchanged.Event)) *whatchanged.Event {
	e := &whatchanged.Event{ID: id, Source: "test", Kind: whatchanged.Deployment, Action: "deployed", Entity: whatchanged.RefOf(whatchanged.KindService, "shop/web"),
		EffectiveAt: began.Add(time.Duration(minute * float64(time.Minute)))}
	for _, c := range change {
		c(e)
	}
	return e
}

func says(rollout string, phase whatchanged.Phase, share ...float64) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) {
		e.Rollout = &whatchanged.RolloutStep{ID: rollout, Phase: phase}
		if len(share) > 0 {
			e.Rollout.Share = &share[0]
		}
	}
}

func brings(v string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Version = v }
}

func at(place string) func(*whatchanged.Event) {
	environment, region, _ := strings.Cut(place, "/")
	return func(e *whatchanged.Event) {
		e.Placement = whatchanged.Placement{Environment: environment, Region: region}
	}
}

func sets(kind whatchanged.EventKind, before, after string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) {
		e.Kind, e.Action, e.Entity = kind, "changed", whatchanged.RefOf(whatchanged.Kind(kind), "shop/banner")
		e.Before, e.After = whatchanged.Value(before), whatchanged.Value(after)
	}
}

func did(action string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Action = action }
}

// spelled is a rollout in one line.
func spelled(r *whatchanged.Rollout) string {
	s := r.ID + " " + string(r.Phase)
	if r.Share != nil {
		s += fmt.Sprintf(" %.2f", *r.Share)
	}
	if r.Back {
		s += " back"
	}
	if r.Stuck {
		s += " stuck"
	}
	s += where(" done ", r.Done) + where(" next ", r.Next)
	if r.SupersededBy != "" {
		s += " for " + r.SupersededBy
	}
	return s + ": " + strings.Join(r.Steps, " ")
}

func where(what string, places []whatchanged.Placement) string {
	var all []string
	for _, p := range places {
		all = append(all, p.String())
	}
	if len(all) == 0 {
		return ""
	}
	return what + strings.Join(all, ",")
}

const (
	pending     = whatchanged.PhasePending
	progressing = whatchanged.PhaseProgressing
	paused      = whatchanged.PhasePaused
	promoted    = whatchanged.PhasePromoted
	aborted     = whatchanged.PhaseAborted
	rolledBack  = whatchanged.PhaseRolledBack
	failed      = whatchanged.PhaseFailed
	superseded  = whatchanged.PhaseSuperseded
)

// TestThen is the table of docs/adr/012-what-a-rollout-is.md.
func TestThen(t *testing.T) {
	for _, tt := range []struct {
		claim     string
		was, said whatchanged.Phase
		later     bool
		want      whatchanged.Phase
	}{
		{"in flight the last word holds", progressing, paused, true, paused},
		{"and may be the first phase again, as GitHub's waiting", progressing, pending, true, pending},
		{"at one moment too", pending, progressing, false, progressing},
		{"what ended stays ended at that moment", promoted, progressing, false, promoted},
		{"a later step opens it again", aborted, progressing, true, progressing},
		{"a later pause too", failed, paused, true, paused},
		{"to be queued opens nothing", failed, pending, true, failed},
		{"what was promoted can be rolled back", promoted, rolledBack, true, rolledBack},
		{"a retry can succeed", failed, promoted, true, promoted},
		{"what was promoted is replaced one day", promoted, superseded, true, superseded},
		{"what failed was never there to be replaced", failed, superseded, true, failed},
		{"a phase nobody knows says nothing", paused, "resting", true, paused},
		{"and is on its way when it is all there is", "", "resting", true, progressing},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if got := tt.was.Then(tt.said, tt.later); got != tt.want {
				t.Errorf("%s, then %s: got %s, want %s", tt.was, tt.said, got, tt.want)
			}
		})
	}
}

func TestRollouts(t *testing.T) {
	ramp := func(from, to int) func(*whatchanged.Event) {
		return sets(whatchanged.Flag, fmt.Sprintf(`{"percentage":%d}`, from), fmt.Sprintf(`{"percentage":%d}`, to))
	}
	eu, us, ap := at("prod/eu"), at("prod/us"), at("prod/ap")
	month := -30 * 24 * 60.0
	old := []*whatchanged.Event{told("old-eu", month, eu, brings("v1")), told("old-us", month, us, brings("v1")), told("old-stage", month, at("stage/eu"), brings("v1"))}
	for _, tt := range []struct {
		claim  string
		events []*whatchanged.Event
		held   []*whatchanged.Event
		after  float64 // minutes
		want   []string
	}{
		{"a canary as its source tells it", []*whatchanged.Event{told("a", 0, says("r", progressing, 0.1)), told("b", 10, says("r", paused, 0.5))}, nil, 20, []string{"r paused 0.50: a b"}},
		{"what is promoted is exposed to all", []*whatchanged.Event{told("a", 0, says("r", progressing)), told("b", 10, says("r", promoted))}, nil, 20, []string{"r promoted 1.00 done : a b"}},
		{"what fell is back in part", []*whatchanged.Event{told("a", 0, says("r", progressing, 0.5)), told("b", 10, says("r", progressing, 0.1))}, nil, 20, []string{"r progressing 0.10 back: a b"}},
		{"what fell to nothing is rolled back", []*whatchanged.Event{told("a", 0, says("r", progressing, 0.5)), told("b", 10, says("r", progressing, 0))}, nil, 20, []string{"r rolledBack 0.00: a b"}},
		{"silence is stuck", []*whatchanged.Event{told("a", 0, says("r", progressing, 0.5))}, nil, 61, []string{"r progressing 0.50 stuck: a"}},
		{"but not where it is usual", []*whatchanged.Event{
			told("a", -900, says("q", pending)), told("b", -700, says("q", progressing)), told("c", -500, says("q", progressing)), told("d", -300, says("q", promoted)),
			told("e", 0, says("r", progressing, 0.5))}, nil, 190, []string{"r progressing 0.50: e", "q promoted 1.00 done : a b c d"}},
		{"a later one takes the place of one that waits", []*whatchanged.Event{told("a", 0, says("r", pending)), told("b", 10, says("s", pending))}, nil, 20, []string{"s pending: b", "r superseded for s: a"}},
		{"not in another region", []*whatchanged.Event{told("a", 0, eu, says("r", pending)), told("b", 10, us, says("s", pending))}, nil, 20, []string{"s pending next prod/us: b", "r pending next prod/eu: a"}},
		{"a step in one region goes on from the word for all", []*whatchanged.Event{told("a", 0, at("prod"), says("r", pending)), told("b", 5, eu, says("r", promoted)), told("c", 6, us, says("r", progressing, 0.5))}, nil, 20,
			[]string{"r progressing 0.75 done prod/eu next prod/us: a b c"}},

		{"percentages of one flag are one rollout", []*whatchanged.Event{told("a", 0, ramp(0, 5)), told("b", 10, ramp(5, 25)), told("c", 20, ramp(25, 100))}, nil, 30, []string{"a promoted 1.00 done : a b c"}},
		{"back to none is rolled back", []*whatchanged.Event{told("a", 0, ramp(0, 5)), told("b", 10, ramp(5, 0))}, nil, 30, []string{"a rolledBack 0.00: a b"}},
		{"and switched off too", []*whatchanged.Event{told("a", 0, ramp(0, 5)), told("b", 10, sets(whatchanged.Flag, "", `{"enabled":false,"percentage":5}`))}, nil, 30, []string{"a rolledBack 0.00: a b"}},
		{"up from none is the next one", []*whatchanged.Event{told("a", 0, ramp(0, 5)), told("b", 10, ramp(5, 0)), told("c", 20, ramp(0, 10))}, nil, 30, []string{"c progressing 0.10: c", "a rolledBack 0.00: a b"}},
		{"a fall from the top is of the same", []*whatchanged.Event{told("a", 0, ramp(5, 100)), told("b", 10, ramp(100, 50))}, nil, 30, []string{"a progressing 0.50 back: a b"}},
		{"all at once is no ramp", []*whatchanged.Event{told("a", 0, ramp(0, 100))}, nil, 30, nil},
		{"a flag is ramped region by region", []*whatchanged.Event{told("a", 0, eu, ramp(0, 50)), told("b", 10, eu, ramp(50, 100)), told("c", 20, us, ramp(0, 50))}, nil, 30, []string{"a progressing 0.75 done prod/eu next prod/us: a b c"}},
		{"and elsewhere it is yet to go", []*whatchanged.Event{told("a", 0, eu, ramp(0, 50))}, []*whatchanged.Event{told("old", month, us, ramp(0, 0))}, 30, []string{"a progressing 0.50 next prod/eu,prod/us: a"}},

		{"a version in one of two regions goes to the other", []*whatchanged.Event{told("a", 0, eu, brings("v2"))}, old, 30, []string{"a progressing 0.50 done prod/eu next prod/us: a"}},
		{"where the environments are named after their regions too", []*whatchanged.Event{told("a", 0, at("prod-eu/eu"), brings("v2"))}, []*whatchanged.Event{told("o", month, at("prod-us/us"), brings("v1")), told("p", month, at("stage-us/us"), brings("v1"))}, 30,
			[]string{"a progressing 0.50 done prod-eu/eu next prod-us/us: a"}},
		{"and has come when it is there", []*whatchanged.Event{told("a", 0, eu, brings("v2")), told("b", 10, us, brings("v2"))}, old, 30, []string{"a promoted 1.00 done prod/eu,prod/us: a b"}},
		{"of which nothing more is expected a week later", []*whatchanged.Event{told("a", 0, eu, brings("v2"), says("r", promoted))}, old, 8 * 24 * 60, []string{"r promoted 0.50 done prod/eu next prod/us: a"}},
		{"at one moment it is in no stages", []*whatchanged.Event{told("a", 0, eu, brings("v2")), told("b", 0, us, brings("v2"))}, nil, 30, nil},
		{"nor in one place", []*whatchanged.Event{told("a", 0, eu, brings("v2"))}, nil, 30, nil},
		{"deployments that are reported apart are one", []*whatchanged.Event{told("a", 0, eu, brings("v2"), says("d1", pending)), told("b", 5, eu, brings("v2"), says("d1", promoted)), told("c", 10, us, brings("v2"), says("d2", progressing))}, old, 30,
			[]string{"d1 progressing done prod/eu next prod/us: a b c"}},
		{"unless in the same place", []*whatchanged.Event{told("a", 0, eu, brings("v2"), says("d1", failed)), told("c", 10, eu, brings("v2"), says("d2", progressing))}, nil, 30, []string{"d2 progressing next prod/eu: c", "d1 failed: a"}},
		{"the version before comes back", []*whatchanged.Event{told("a", 0, eu, brings("v1")), told("b", 10, eu, brings("v2")), told("c", 12, us, brings("v2")), told("d", 20, eu, brings("v1"))}, nil, 30,
			[]string{"b rolledBack 0.50 back done prod/us: b c d"}},
		{"a source says that it came back", []*whatchanged.Event{told("b", 10, eu, brings("v2")), told("d", 20, eu, brings("v0"), did("rolledback"))}, old, 30, []string{"b rolledBack 0.00: b d"}},
		{"a newer version takes the place on the way", []*whatchanged.Event{told("a", 0, eu, brings("v2")), told("b", 10, eu, brings("v3"))}, old, 30, []string{"b progressing 0.50 done prod/eu next prod/us: b", "a superseded 0.50 done prod/eu for b: a"}},
		{"a config moves by its value", []*whatchanged.Event{told("a", 0, eu, sets(whatchanged.Config, "1", "2")), told("b", 10, us, sets(whatchanged.Config, "1", "2"))}, []*whatchanged.Event{told("o", month, ap, sets(whatchanged.Config, "", "1"))}, 30,
			[]string{"a progressing 0.67 done prod/eu,prod/us next prod/ap: a b"}},
		{"of one region alone it is none", []*whatchanged.Event{told("a", 0, eu, sets(whatchanged.Config, "1", "2"))}, []*whatchanged.Event{told("o", month, ap, sets(whatchanged.Config, "", "1"))}, 30, nil},
		{"what follows weeks later is another", []*whatchanged.Event{told("a", 0, eu, sets(whatchanged.Config, "1", "2")), told("b", 15*24*60, us, sets(whatchanged.Config, "1", "2"))}, nil, 15*24*60 + 1, nil},
		{"what was only observed changes nothing", []*whatchanged.Event{told("a", 0, eu, brings("v2"), did(whatchanged.ActionObserved))}, old, 30, nil},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			now := began.Add(time.Duration(tt.after) * time.Minute)
			for range 5 {
				var got []string
				for _, r := range whatchanged.Rollouts(tt.events, tt.held, now) {
					got = append(got, spelled(r))
				}
				if !slices.Equal(got, tt.want) {
					t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
				}
				rand.Shuffle(len(tt.events), func(i, j int) { tt.events[i], tt.events[j] = tt.events[j], tt.events[i] })
			}
		})
	}
}

func TestRolloutSaysWhatHoldsItUp(t *testing.T) {
	gate := &whatchanged.Validation{Checks: []string{"error rate"}, Result: "failed"}
	first := told("a", 0, says("r", progressing, 0.1), brings("v2"))
	first.PreviousVersion = "v1"
	second := told("b", 5, says("r", paused, 0.1))
	second.Validation, second.Summary = gate, "waits for ann"
	r := whatchanged.RolloutOf([]*whatchanged.Event{second, first})
	if r.Version != "v2" || r.PreviousVersion != "v1" || r.Gate != gate || r.PausedWhy != "waits for ann" {
		t.Errorf("got %+v", r)
	}
	if r := whatchanged.RolloutOf([]*whatchanged.Event{second, first, told("c", 6, says("r", progressing, 0.2))}); r.PausedWhy != "" {
		t.Errorf("it goes on: %+v", r)
	}
	if whatchanged.RolloutOf([]*whatchanged.Event{told("x", 0)}) != nil {
		t.Error("a rollout without a step")
	}
}

// FuzzRollouts reads events from bytes, four each, and holds that the answer
// does not depend on the order of arrival nor on repeats, and that it is of
// this world.
func FuzzRollouts(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x10\x11\x12\x13"), uint64(1))
	f.Add([]byte("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"), uint64(2))
	f.Add(slices.Repeat([]byte{7, 130, 65, 200, 9, 31}, 40), uint64(3))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		var events []*whatchanged.Event
		for i := 0; i+4 <= len(b) && i < 400; i += 4 {
			events = append(events, imagined(i/4, b[i:i+4]))
		}
		now := began.Add(3 * time.Hour)
		held := slices.Clone(events[:len(events)/3])
		want := whatchanged.Rollouts(events, held, now)
		shuffled := slices.Concat(events, events[:len(events)/2])
		random := rand.New(rand.NewPCG(seed, 1))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		random.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
		if got := whatchanged.Rollouts(shuffled, held, now); lines(got) != lines(want) {
			t.Fatalf("another order, another answer:\n%s\nwas\n%s", lines(got), lines(want))
		}
		steps := map[string]int{}
		for _, r := range want {
			if !slices.Contains(whatchanged.Phases, r.Phase) || r.Share != nil && !(*r.Share >= 0 && *r.Share <= 1) || r.UpdatedAt.Before(r.StartedAt) || len(r.Steps) == 0 {
				t.Fatalf("not of this world: %+v", r)
			}
			if r.Phase.Ended() && r.Stuck {
				t.Fatalf("ended and stuck: %+v", r)
			}
			for _, id := range r.Steps {
				steps[id]++
			}
		}
		for id, n := range steps {
			if n > 2 { // one that is undone and what undoes it
				t.Fatalf("%s is a step of %d rollouts", id, n)
			}
		}
		endings(t, events)
	})
}

// endings holds that a rollout that ended is in flight again only after a
// later step that says so.
func endings(t *testing.T, events []*whatchanged.Event) {
	t.Helper()
	var steps []*whatchanged.Event
	for _, e := range events {
		if e.Rollout != nil && e.Rollout.ID == "r0" {
			steps = append(steps, e)
		}
	}
	slices.SortFunc(steps, func(a, b *whatchanged.Event) int { return a.EffectiveAt.Compare(b.EffectiveAt) })
	var ended time.Time // when a step last said that it is over
	for i, step := range steps {
		said := step.Rollout.Phase
		if i > 0 && onePlace(steps[:i+1]) && whatchanged.RolloutOf(steps[:i]).Phase.Ended() && !whatchanged.RolloutOf(steps[:i+1]).Phase.Ended() &&
			(!step.EffectiveAt.After(ended) || said != progressing && said != paused) {
			t.Fatalf("%s came to life by %+v", spelled(whatchanged.RolloutOf(steps[:i])), step.Rollout)
		}
		if said.Ended() {
			ended = step.EffectiveAt
		}
	}
}

func onePlace(events []*whatchanged.Event) bool {
	return !slices.ContainsFunc(events, func(e *whatchanged.Event) bool { return e.Placement != events[0].Placement })
}

// imagined is an event that four bytes stand for.
func imagined(i int, b []byte) *whatchanged.Event {
	e := told(fmt.Sprint("e", i), float64(b[0]%64), at([]string{"", "prod", "prod/eu", "prod/us"}[b[1]%4]), brings([]string{"", "v1", "v2"}[b[1]/4%3]))
	if b[1] > 200 {
		e.Action = "rolledback"
	}
	share := []float64{0, 0.1, 0.5, 1, -1, 7, math.NaN(), math.Inf(1)}[b[2]%8]
	switch b[3] % 4 {
	case 0, 1:
		e.Rollout = &whatchanged.RolloutStep{ID: fmt.Sprint("r", b[3]/4%2), Phase: append(slices.Clone(whatchanged.Phases), "resting", "")[int(b[2]/8)%10], Share: &share}
		if b[0] > 200 {
			e.Rollout.Share = nil
		}
	case 2:
		sets(whatchanged.Flag, "", fmt.Sprintf(`{"percentage":%d}`, int(b[2])%130))(e)
	}
	return e
}

func lines(all []*whatchanged.Rollout) string {
	var out []string
	for _, r := range all {
		moments, _ := json.Marshal(r.Moments)
		out = append(out, spelled(r)+" "+r.Version+" "+r.PreviousVersion+" "+string(moments))
	}
	return strings.Join(out, "\n")
}
