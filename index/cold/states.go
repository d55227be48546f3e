package cold

import (
	"context"
	"strconv"
	"strings"

	"whatchanged.dev/whatchanged"
)

// statesQuery is what sql/states.sql may be asked.
type statesQuery struct {
	whatchanged.StateSelection
	Few bool
}

// few is how many entities at most are read in one pass, all columns of all
// their history.
const few = 16

func composeStates(v whatchanged.View, s whatchanged.StateSelection) *query {
	if len(s.Kinds) == 0 {
		s.Kinds = whatchanged.StateKinds
	}
	q := compose("states", statesQuery{s, len(s.Entities) > 0 && len(s.Entities) <= few && len(s.Prefixes) == 0 && s.After == nil}).view(v).set("kinds", words(s.Kinds)).set("limit", uint64(s.Limit))
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
	return r.events(ctx, "states", composeStates(v, s))
}
