package whatchanged

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// WaveGap is how long after one placement the next may follow for both to be
// stages of one rollout.
const WaveGap = 7 * 24 * time.Hour

// waveKinds are what moves from placement to placement: a version or a value.
var waveKinds = []EventKind{Deployment, Flag, Experiment, Model, Config, Infrastructure}

// A unit is what brings one version or value to one placement: a single event,
// or the steps that a source reports of one deployment.
type unit struct {
	id       string
	steps    []taken
	explicit bool
	brings   string // the version or value
	before   string // what was there, "" when not known
}

func (u *unit) first() taken { return u.steps[0] }

// landed returns the step by which it is there; nil when it is not, or not yet.
func (u *unit) landed() *taken {
	for i := range u.steps {
		if u.steps[i].step.Phase == PhasePromoted {
			return &u.steps[i]
		}
	}
	return nil
}

// A wave is one version or value on its way through the placements of an
// environment.
type wave struct {
	units  []*unit
	before []stood // what each placement had
	last   time.Time
	undone bool // in some placement: what comes later is another rollout
}

// A stood is what a placement had before a wave came to it.
type stood struct {
	at   Placement
	what string
}

// had returns what a placement had before the wave came; been is false where it
// did not.
func (w *wave) had(at Placement) (what string, been bool) {
	for i := range w.before {
		if w.before[i].at == at {
			return w.before[i].what, true
		}
	}
	return "", false
}

type waveKey struct {
	entity      Ref
	kind        EventKind
	environment string
	brings      string
}

type spot struct {
	entity    Ref
	kind      EventKind
	placement Placement
}

// A sea is the waves seen so far, and what they left behind.
type sea struct {
	open map[waveKey]*wave
	at   map[spot]*left
	all  []*wave
}

// A left is what is in a spot now, and the wave that brought it, if one did.
type left struct {
	has string
	by  *wave
}

// waves joins units, in order of time, that bring the same to one placement
// after the other.
func waves(units []*unit) []*wave {
	s := &sea{map[waveKey]*wave{}, map[spot]*left{}, nil}
	for _, u := range units {
		s.take(u)
	}
	return s.all
}

func (s *sea) take(u *unit) {
	e, landed := u.first(), u.landed()
	here := s.left(spot{e.Entity, e.Kind, e.Placement})
	before := cmp.Or(here.has, u.before)
	if landed != nil {
		undoes := here.undo(u, landed)
		here.has = u.brings
		if undoes && !u.explicit {
			return // what was there before is no rollout of its own
		}
	}
	key := waveKey{e.Entity, e.Kind, e.Placement.stage(), u.brings}
	w := s.open[key]
	if w == nil || !w.takes(u) {
		w = &wave{}
		s.open[key] = w
		s.all = append(s.all, w)
	}
	w.units, w.last = append(w.units, u), e.EffectiveAt
	if _, been := w.had(e.Placement); !been {
		w.before = append(w.before, stood{e.Placement, before})
	}
	if landed != nil {
		here.by = w
	}
}

// left returns what is in a spot, to be changed.
func (s *sea) left(at spot) *left {
	l := s.at[at]
	if l == nil {
		l = &left{}
		s.at[at] = l
	}
	return l
}

// undo reports whether a unit that landed is a rollback, and ends the wave
// whose place it takes.
func (l *left) undo(u *unit, landed *taken) bool {
	said := strings.EqualFold(landed.Action, "rolledBack") || strings.EqualFold(landed.Action, "rollback")
	w := l.by
	if w == nil || w.brings() == u.brings {
		return said
	}
	if before, _ := w.had(landed.Placement); !said && before != u.brings {
		return said
	}
	w.units = append(w.units, &unit{steps: []taken{{landed.Event, RolloutStep{Phase: PhaseRolledBack}}}, brings: w.brings()})
	w.undone, l.by = true, nil
	return true
}

func (w *wave) brings() string { return w.units[0].brings }

// takes reports whether a unit goes on with the wave. In a placement that it
// has been in, only an event that says the same again does.
func (w *wave) takes(u *unit) bool {
	e := u.first()
	if _, been := w.had(e.Placement); been && u.explicit {
		return false
	}
	return !w.undone && e.EffectiveAt.Sub(w.last) <= WaveGap
}

// rollout follows the wave. What single events brought at one moment, or to one
// placement, was not staged, unless others are to follow; it returns nil. A
// version that is done wherever it went is still going out while others are to
// follow, until none can within [WaveGap].
func (w *wave) rollout(others []Placement, asOf time.Time) *Rollout {
	first := w.units[0].first()
	steps := w.steps()
	moments, places, explicit := map[time.Time]bool{}, map[Placement]bool{}, false
	for _, s := range steps {
		moments[s.EffectiveAt], places[s.Placement] = true, true
		explicit = explicit || s.Rollout != nil
	}
	going := first.Kind == Deployment && len(others) > 0 && asOf.Sub(w.last) <= WaveGap
	if !explicit && !going && (len(moments) < 2 || len(places) < 2) {
		return nil
	}
	r := follow(steps)
	r.Version = w.brings()
	r.PreviousVersion, _ = w.had(first.Placement)
	r.group = groupOf(first.Kind)
	if ends(r.Phase) {
		return r
	}
	r.Next = append(r.Next, others...)
	if r.Phase == PhasePromoted && len(others) > 0 && asOf.Sub(w.last) <= WaveGap {
		r.Phase = PhaseProgressing
	}
	if r.Share != nil && len(others) > 0 {
		share := *r.Share * float64(len(r.places)) / float64(len(r.places)+len(others))
		r.Share = &share
	}
	return r
}

// steps returns the steps of all units in order of time, under one id.
func (w *wave) steps() (steps []taken) {
	id := cmp.Or(w.units[0].id, w.units[0].first().ID)
	for _, u := range w.units {
		for _, s := range u.steps {
			s.step.ID = id
			steps = append(steps, s)
		}
	}
	slices.SortStableFunc(steps, func(a, b taken) int { return a.EffectiveAt.Compare(b.EffectiveAt) })
	return steps
}

// precise reports whether p says more than the environment.
func (p Placement) precise() bool { return p.Region != "" || p.Cluster != "" || p.Cell != "" }

// stage returns the environment without the region that some name in it, as in
// production-eu-west-1: what is deployed there goes on to production-us-east-1.
func (p Placement) stage() string {
	environment := strings.ToLower(p.Environment)
	if p.Region == "" {
		return environment
	}
	return strings.Trim(strings.Replace(environment, strings.ToLower(p.Region), "", 1), "-_/.")
}
