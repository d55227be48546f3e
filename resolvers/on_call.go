package resolvers

import (
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// An OnCall says who is on call for an entity: as a source says of the entity
// itself, or else of its owner, or else of a group above that.
type OnCall struct {
	People []string        `json:"people"`
	Of     whatchanged.Ref `json:"of"`    // whose turns they take: the entity, its owner or a group above
	Since  time.Time       `json:"since"` // when their turn began
	Until  *time.Time      `json:"until"` // when it is planned to end; nil when that is not said
	ID     string          `json:"id"`    // of the change that says so
}

// onCall returns who is on call for each of some references, as of the view;
// of each the last event holds. Those for whom nobody is are left out.
func (a *asking) onCall(refs []whatchanged.Ref) (map[whatchanged.Ref]*OnCall, error) {
	s := whatchanged.Selection{Entities: refs, Kinds: []whatchanged.EventKind{whatchanged.OnCallKind}, Descending: true, Limit: 1}
	pages, err := a.index.ChangesOfEach(a.ctx, a.view, s)
	by := map[whatchanged.Ref]*OnCall{}
	for i, p := range pages {
		for _, e := range p.Events {
			if o := whatchanged.OnCallOf(e.After); o.At(a.view.AsOf) {
				by[refs[i]] = &OnCall{People: o.People, Of: refs[i], Since: e.EffectiveAt, Until: o.Until, ID: e.ID}
			}
		}
	}
	return by, err
}

// nearest returns who is on call for the first of refs for which anybody is.
func nearest(by map[whatchanged.Ref]*OnCall, refs ...whatchanged.Ref) *OnCall {
	if i := slices.IndexFunc(refs, func(ref whatchanged.Ref) bool { return by[ref] != nil }); i >= 0 {
		return by[refs[i]]
	}
	return nil
}
