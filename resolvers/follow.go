package resolvers

import (
	"context"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// FollowChanges tells of changes as they become known.
func (r *Resolver) FollowChanges(ctx context.Context, in Following) (*Stream[ChangeBrief], error) {
	return follow(ctx, r, "followChanges", in, func(_ *asking, e *whatchanged.Event) (*ChangeBrief, error) {
		b := brief(e)
		return &b, nil
	})
}

// A RolloutProgress is a step of a rollout, and where the rollout stands with
// it.
type RolloutProgress struct {
	Position whatchanged.Position
	Step     ChangeBrief
	Rollout  RolloutCard
}

// FollowRollouts tells of the steps of rollouts as they become known. It is a
// step when, with it, there is a rollout that it is a step of: the first
// deployment of what becomes a rollout is none yet.
func (r *Resolver) FollowRollouts(ctx context.Context, in Following) (*Stream[RolloutProgress], error) {
	return follow(ctx, r, "followRollouts", in, func(a *asking, e *whatchanged.Event) (*RolloutProgress, error) {
		if !slices.Contains(rolloutKinds, e.Kind) && e.Rollout == nil {
			return nil, nil
		}
		a.interval = whatchanged.Interval{From: a.view.AsOf.Add(-rolloutsAgo), To: a.view.AsOf}
		near := neighbourhood{e.Entity: {Ref: e.Entity, Path: []whatchanged.Ref{e.Entity}}}
		all, err := a.rolloutsIn(near, &excluded{})
		if err != nil {
			return nil, err
		}
		for _, rollout := range all {
			if slices.Contains(rollout.Steps, e.ID) {
				return &RolloutProgress{e.Position, brief(e), cardOf(rollout, near)}, nil
			}
		}
		return nil, nil
	})
}

// An IncidentUpdate is something that a source says of an incident.
type IncidentUpdate struct {
	Position  whatchanged.Position
	Incident  whatchanged.Ref
	About     *whatchanged.Ref
	StartedAt time.Time
	Change    ChangeBrief
}

// FollowIncidents tells of what sources say of incidents as it becomes known.
func (r *Resolver) FollowIncidents(ctx context.Context, in Following) (*Stream[IncidentUpdate], error) {
	return follow(ctx, r, "followIncidents", in, func(a *asking, e *whatchanged.Event) (*IncidentUpdate, error) {
		if e.Kind != whatchanged.Incident {
			return nil, nil
		}
		first, err := a.index.Changes(a.ctx, a.view, whatchanged.Selection{Entities: []whatchanged.Ref{e.Entity}, Kinds: []whatchanged.EventKind{whatchanged.Incident}, Limit: 1})
		if err != nil {
			return nil, err
		}
		u := &IncidentUpdate{e.Position, e.Entity, aboutOf(e), e.EffectiveAt, brief(e)}
		if len(first.Events) > 0 {
			u.StartedAt = first.Events[0].EffectiveAt
		}
		return u, nil
	})
}
