package whatchanged

import (
	"cmp"
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

// Phases are all phases. Of steps at the same moment, the one later in this
// list is taken to come later: what is over stays over.
var Phases = []Phase{PhasePending, PhaseProgressing, PhasePaused, PhasePromoted, PhaseSuperseded, PhaseFailed, PhaseAborted, PhaseRolledBack}

// Ended reports whether nothing more is expected after p.
func (p Phase) Ended() bool {
	switch p {
	case PhasePromoted, PhaseAborted, PhaseRolledBack, PhaseFailed, PhaseSuperseded:
		return true
	}
	return false
}

// Then returns where a rollout that stood at p stands after a step that says
// said; later tells that time has passed between the two. In flight, the last
// word holds. What has ended stays ended, except that:
//
//   - another ending replaces it, since a retry may yet succeed and what was
//     promoted be rolled back; but only what was promoted can be superseded;
//   - a later step that says progressing or paused opens it again. Argo
//     Rollouts does that when an aborted rollout is retried, GitHub when a
//     failed job is run again, and a flag when its percentage moves once more.
//
// The table is in docs/adr/012-what-a-rollout-is.md.
func (p Phase) Then(said Phase, later bool) Phase {
	switch {
	case !slices.Contains(Phases, said):
		return cmp.Or(p, PhaseProgressing)
	case !p.Ended():
		return said
	case said == PhaseSuperseded && p != PhasePromoted:
		return p
	case said.Ended() || later && said != PhasePending:
		return said
	}
	return p
}

// A Rollout is something that goes out in stages, derived from change events.
type Rollout struct {
	ID        string    `json:"id"`    // as its source names it, else that of its first event
	Phase     Phase     `json:"phase"` // where it stands
	Share     *float64  `json:"share"` // exposed, 0 to 1, over all its placements; nil when not known
	StartedAt time.Time `json:"startedAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	Steps     []string  `json:"steps"` // event ids in order of time

	// The rest is shown only where rollouts themselves are asked for.

	Kind            EventKind       `json:"-"`
	Entity          Ref             `json:"-"`
	Version         string          `json:"-"` // what goes out: a version, else a value
	PreviousVersion string          `json:"-"` // what it takes the place of
	Moments         []RolloutMoment `json:"-"` // what each step said
	Done            []Placement     `json:"-"` // promoted there
	Next            []Placement     `json:"-"` // on its way there, or known to be yet to go
	Back            bool            `json:"-"` // it went back in part: its share fell, or some placements were rolled back
	Gate            *Validation     `json:"-"` // the checks it waits for, as the last step that told of any
	PausedWhy       string          `json:"-"` // what the source said when it paused
	SupersededBy    string          `json:"-"` // the rollout that began in its place
	StuckAfter      time.Duration   `json:"-"` // how long without a step is unusual
	Stuck           bool            `json:"-"` // in flight, and no step for longer than that

	places []Placement // where it has been seen
	group  string      // rollouts of a group take each other's place
}

// A RolloutMoment is a step of a rollout.
type RolloutMoment struct {
	ID        string    `json:"id"` // of the event
	At        time.Time `json:"at"`
	Phase     Phase     `json:"phase"` // what the step said
	Share     *float64  `json:"share"`
	Placement Placement `json:"placement"`
}

// RolloutOf derives one rollout from its steps, given in any order, once or
// more often. Events that are no step of a rollout are passed over; it returns
// nil when none is left.
func RolloutOf(events []*Event) *Rollout {
	var steps []taken
	for _, e := range chronological(events) {
		if e.Rollout != nil {
			steps = append(steps, taken{e, *e.Rollout})
		}
	}
	if len(steps) == 0 {
		return nil
	}
	return follow(steps)
}

// chronological returns each event once, in its last revision, in an order of
// time that does not depend on the order of arrival.
func chronological(events []*Event) []*Event {
	all := unique(events)
	slices.SortFunc(all, inTime)
	return all
}

// unique returns each event once, in its last revision, in the order in which
// they were first met.
func unique(events []*Event) []*Event {
	all, at := make([]*Event, 0, len(events)), make(map[string]int, len(events))
	for _, e := range events {
		if e == nil {
			continue
		}
		i, met := at[e.ID]
		switch {
		case !met:
			at[e.ID] = len(all)
			all = append(all, e)
		case e.Revision > all[i].Revision, e.Revision == all[i].Revision && inTime(e, all[i]) < 0:
			all[i] = e
		}
	}
	return all
}

// inTime compares step by step: of most events the time alone tells, and the
// texts need not be made.
func inTime(a, b *Event) int {
	if c := a.EffectiveAt.Compare(b.EffectiveAt); c != 0 {
		return c
	}
	if c := cmp.Or(cmp.Compare(phaseRank(a), phaseRank(b)), cmp.Compare(shareRank(a), shareRank(b))); c != 0 {
		return c
	}
	if a.Placement != b.Placement {
		if c := cmp.Compare(a.Placement.String(), b.Placement.String()); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.ID, b.ID))
}

func phaseRank(e *Event) int {
	if e.Rollout == nil {
		return -1
	}
	return slices.Index(Phases, e.Rollout.Phase)
}

func shareRank(e *Event) float64 {
	if e.Rollout == nil || e.Rollout.Share == nil {
		return -1
	}
	return *e.Rollout.Share
}
