package hot

import (
	"slices"

	"whatchanged.dev/whatchanged"
)

// wants returns what a selection asks of an event that no posting list leads
// to, nil if that is nothing.
func wants(sel whatchanged.Selection) func(*whatchanged.Event) bool {
	arrived := sel.Seen != whatchanged.Interval{}
	if len(sel.Kinds) == 0 && !sel.Steps && !arrived {
		return nil
	}
	return func(e *whatchanged.Event) bool {
		return (len(sel.Kinds) == 0 || slices.Contains(sel.Kinds, e.Kind)) &&
			(!sel.Steps || e.Rollout != nil) && (!arrived || sel.Seen.Contains(e.SeenAt))
	}
}

// changesOfEach reads a selection for each of its entities.
func (s *snapshot) changesOfEach(v whatchanged.View, sel whatchanged.Selection) []whatchanged.Page {
	pages := make([]whatchanged.Page, len(sel.Entities))
	for i, ref := range sel.Entities {
		one := sel
		one.Entities = []whatchanged.Ref{ref}
		pages[i] = s.changes(v, one)
	}
	return pages
}
