package whatchanged

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// percentages and shares are the names by which values say how much of the
// traffic they expose, in per cent and from 0 to 1.
var (
	percentages = []string{"percentage", "percent", "rolloutPercentage", "rollout_percentage", "rollout"}
	shares      = []string{"share", "exposure"}
)

// exposure reads how much of the traffic a value exposes, 0 to 1. It is staged
// when the value says how much; that something is on or off says all or none.
func exposure(v Value) (share float64, staged, ok bool) {
	m, isObject := v.Decode().(map[string]any)
	if !isObject {
		return 0, false, false
	}
	on, switched := m["enabled"].(bool)
	if switched && !on {
		return 0, false, true
	}
	for _, key := range percentages {
		if n, ok := number(m[key]); ok && n >= 0 && n <= 100 {
			return n / 100, true, true
		}
	}
	for _, key := range shares {
		if n, ok := number(m[key]); ok && n >= 0 && n <= 1 {
			return n, true, true
		}
	}
	return 1, false, switched
}

func number(v any) (float64, bool) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "%"))
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// rampKinds are what can be ramped by a percentage.
var rampKinds = []EventKind{Flag, Experiment, Model, Config}

// A rampKey names what one ramp at a time can be of.
type rampKey struct {
	entity      Ref
	kind        EventKind
	environment string
}

// ramps derives rollouts from successive percentages of one thing: 5, 25, 100
// is one rollout; back to 0 is rolled back, and up from there the next one.
// events are in order of time. It returns the events that it did not use.
func ramps(events []*Event) (found []*Rollout, rest []*Event) {
	open := map[rampKey]*ramp{}
	var all []*ramp
	for _, e := range events {
		step, staged := rampStep(e)
		if step == nil {
			rest = append(rest, e)
			continue
		}
		key := rampKey{e.Entity, e.Kind, e.Placement.stage()}
		r := open[key]
		if r == nil || !r.goesOn(e, step) {
			if !staged {
				rest = append(rest, e)
				continue
			}
			r = &ramp{id: e.ID}
			open[key] = r
			all = append(all, r)
		}
		r.take(e, *step)
	}
	for _, r := range all {
		found = append(found, r.rollout())
	}
	return found, rest
}

// rampStep reads an event as a step of a ramp; nil when it is none. staged
// tells that it alone shows that something goes out in stages.
func rampStep(e *Event) (step *RolloutStep, staged bool) {
	if e.Rollout != nil || e.Action == ActionObserved || !slices.Contains(rampKinds, e.Kind) {
		return nil, false
	}
	share, said, ok := exposure(e.After)
	if !ok {
		if e.Action == "deleted" && e.After == nil {
			return &RolloutStep{Phase: PhaseAborted}, false
		}
		return nil, false
	}
	was, saidBefore, _ := exposure(e.Before)
	between := func(f float64, said bool) bool { return said && f > 0 && f < 1 }
	step = &RolloutStep{Phase: PhaseProgressing, Share: &share}
	switch share {
	case 0:
		step.Phase = PhaseRolledBack
	case 1:
		step.Phase = PhasePromoted
	}
	return step, between(share, said) || between(was, saidBefore)
}

type ramp struct {
	id     string
	steps  []taken
	course course
}

func (r *ramp) take(e *Event, step RolloutStep) {
	step.ID = r.id
	r.steps = append(r.steps, taken{e, step})
	r.course = r.course.take(r.steps[len(r.steps)-1])
}

// goesOn reports whether a step belongs to the ramp: any does while it is in
// flight. When it is over, a fall from the top does, and another placement
// that follows soon.
func (r *ramp) goesOn(e *Event, step *RolloutStep) bool {
	var now Rollout
	r.course.sum(&now)
	switch {
	case !now.Phase.Ended():
		return true
	case now.Phase != PhasePromoted || step.Phase == PhaseAborted:
		return false
	case slices.Contains(now.places, e.Placement):
		return step.Phase != PhasePromoted
	}
	return e.EffectiveAt.Sub(r.steps[len(r.steps)-1].EffectiveAt) <= WaveGap
}

func (r *ramp) rollout() *Rollout {
	out := follow(r.steps)
	first, last := r.steps[0], r.steps[len(r.steps)-1]
	out.PreviousVersion = cmp.Or(out.PreviousVersion, first.Before.String())
	out.Version = cmp.Or(out.Version, last.After.String())
	out.group = string(first.Kind)
	return out
}
