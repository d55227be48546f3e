package resolvers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

const maxIDs = 5

// ChangeInput asks for everything on a few changes.
type ChangeInput struct {
	IDs     []string              `json:"ids"`
	Raw     bool                  `json:"raw"`
	KnownAt *whatchanged.When     `json:"knownAt"`
	After   *whatchanged.Position `json:"after"`
}

// Change answers ChangeInput, in the order of the ids asked.
type Change struct {
	Envelope
	Items     []ChangeDetail `json:"items"`
	Citations []Citation     `json:"citations"`

	raw  bool     // as asked
	left []string // the ids that Cut left out
}

// A ChangeDetail is a change event in full.
type ChangeDetail struct {
	Event    whatchanged.Event `json:"event"`
	Delivery *Delivery         `json:"delivery"`
}

// A Delivery is a stored delivery as answers show it.
type Delivery struct {
	Source     string              `json:"source"`
	Type       string              `json:"type"`
	ID         string              `json:"id"`
	Outcome    whatchanged.Outcome `json:"outcome"`
	Reason     string              `json:"reason"`
	Field      string              `json:"field"`
	ReceivedAt time.Time           `json:"receivedAt"`
	Body       string              `json:"body"`
}

// Change returns the changes of in.IDs in full. An id that is not known is an
// error, a part of an answer would look like the whole; one that is cited with
// a position is told of as unknown.
func (r *Resolver) Change(ctx context.Context, in ChangeInput) (*Change, error) {
	return ask(ctx, r, "change", in, (*asking).change)
}

func (a *asking) change(in ChangeInput) (*Change, error) {
	if len(in.IDs) < 1 || len(in.IDs) > maxIDs {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%d ids: want 1 to %d, from the items of another answer", len(in.IDs), maxIDs).In("ids")
	}
	if err := a.begin(in, times{KnownAt: in.KnownAt, After: in.After}); err != nil {
		return nil, err
	}
	events, citations, err := a.citations(in.IDs)
	if err != nil {
		return nil, err
	}
	out := &Change{Items: []ChangeDetail{}, Citations: citations, raw: in.Raw}
	if len(events) > 0 {
		a.span(events)
	}
	var of []whatchanged.Ref
	for i := range events {
		of = append(of, events[i].Entity)
	}
	if out.Envelope, err = a.envelope(of...); err != nil {
		return nil, err
	}
	for _, e := range events {
		out.Items = append(out.Items, ChangeDetail{Event: e})
	}
	if in.Raw {
		if err := a.addDeliveries(out.Items); err != nil {
			return nil, err
		}
	}
	out.asking, out.Total = a, len(out.Items)
	out.Quoted = []string{"items.event.summary", "items.event.before", "items.event.after", "items.event.diff",
		"items.event.attributes", "items.event.actor.name", "items.event.links", "items.delivery.body"}
	if len(citations) > 0 {
		out.Verdict = standings(citations)
	}
	if len(events) > 0 {
		out.Verdict = strings.TrimSpace(out.Verdict + " " + describe(events))
		out.Next = a.afterChange(events)
	}
	return out, nil
}

// presentable replaces nil by empty where the contract says there is a list.
func presentable(e whatchanged.Event) whatchanged.Event {
	e.Diff, e.Commits, e.Links = filled(e.Diff), filled(e.Commits), filled(e.Links)
	e.Validation = checked(e.Validation)
	if e.Attributes == nil {
		e.Attributes = map[string]string{}
	}
	return e
}

func checked(v *whatchanged.Validation) *whatchanged.Validation {
	if v == nil {
		return nil
	}
	return &whatchanged.Validation{Checks: filled(v.Checks), Result: v.Result}
}

func filled[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// span makes the times of the answer those of the changes it tells of: from
// the first that took effect, or was learned of, to the last.
func (a *asking) span(events []whatchanged.Event) {
	at := []time.Time{}
	a.view.AsOf = events[0].EffectiveAt
	for _, e := range events {
		at = append(at, e.EffectiveAt, e.SeenAt)
		if e.EffectiveAt.After(a.view.AsOf) {
			a.view.AsOf = e.EffectiveAt
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	a.interval = whatchanged.Interval{From: at[0], To: at[len(at)-1].Add(whatchanged.Resolution)}
}

func (a *asking) addDeliveries(items []ChangeDetail) error {
	var seqs []uint64
	for _, it := range items {
		seqs = append(seqs, it.Event.Position.Sequence)
	}
	slices.Sort(seqs)
	ds, err := a.index.Deliveries(a.ctx, a.view, slices.Compact(seqs))
	if err != nil {
		return err
	}
	for i := range items {
		at := slices.IndexFunc(ds, func(d whatchanged.Delivery) bool { return d.Sequence == items[i].Event.Position.Sequence })
		if at < 0 {
			continue
		}
		d := ds[at]
		items[i].Delivery = &Delivery{Source: d.Source, Type: d.Type, ID: d.ID, Outcome: d.Outcome, Reason: d.Reason,
			Field: d.Field, ReceivedAt: d.ReceivedAt, Body: strings.ToValidUTF8(string(d.Body), "�")}
	}
	return nil
}

func describe(events []whatchanged.Event) string {
	e := events[0]
	by := ""
	if e.Actor != nil && e.Actor.Name != "" {
		by = " by " + Fence(e.Actor.Name)
	}
	s := fmt.Sprintf("%s: %s of %v%s, effective %s", Fence(e.ID), Fence(e.Action), e.Entity, by, e.EffectiveAt.Format(time.RFC3339))
	if len(e.Diff) > 0 {
		s += fmt.Sprintf(", %s", count(len(e.Diff), "edit"))
	}
	if len(events) > 1 {
		s += fmt.Sprintf("; and %d more", len(events)-1)
	}
	return s + "."
}

func (a *asking) afterChange(events []whatchanged.Event) []Call {
	e := events[0]
	from, to := e.EffectiveAt.Add(-time.Hour), e.EffectiveAt.Add(time.Hour)
	return []Call{a.call("timeline", "what else happened to it within an hour",
		map[string]any{"scope": []string{e.Entity.String()}, "since": from, "until": to})}
}

// Len implements [Paged].
func (c *Change) Len() int { return len(c.Items) }

// Cut implements [Paged]. There are no cursors here: the call for the rest
// stands first in Next.
func (c *Change) Cut(n int) {
	if c.Truncated {
		c.Next = c.Next[1:] // the call of a longer cut
	}
	c.left = append(c.IDs()[n:], c.left...)
	c.Items, c.Truncated = c.Items[:n:n], true
	rest := c.asking.call("change", "the rest of these", map[string]any{"ids": c.left, "raw": c.raw})
	c.Next = append([]Call{rest}, c.Next...)
}

// IDs implements [Answered].
func (c *Change) IDs() []string {
	out := make([]string, len(c.Items))
	for i := range c.Items {
		out[i] = c.Items[i].Event.ID
	}
	return out
}

// Table implements [Answered]: a row for each field that says something, after
// what became of citations.
func (c *Change) Table() Table {
	t := Table{Header: []string{"id", "field", "value"}, Ours: []string{"field"}}
	for _, cited := range c.Citations {
		t.Rows = append(t.Rows, []string{cited.ID, "standing", string(cited.Standing) + ": " + cited.Text})
	}
	for i := range c.Items {
		e := &c.Items[i].Event
		row := func(field, value string) {
			if value != "" {
				t.Rows = append(t.Rows, []string{e.ID, field, value})
			}
		}
		row("summary", e.Summary)
		row("what", string(e.Kind)+" "+e.Action+" "+e.Entity.String())
		row("where", e.Placement.String())
		row("actor", actor(e.Actor))
		row("effectiveAt", e.EffectiveAt.Format(time.RFC3339Nano)+" (clock: "+string(e.Clock)+")")
		if e.WrittenAt != nil {
			row("writtenAt", e.WrittenAt.Format(time.RFC3339Nano))
		}
		row("seenAt", e.SeenAt.Format(time.RFC3339Nano)+" at "+e.Position.String())
		detailRows(e, row)
		if d := c.Items[i].Delivery; d != nil {
			row("delivery", d.Source+" "+d.Type+" "+d.ID+" "+d.Body)
		}
	}
	return t
}

// detailRows writes what only some changes have.
func detailRows(e *whatchanged.Event, row func(field, value string)) {
	if e.Revision > 0 {
		row("revision", fmt.Sprint(e.Revision))
	}
	row("version", (&ChangeBrief{Version: e.Version, PreviousVersion: e.PreviousVersion}).versions())
	row("commits", strings.Join(e.Commits, " "))
	row("reverts", e.Reverts)
	row("parent", e.Parent)
	for _, d := range e.Diff {
		row("diff", editText(d))
	}
	row("before", e.Before.String())
	row("after", e.After.String())
	if e.Approval != nil {
		row("approval", whatchanged.ValueOf(e.Approval).String())
	}
	if e.Validation != nil {
		row("validation", whatchanged.ValueOf(e.Validation).String())
	}
	if e.Rollout != nil {
		row("rollout", whatchanged.ValueOf(e.Rollout).String())
	}
	if e.Dependency != nil {
		row("dependency", whatchanged.ValueOf(e.Dependency).String())
	}
	for _, l := range e.Links {
		row("link", l.Rel+" "+l.URL)
	}
	if len(e.Attributes) > 0 {
		row("attributes", whatchanged.ValueOf(e.Attributes).String())
	}
}
