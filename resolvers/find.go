package resolvers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"whatchanged.dev/whatchanged"
)

const (
	maxQuery    = 200 // characters
	maxEntities = 20_000
	maxMentions = 200
)

// FindInput asks what a text may mean.
type FindInput struct {
	Query   string                `json:"query"`
	Kinds   []string              `json:"kinds"`
	Since   *whatchanged.When     `json:"since"`
	Until   *whatchanged.When     `json:"until"`
	KnownAt *whatchanged.When     `json:"knownAt"`
	After   *whatchanged.Position `json:"after"`
	Limit   int                   `json:"limit"`
	Cursor  *string               `json:"cursor"`
}

// Find answers FindInput, best match first.
type Find struct {
	Envelope
	Items []FindMatch `json:"items"`
}

// A FindMatch is an entity or a change that a text may mean.
type FindMatch struct {
	Type   string          `json:"type"`
	ID     string          `json:"id"`
	Entity whatchanged.Ref `json:"entity"`
	Reason string          `json:"reason"`
	Change *ChangeBrief    `json:"change"`
}

// How an entity matches, best first.
var matchOrder = []string{"EXACT_REF", "EXACT_NAME", "NAME_PREFIX", "NAME_PART", "MENTION"}

// Find returns the entities whose reference holds in.Query, and the changes
// that carry it.
func (r *Resolver) Find(ctx context.Context, in FindInput) (*Find, error) {
	return ask(ctx, r, "find", in, (*asking).find)
}

func (a *asking) find(in FindInput) (*Find, error) {
	if err := checkLimit(in.Limit, 100); err != nil {
		return nil, err
	}
	query := strings.TrimSpace(in.Query)
	if query == "" || utf8.RuneCountInString(query) > maxQuery {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "a text of %d characters: want 1 to %d, such as checkout", utf8.RuneCountInString(query), maxQuery).In("query")
	}
	if err := a.begin(in, times{Since: in.Since, Until: in.Until, KnownAt: in.KnownAt, After: in.After, Cursor: in.Cursor}); err != nil {
		return nil, err
	}
	out := &Find{}
	var err error
	if out.Envelope, err = a.envelope(); err != nil {
		return nil, err
	}
	entities, err := a.findEntities(query, in.Kinds)
	if err != nil {
		return nil, err
	}
	var x excluded
	changes, total, err := a.findChanges(query, in.Kinds, &x)
	if err != nil {
		return nil, err
	}
	all := append(entities, changes...)
	from, to, more := a.page(len(all), in.Limit)
	out.Items, out.Total, out.Truncated = all[from:to:to], len(entities)+total, more
	if more {
		out.Cursor = a.cursorAt(to)
	}
	out.asking = a
	out.Excluded = x.list()
	out.Quoted = []string{"items.change.summary", "items.change.actor.name"}
	out.Verdict = found(query, entities, total, &out.Envelope)
	out.Next = a.afterFind(out.Items)
	return out, nil
}

// findEntities returns the entities that match, best first.
func (a *asking) findEntities(query string, kinds []string) ([]FindMatch, error) {
	sel := whatchanged.EntitySelection{Text: strings.ToLower(query), Limit: maxEntities}
	for _, k := range kinds {
		sel.Kinds = append(sel.Kinds, whatchanged.Kind(strings.ToLower(k)))
	}
	records, err := a.index.Entities(a.ctx, a.view, sel)
	if err != nil {
		return nil, err
	}
	matches := []FindMatch{}
	for _, rec := range records {
		matches = append(matches, FindMatch{Type: "entity", ID: rec.Ref.String(), Entity: rec.Ref, Reason: matchReason(rec.Ref, sel.Text)})
	}
	slices.SortStableFunc(matches, func(x, y FindMatch) int {
		return cmp.Or(cmp.Compare(slices.Index(matchOrder, x.Reason), slices.Index(matchOrder, y.Reason)), x.Entity.Compare(y.Entity))
	})
	return matches, nil
}

func matchReason(ref whatchanged.Ref, text string) string {
	switch {
	case ref.String() == text:
		return "EXACT_REF"
	case ref.Name == text || ref.Namespace+"/"+ref.Name == text:
		return "EXACT_NAME"
	case strings.HasPrefix(ref.Name, text):
		return "NAME_PREFIX"
	}
	return "NAME_PART"
}

// findChanges returns the changes that carry the text, latest first, and how
// many there are.
func (a *asking) findChanges(query string, kinds []string, x *excluded) ([]FindMatch, int, error) {
	page, err := a.index.Mentions(a.ctx, a.seeing(a.interval.To), whatchanged.Mention{Text: query, Interval: a.interval, Limit: maxMentions})
	if err != nil {
		return nil, 0, err
	}
	x.add(ReasonBeyondLimit, page.Total-len(page.Events))
	matches := []FindMatch{}
	total := page.Total
	for _, e := range page.Events {
		if len(kinds) > 0 && !slices.ContainsFunc(kinds, func(k string) bool { return strings.EqualFold(k, string(e.Entity.Kind)) }) {
			x.add(ReasonOtherKind, 1)
			total--
			continue
		}
		b := brief(e)
		matches = append(matches, FindMatch{Type: "change", ID: e.ID, Entity: e.Entity, Reason: "MENTION", Change: &b})
	}
	return matches, total, nil
}

func found(query string, entities []FindMatch, changes int, e *Envelope) string {
	if len(entities)+changes == 0 {
		return fmt.Sprintf("Nothing recorded carries %q. Coverage: %s.", query, e.Coverage.Text)
	}
	s := fmt.Sprintf("%q: %s, %s", query, countOf(len(entities), "entity", "entities"), count(changes, "change"))
	if len(entities) > 0 {
		s += "; best: " + entities[0].ID
	}
	return s + "."
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (a *asking) afterFind(items []FindMatch) []Call {
	next := []Call{}
	for _, m := range items {
		if m.Type == "entity" {
			next = append(next, a.call("whatChanged", "what changed around the best match", map[string]any{"scope": []string{m.ID}}))
			break
		}
	}
	for _, m := range items {
		if m.Type == "change" {
			next = append(next, a.call("change", "everything on the latest mention", map[string]any{"ids": []string{m.ID}}))
			break
		}
	}
	return next
}

// Len implements [Paged].
func (f *Find) Len() int { return len(f.Items) }

// Cut implements [Paged].
func (f *Find) Cut(n int) { f.Items = f.Items[:n:n]; f.cutAt(n) }

// IDs implements [Answered].
func (f *Find) IDs() []string {
	out := make([]string, len(f.Items))
	for i := range f.Items {
		out[i] = f.Items[i].ID
	}
	return out
}

// Table implements [Answered].
func (f *Find) Table() Table {
	t := Table{Header: []string{"id", "type", "entity", "reason", "effective", "action", "summary"}, Ours: []string{"type", "reason"}}
	for _, m := range f.Items {
		row := []string{m.ID, m.Type, m.Entity.String(), m.Reason, "", "", ""}
		if c := m.Change; c != nil {
			row[4], row[5], row[6] = c.EffectiveAt.Format(time.RFC3339), c.Action, c.Summary
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
