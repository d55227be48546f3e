package resolvers

import (
	"context"
	"errors"
	"time"

	"whatchanged.dev/whatchanged"
)

// An asking is one question being answered: who asks, when, and the view that
// all its reads share, so that they see one state of the world.
type asking struct {
	*Resolver
	ctx      context.Context
	question string
	viewer   Viewer
	now      time.Time

	view      whatchanged.View
	watermark whatchanged.Watermark
	interval  whatchanged.Interval
	onset     time.Time
	offset    int                  // items on the pages before
	in        any                  // the input, as asked
	held      []*whatchanged.Event // what holds of all that is asked of, if it was read; nil if not
	tokens    int                  // that the answer was written in, 0 if it was not here
}

// times are the arguments that say from where in time a question is asked.
type times struct {
	Since, Until, Onset, AsOf, KnownAt *whatchanged.When
	After                              *whatchanged.Position
	Lookback                           time.Duration // the default of since, back from onset; 0 is all of history
	Cursor                             *string
}

// begin fixes the view. in is the whole input: a cursor continues only the
// question it came from.
func (a *asking) begin(in any, t times) error {
	if t.After != nil {
		if err := a.index.Await(a.ctx, *t.After); errors.Is(err, whatchanged.ErrStale) {
			return whatchanged.AsError(err).In("after")
		} else if err != nil {
			return err
		}
	}
	mark, err := a.index.Watermark(a.ctx)
	if err != nil {
		return err
	}
	a.watermark = mark
	a.view = whatchanged.View{KnownAt: mark.Position, Visibility: a.viewer.visibility()}
	a.in = in
	if t.Cursor != nil {
		return a.resume(*t.Cursor)
	}
	if err := a.known(t.KnownAt); err != nil {
		return err
	}
	return a.fix(t)
}

// fix turns the times asked for, and the defaults of those that were not,
// into absolute ones.
func (a *asking) fix(t times) (err error) {
	if a.interval.To, err = a.at("until", t.Until, a.now); err != nil {
		return err
	}
	if a.onset, err = a.at("onset", t.Onset, a.interval.To); err != nil {
		return err
	}
	from := whatchanged.MinTime
	if t.Lookback > 0 && a.onset.Add(-t.Lookback).After(from) {
		from = a.onset.Add(-t.Lookback)
	}
	if a.interval.From, err = a.at("since", t.Since, from); err != nil {
		return err
	}
	if a.view.AsOf, err = a.at("asOf", t.AsOf, a.onset); err != nil {
		return err
	}
	if a.interval.Empty() {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "the window %v is empty: want since before until", a.interval).In("since")
	}
	return nil
}

// at returns the moment w stands for, or def when w is not given.
func (a *asking) at(field string, w *whatchanged.When, def time.Time) (time.Time, error) {
	if w == nil || w.IsZero() {
		return def, nil
	}
	if t, ok := w.Absolute(a.now); ok {
		if !whatchanged.Always.Contains(t) {
			return t, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%v lies before %d: want a later moment", w, whatchanged.MinTime.Year()).In(field)
		}
		return t, nil
	}
	if p, ok := w.AsPosition(); ok {
		return a.storedAt(field, p)
	}
	id, _ := w.AsIncident()
	return a.incidentStart(field, id)
}

// storedAt returns when the log stored p.
func (a *asking) storedAt(field string, p whatchanged.Position) (time.Time, error) {
	if p.Sequence > a.watermark.Position.Sequence {
		return time.Time{}, a.notYet(field, p)
	}
	ds, err := a.index.Deliveries(a.ctx, a.view, []uint64{p.Sequence})
	if err != nil {
		return time.Time{}, err
	}
	if len(ds) == 0 {
		return time.Time{}, whatchanged.Errorf(whatchanged.CodeNotFound, "position %v is not known", p).In(field)
	}
	return ds[0].ReceivedAt, nil
}

// incidentStart returns when the first change event told of an incident.
func (a *asking) incidentStart(field, id string) (time.Time, error) {
	ref := whatchanged.RefOf(whatchanged.KindIncident, id)
	page, err := a.index.Changes(a.ctx, a.seeing(whatchanged.MaxTime), whatchanged.Selection{
		Entities: []whatchanged.Ref{ref}, Interval: whatchanged.Always, Limit: 1})
	if err != nil {
		return time.Time{}, err
	}
	if len(page.Events) == 0 {
		return time.Time{}, whatchanged.Errorf(whatchanged.CodeNotFound, "incident %q is not known; want the id of one that a source reported, or a time", id).In(field)
	}
	return page.Events[0].EffectiveAt, nil
}

// known pins the view to what was known at w. A time stands for the last
// position stored before it.
func (a *asking) known(w *whatchanged.When) error {
	if w == nil || w.IsZero() {
		return nil
	}
	p, ok := w.AsPosition()
	if ok && p.Sequence > a.watermark.Position.Sequence {
		return a.notYet("knownAt", p)
	}
	if !ok {
		t, err := a.at("knownAt", w, a.now)
		if err != nil {
			return err
		}
		if p, err = a.index.PositionAt(a.ctx, t); err != nil {
			return err
		}
	}
	if p.Compare(a.view.KnownAt) < 0 { // the index may have read on meanwhile
		a.view.KnownAt = p
	}
	return nil
}

func (a *asking) notYet(field string, p whatchanged.Position) error {
	return whatchanged.Errorf(whatchanged.CodeStale, "position %v has not been seen yet; the last is %v", p, a.watermark.Position).In(field)
}

// seeing is the view as of another moment: what happened in a window is asked as
// of its end, what an id names whenever it takes effect.
func (a *asking) seeing(asOf time.Time) whatchanged.View {
	v := a.view
	v.AsOf = asOf
	return v
}

// envelope starts the answer: all that follows from the times alone, and from
// which entities are asked of, all if none.
func (a *asking) envelope(of ...whatchanged.Ref) (Envelope, error) {
	coverage, err := a.coverage(of)
	if err != nil {
		return Envelope{}, err
	}
	interval := a.interval
	e := Envelope{
		AsOf: a.view.AsOf, Interval: &interval, KnownAt: a.view.KnownAt,
		Watermark: Watermark{Position: a.watermark.Position}, Coverage: coverage,
		Excluded: []Exclusion{}, Next: []Call{}, Quoted: []string{},
	}
	if !a.watermark.At.IsZero() {
		at := a.watermark.At
		e.Watermark.At = &at
	}
	return e, nil
}

// call is a question worth asking next, pinned to what this one knew.
func (a *asking) call(question, why string, args map[string]any) Call {
	args["knownAt"] = a.view.KnownAt
	return Call{Question: question, Arguments: whatchanged.ValueOf(args), Why: why}
}
