package whatchanged

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A taken step is an event and what it says, itself or as it was understood,
// of the rollout that it is a step of.
type taken struct {
	*Event
	step RolloutStep
}

// A standing is where a rollout stands in one placement.
type standing struct {
	placement Placement
	phase     Phase
	share     *float64 // the last that was said
	back      bool     // the share fell
	at        time.Time
}

// A course is a rollout on its way, in every placement that was told of.
type course []*standing

// follow takes steps, at least one and in order of time.
func follow(steps []taken) *Rollout {
	first, last := steps[0], steps[len(steps)-1]
	r := &Rollout{ID: first.step.ID, Kind: first.Kind, Entity: first.Entity, StartedAt: first.EffectiveAt, UpdatedAt: last.EffectiveAt}
	var c course
	for _, s := range steps {
		s.step.Share = proper(s.step.Share)
		c = c.take(s)
		r.Steps = append(r.Steps, s.ID)
		r.Moments = append(r.Moments, RolloutMoment{s.ID, s.EffectiveAt, s.step.Phase, s.step.Share, s.Placement})
		r.describe(s)
	}
	c.sum(r)
	if r.Phase != PhasePaused {
		r.PausedWhy = ""
	}
	return r
}

// describe notes what goes out, what holds it up, and what it is checked by:
// of where it started from the first word holds, of all else the last.
func (r *Rollout) describe(s taken) {
	r.PreviousVersion = cmp.Or(r.PreviousVersion, s.PreviousVersion)
	r.Version = cmp.Or(s.Version, r.Version)
	if s.Validation != nil {
		r.Gate = s.Validation
	}
	if s.step.Phase == PhasePaused {
		r.PausedWhy = cmp.Or(s.Attributes["pauseReason"], s.Attributes["reason"], s.Summary)
	}
}

// proper returns a share within 0 and 1, nil for what is no number.
func proper(share *float64) *float64 {
	if share == nil || math.IsNaN(*share) {
		return nil
	}
	in := min(1, max(0, *share))
	return &in
}

// take follows one step. A step in a placement counts for all that lies in it;
// what is told of more narrowly goes on from the wider word, which is no longer
// needed.
func (c course) take(s taken) course {
	st := &standing{placement: s.Placement}
	within := false
	kept := course{}
	for _, old := range c {
		inside, around := old.placement.Match(s.Placement) == Inside, s.Placement.Match(old.placement) == Inside
		switch {
		case inside:
			old.take(s)
			within = true
		case around:
			st.phase, st.share, st.back, st.at = old.phase, old.share, old.back, old.at
			continue
		}
		kept = append(kept, old)
	}
	if !within {
		st.take(s)
		kept = append(kept, st)
	}
	return kept
}

func (st *standing) take(s taken) {
	said, share := s.step.Phase, s.step.Share
	was := st.phase
	st.phase = was.Then(said, s.EffectiveAt.After(st.at))
	if st.phase == was && was.Ended() && said != was {
		return // it is over: the step came too late to say anything
	}
	if share == nil {
		share = map[Phase]*float64{PhasePromoted: one, PhaseRolledBack: zero}[st.phase]
	}
	if share != nil && st.share != nil && *share != *st.share {
		st.back = *share < *st.share && !st.phase.Ended()
	}
	if st.phase == PhaseProgressing && st.back && share != nil && *share == 0 {
		st.phase = PhaseRolledBack // nothing is exposed any more, whatever the step calls it
	}
	st.back = st.back && !st.phase.Ended()
	st.at, st.share = s.EffectiveAt, cmp.Or(share, st.share)
}

var zero, one = new(float64), func() *float64 { f := 1.0; return &f }()

// sum says where the rollout stands as a whole.
func (c course) sum(r *Rollout) {
	slices.SortFunc(c, func(a, b *standing) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(slices.Index(Phases, a.phase), slices.Index(Phases, b.phase)), cmp.Compare(a.placement.String(), b.placement.String()))
	})
	in := map[Phase]int{}
	shares, known := 0.0, true
	for _, st := range c {
		in[st.phase]++
		r.places = append(r.places, st.placement)
		r.Back = r.Back || st.back
		switch {
		case st.phase == PhasePromoted:
			r.Done = append(r.Done, st.placement)
		case !st.phase.Ended() && !st.placement.IsZero():
			r.Next = append(r.Next, st.placement)
		}
		switch {
		case st.share != nil:
			shares += *st.share
		case st.phase != PhasePending:
			known = false
		case len(c) == 1:
			known = false
		}
	}
	r.Back = r.Back || in[PhaseRolledBack] > 0 && in[PhaseRolledBack] < len(c)
	if known {
		share := min(1, shares/float64(len(c)))
		r.Share = &share
	}
	switch last := c[len(c)-1].phase; {
	case in[PhaseProgressing] > 0, in[PhasePending] > 0 && in[PhasePromoted] > 0 && in[PhasePaused] == 0:
		r.Phase = PhaseProgressing
	case in[PhasePaused] > 0:
		r.Phase = PhasePaused
	case in[PhasePending] > 0:
		r.Phase = PhasePending
	default:
		r.Phase = last
	}
}
