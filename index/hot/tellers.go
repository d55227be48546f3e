package hot

import (
	"context"
	"maps"
	"slices"

	"whatchanged.dev/whatchanged"
)

// A Teller is a source that told of an entity, and the first position at which
// it did.
type Teller struct {
	Entity whatchanged.Ref
	Source string
	First  whatchanged.Position
}

// tells notes that a source told of an entity. Positions come in their order,
// but for those of a Base, of which each source has one.
func (e *entry) tells(source string, p whatchanged.Position) {
	if !slices.ContainsFunc(e.tellers, func(t teller) bool { return t.source == source }) {
		e.tellers = append(e.tellers, teller{source, p})
	}
}

type teller struct {
	source string
	first  whatchanged.Position
}

// Tellers returns the names, in order, of the sources that ever told of any of
// refs.
func (t *Tier) Tellers(_ context.Context, v whatchanged.View, refs []whatchanged.Ref) ([]string, error) {
	s, err := t.at(v)
	if err != nil {
		return nil, err
	}
	s.lists.mu.RLock()
	defer s.lists.mu.RUnlock()
	names := map[string]bool{}
	for _, ref := range refs {
		e := s.lists.entries[ref]
		if e == nil {
			continue
		}
		for _, t := range e.tellers {
			if t.first.Compare(v.KnownAt) <= 0 {
				names[t.source] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}
