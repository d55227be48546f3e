package resolvers

import (
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// An Ownership is who owns an entity, and who is on call for it.
type Ownership struct {
	Entity whatchanged.Ref   `json:"entity"`
	Owners []whatchanged.Ref `json:"owners"` // the owner, the group above it, and so on
	OnCall *OnCall           `json:"onCall"` // nil when no source says
}

// ownerships tells of entities who owns them and who is on call, as of the
// view: as many reads for many entities as for one.
func (a *asking) ownerships(refs []whatchanged.Ref) ([]Ownership, error) {
	out := []Ownership{}
	if len(refs) == 0 {
		return out, nil
	}
	l, err := a.index.List(a.ctx, a.view, whatchanged.EntityList{EntitySelection: whatchanged.EntitySelection{Refs: refs, Limit: len(refs)}})
	if err != nil {
		return nil, err
	}
	by := listedBy(l.Entities)
	var owners []whatchanged.Ref
	for _, ref := range refs {
		if o := by[ref].Owner; o != nil {
			owners = append(owners, o.Ref)
		}
	}
	above, err := a.groups(owners)
	if err != nil {
		return nil, err
	}
	asked := slices.Clone(refs)
	for _, ref := range refs {
		o := Ownership{Entity: ref, Owners: []whatchanged.Ref{}}
		if owner := by[ref].Owner; owner != nil {
			o.Owners = above.chain(owner.Ref)
		}
		out, asked = append(out, o), append(asked, o.Owners...)
	}
	turns, err := a.onCall(slices.Compact(slices.SortedFunc(slices.Values(asked), whatchanged.Ref.Compare)))
	for i := range out {
		out[i].OnCall = nearest(turns, append([]whatchanged.Ref{out[i].Entity}, out[i].Owners...)...)
	}
	return out, err
}

// text says it in words.
func (o *Ownership) text() string {
	s := "no owner known"
	if len(o.Owners) > 0 {
		s = "owned by " + o.Owners[0].String()
	}
	if o.OnCall == nil {
		return s + ", nobody known to be on call"
	}
	return s + ", on call: " + strings.Join(fenced(o.OnCall.People), ", ") + " (" + o.OnCall.Of.String() + ")"
}
