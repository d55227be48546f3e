package cold

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"whatchanged.dev/whatchanged"
)

// statesQuery is what sql/states.sql may be asked.
type statesQuery struct {
	whatchanged.StateSelection
	trust
	Few   bool // read in one pass; see [inForce]
	Whole bool // a delivery is known with all its events or not at all
}

// few is how many entities at most are read in one pass, all columns of all
// their history.
const few = 16

func isFew(s whatchanged.StateSelection) bool {
	return len(s.Entities) > 0 && len(s.Entities) <= few && len(s.Prefixes) == 0 && s.After == nil
}

func composeStates(v whatchanged.View, s whatchanged.StateSelection) *query {
	return composeTrustingStates(v, s, trust{})
}

func composeTrustingStates(v whatchanged.View, s whatchanged.StateSelection, t trust) *query {
	if len(s.Kinds) == 0 {
		s.Kinds = whatchanged.StateKinds
	}
	q := compose("states", statesQuery{s, t, isFew(s), v.KnownAt.Index == whatchanged.LastIndex}).view(v).trust(t).set("kinds", words(s.Kinds)).set("limit", uint64(s.Limit))
	if len(s.Entities) > 0 {
		q.set("entities", texts(s.Entities))
	}
	if s.Source != "" {
		q.set("source", s.Source)
	}
	if s.Attribute[0] != "" {
		q.set("attribute", s.Attribute[0]).set("attribute_value", s.Attribute[1])
	}
	for i, p := range s.Prefixes {
		q.set("prefix"+strconv.Itoa(i), p)
	}
	if k := s.After; k != nil {
		var observed uint8
		if k.Observed {
			observed = 1
		}
		p := k.Placement
		q.set("after_entity", refOrder(k.Entity)).set("after_kind", string(k.Kind)).set("after_environment", p.Environment).
			set("after_region", p.Region).set("after_cluster", p.Cluster).set("after_cell", p.Cell).set("after_observed", observed)
	}
	return q
}

// refOrder is a reference in its order, as sql/conditions.sql has it.
func refOrder(r whatchanged.Ref) string {
	return strings.Join([]string{string(r.Kind), r.Namespace, r.Name}, "\x00")
}

// States returns what holds in a view: the event in force of each aspect, in
// the order of their keys.
func (r *Reader) States(ctx context.Context, v whatchanged.View, s whatchanged.StateSelection) ([]*whatchanged.Event, error) {
	if err := r.reached(ctx, v); err != nil || s.Limit <= 0 {
		return nil, err
	}
	if !isFew(s) {
		return r.events(ctx, "states", composeStates(v, s))
	}
	found, err := r.trusting(ctx, "states", v, func(t trust) *query { return composeTrustingStates(v, s, t) })
	return inForce(found, s), err
}

// inForce takes what a selection asks from the last of each sort of event, and
// puts it in order: events are told apart there by more than by what they set.
func inForce(events []*whatchanged.Event, s whatchanged.StateSelection) []*whatchanged.Event {
	last := map[whatchanged.StateKey]*whatchanged.Event{}
	for _, e := range events {
		k, ok := e.StateKey()
		if !ok || len(s.Kinds) > 0 && !slices.Contains(s.Kinds, k.Kind) {
			continue
		}
		if was := last[k]; was == nil || e.Key().Compare(was.Key()) > 0 {
			last[k] = e
		}
	}
	keys := slices.SortedFunc(maps.Keys(last), whatchanged.StateKey.Compare)
	out := make([]*whatchanged.Event, min(len(keys), s.Limit))
	for i := range out {
		out[i] = last[keys[i]]
	}
	return out
}
