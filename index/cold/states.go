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
	Few      bool // read in one pass; see [inForce]
	Whole    bool // a delivery is known with all its events or not at all
	Trusting bool // of the events that were corrected only these are left out
	Stale    []revised
}

// few is how many entities at most are read in one pass, all columns of all
// their history.
const few = 16

func isFew(s whatchanged.StateSelection) bool {
	return len(s.Entities) > 0 && len(s.Entities) <= few && len(s.Prefixes) == 0 && s.After == nil
}

func composeStates(v whatchanged.View, s whatchanged.StateSelection) *query {
	return composeStatesBut(v, s, false, nil)
}

// composeStatesBut asks as if of all events that were corrected only some were.
func composeStatesBut(v whatchanged.View, s whatchanged.StateSelection, trusting bool, stale []revised) *query {
	if len(s.Kinds) == 0 {
		s.Kinds = whatchanged.StateKinds
	}
	q := compose("states", statesQuery{s, isFew(s), v.KnownAt.Index == whatchanged.LastIndex, trusting, stale}).view(v).set("kinds", words(s.Kinds)).set("limit", uint64(s.Limit))
	if len(s.Entities) > 0 {
		q.set("entities", texts(s.Entities))
	}
	if len(stale) > 0 {
		ids, revisions := make([]string, len(stale)), make([]uint32, len(stale))
		for i, e := range stale {
			ids[i], revisions[i] = e.id, e.revision
		}
		q.set("stale_ids", ids).set("stale_revisions", revisions)
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
//
// Of a few entities it is first read as if no event were ever corrected, which
// takes half the time, and then again without those that were found and do not
// stand any more.
func (r *Reader) States(ctx context.Context, v whatchanged.View, s whatchanged.StateSelection) ([]*whatchanged.Event, error) {
	if err := r.reached(ctx, v); err != nil || s.Limit <= 0 {
		return nil, err
	}
	if !isFew(s) {
		return r.events(ctx, "states", composeStates(v, s))
	}
	var stale []revised
	for range trusted {
		found, err := r.events(ctx, "states", composeStatesBut(v, s, true, stale))
		if err != nil {
			return nil, err
		}
		more, err := r.stale(ctx, v, found)
		if err != nil || len(more) == 0 {
			return inForce(found, s), err
		}
		stale = append(stale, more...)
	}
	found, err := r.events(ctx, "states", composeStates(v, s))
	return inForce(found, s), err
}

// trusted is how often it is read so, before ClickHouse is asked to leave out
// whatever was corrected.
const trusted = 4

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
