package resolvers

import (
	"slices"

	"whatchanged.dev/whatchanged"
)

// neighbours is how many changes of each key are read to find what a value was
// before and what came next.
const neighbours = 200

// A series is the changes of some keys by what they set, in the order of time
// in which they were read. Observations are no part of it.
type series map[whatchanged.StateKey][]*whatchanged.Event

// read returns the series of some keys in a view: of each at most limit.
// Changes that are left out are counted.
func (c *configuration) read(v whatchanged.View, s whatchanged.Selection) (series, error) {
	out := series{}
	if len(s.Entities) == 0 {
		return out, nil
	}
	s.Kinds = whatchanged.SettingKinds
	pages, err := c.index.ChangesOfEach(c.ctx, v, s)
	for _, p := range pages {
		c.x.add(ReasonBeyondLimit, p.Total-len(p.Events))
		for _, e := range p.Events {
			if k, ok := e.StateKey(); ok && !k.Observed {
				out[k] = append(out[k], e)
			}
		}
	}
	return out, err
}

// past reads what happened to keys up to the moment asked, latest first.
func (c *configuration) past(refs []whatchanged.Ref, limit int) (series, error) {
	return c.read(c.view, whatchanged.Selection{Entities: refs, Descending: true, Limit: max(neighbours, limit/max(1, len(refs)))})
}

// future reads what happens to keys after the moment asked, earliest first.
func (c *configuration) future(refs []whatchanged.Ref) (series, error) {
	after := whatchanged.Interval{From: c.view.AsOf.Add(whatchanged.Resolution), To: whatchanged.MaxTime}
	return c.read(c.seeing(whatchanged.MaxTime), whatchanged.Selection{Entities: refs, Interval: after, Limit: neighbours})
}

// enough is how much of the past is read to tell of values alone: a part may
// have stood for long while the rest changed.
func (c *configuration) enough() int {
	if len(c.path) > 0 {
		return maxCandidates
	}
	return neighbours
}

// wantsPast reports whether the event in force does not say by itself what was
// there before.
func (c *configuration) wantsPast(h held) bool {
	e := h.event
	switch {
	case e == nil:
		return false
	case len(c.path) == 0:
		return !tellsBefore(e)
	}
	return !tellsBefore(e) || c.same(e.Before, e.After)
}

func tellsBefore(e *whatchanged.Event) bool {
	return e.Before != nil || e.PreviousVersion != "" || e.Creates()
}

// same reports whether the part asked is the same in two values. Of the whole,
// no two are: setting a value again is a change of it.
func (c *configuration) same(v, w whatchanged.Value) bool {
	return len(c.path) > 0 && len(whatchanged.Diff(c.path.In(v), c.path.In(w))) == 0
}

// since returns the change that gave the part asked the value that it has
// after e, and what came before that. Older are the changes before e, latest
// first.
func (c *configuration) since(e *whatchanged.Event, older []*whatchanged.Event) (*whatchanged.Event, *ConfigVersion) {
	for _, o := range older {
		if !c.same(e.After, o.After) {
			return e, c.before(e, o)
		}
		e = o
	}
	return e, c.before(e, nil)
}

// before is what the event says was there before it, or else what the change
// before it left; by whom and when is taken from there if the two agree.
func (c *configuration) before(e, was *whatchanged.Event) *ConfigVersion {
	switch {
	case e.Creates() || !tellsBefore(e) && was == nil:
		return nil
	case !tellsBefore(e):
		return c.version(was)
	}
	v := &ConfigVersion{Value: c.path.In(e.Before), Version: e.PreviousVersion}
	if was == nil || e.Before != nil && len(whatchanged.Diff(was.After, e.Before)) > 0 || e.PreviousVersion != "" && was.Version != e.PreviousVersion {
		return v
	}
	return c.version(was)
}

// version is what an event leaves, with when and by whom.
func (c *configuration) version(e *whatchanged.Event) *ConfigVersion {
	return &ConfigVersion{Value: c.path.In(e.After), Version: e.Version, Deleted: e.Deletes(), Actor: e.Actor, EffectiveAt: &e.EffectiveAt, ID: &e.ID}
}

// older returns the changes before e among those of its key, latest first.
func older(e *whatchanged.Event, past series) []*whatchanged.Event {
	k, _ := e.StateKey()
	all := past[k]
	return all[min(len(all), 1+slices.IndexFunc(all, func(o *whatchanged.Event) bool { return o == e || o.Key() == e.Key() })):]
}

// next returns the first change after that touches the part asked.
func (c *configuration) next(e *whatchanged.Event, future series) *ConfigVersion {
	k, _ := e.StateKey()
	for _, n := range future[k] {
		if !c.same(e.After, n.After) {
			return c.version(n)
		}
	}
	return nil
}

// history tells of the changes of the part asked where it was asked, latest
// first.
func (c *configuration) history(past series) []ConfigChange {
	var events []*whatchanged.Event
	before := map[*whatchanged.Event]*whatchanged.Event{}
	for _, all := range past {
		for i, e := range c.where.apply(all, c.x) {
			if i+1 < len(all) {
				before[e] = all[i+1]
			}
			if !c.same(valueBefore(e, before[e]), e.After) {
				events = append(events, e)
			}
		}
	}
	slices.SortFunc(events, func(e, o *whatchanged.Event) int { return o.Key().Compare(e.Key()) })
	out := []ConfigChange{}
	for _, e := range events {
		out = append(out, c.change(e, before[e]))
	}
	return out
}

func valueBefore(e, was *whatchanged.Event) whatchanged.Value {
	if e.Before == nil && !e.Creates() && was != nil {
		return was.After
	}
	return e.Before
}

func (c *configuration) change(e, was *whatchanged.Event) ConfigChange {
	out := ConfigChange{Key: e.Entity, Kind: e.Kind, Placement: e.Placement, Action: e.Action, Deleted: e.Deletes(), Value: c.path.In(e.After),
		Version: e.Version, PreviousVersion: e.PreviousVersion, Actor: e.Actor, Ticket: e.Attributes["ticket"],
		EffectiveAt: e.EffectiveAt, WrittenAt: e.WrittenAt, SeenAt: e.SeenAt, ID: e.ID}
	out.Diff = filled(whatchanged.Diff(c.path.In(valueBefore(e, was)), out.Value))
	if out.PreviousVersion == "" && was != nil && !e.Creates() {
		out.PreviousVersion = was.Version
	}
	return out
}

// value tells of what is in force in a place.
func (c *configuration) value(h held, past, future series) ConfigValue {
	e := h.event
	out := ConfigValue{Key: h.key.Entity, Kind: h.key.Kind, Place: h.place, Why: h.why, Status: StatusSet, Observed: []ConfigObservation{}}
	switch {
	case e == nil:
		e, out.Status = h.observed[0], StatusObserved
	case e.Deletes():
		out.Status = StatusDeleted
	}
	if h.event != nil {
		out.Next = c.next(e, future)
		e, out.Previous = c.since(e, older(e, past))
	}
	out.Value, out.Version = c.path.In(e.After), e.Version
	out.Variant, out.Percentage, out.Targeting = flagShape(out.Value)
	out.Placement, out.Actor, out.Ticket, out.Approval, out.Validation = e.Placement, e.Actor, e.Attributes["ticket"], e.Approval, checked(e.Validation)
	out.EffectiveAt, out.WrittenAt, out.SeenAt, out.ID, out.Links = e.EffectiveAt, e.WrittenAt, e.SeenAt, e.ID, filled(e.Links)
	for _, o := range h.observed {
		out.Observed = append(out.Observed, c.observation(h.event, e, o))
	}
	return out
}

// observation sets what was seen beside what is declared since some change.
func (c *configuration) observation(declared, since, o *whatchanged.Event) ConfigObservation {
	out := ConfigObservation{Placement: o.Placement, Value: c.path.In(o.After), Version: o.Version, EffectiveAt: o.EffectiveAt, ID: o.ID}
	if declared == nil {
		return out
	}
	var differs bool
	switch {
	case declared.Deletes() || o.After != nil && declared.After != nil:
		differs = len(whatchanged.Diff(c.path.In(declared.After), out.Value)) > 0
	case o.Version != "" && declared.Version != "":
		differs = o.Version != declared.Version
	default:
		return out // the two say nothing of the same
	}
	lag := max(0, o.EffectiveAt.Sub(since.EffectiveAt).Seconds())
	if differs {
		lag = c.view.AsOf.Sub(since.EffectiveAt).Seconds()
	}
	out.Differs, out.LagSeconds = &differs, &lag
	return out
}
