package whatchanged

import (
	"slices"
	"time"
)

// A RolloutStep marks an event as a step of a rollout.
type RolloutStep struct {
	ID    string   `json:"id"`    // of the rollout, as its source names it
	Phase Phase    `json:"phase"` // where the rollout stands after this step
	Share *float64 `json:"share"` // of traffic or instances exposed, 0 to 1; nil when not said
}

// A Phase is where a rollout stands.
type Phase string

// The phases, in the words of Argo Rollouts and Flagger.
const (
	PhasePending     Phase = "pending"
	PhaseProgressing Phase = "progressing"
	PhasePaused      Phase = "paused"
	PhasePromoted    Phase = "promoted"
	PhaseAborted     Phase = "aborted"
	PhaseRolledBack  Phase = "rolledBack"
	PhaseFailed      Phase = "failed"
	PhaseSuperseded  Phase = "superseded"
)

// Ended reports whether nothing more is expected after p.
func (p Phase) Ended() bool {
	switch p {
	case PhasePromoted, PhaseAborted, PhaseRolledBack, PhaseFailed, PhaseSuperseded:
		return true
	}
	return false
}

// A Rollout is a change in stages, derived from the steps seen of it.
type Rollout struct {
	ID        string    `json:"id"`
	Phase     Phase     `json:"phase"` // after the last step
	Share     *float64  `json:"share"` // the last that was said
	StartedAt time.Time `json:"startedAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	Steps     []string  `json:"steps"` // event ids in order of time
}

// RolloutOf derives a rollout from its steps, given in any order. Events that
// are no step of a rollout are passed over; it returns nil when none is left.
func RolloutOf(events []*Event) *Rollout {
	steps := slices.DeleteFunc(slices.Clone(events), func(e *Event) bool { return e.Rollout == nil })
	if len(steps) == 0 {
		return nil
	}
	slices.SortFunc(steps, func(a, b *Event) int { return a.Key().Compare(b.Key()) })
	first, last := steps[0], steps[len(steps)-1]
	r := &Rollout{ID: first.Rollout.ID, Phase: last.Rollout.Phase, StartedAt: first.EffectiveAt, UpdatedAt: last.EffectiveAt}
	for _, e := range steps {
		r.Steps = append(r.Steps, e.ID)
		if e.Rollout.Share != nil {
			r.Share = e.Rollout.Share
		}
	}
	return r
}
