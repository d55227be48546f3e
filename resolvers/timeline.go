package resolvers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A storm is at least stormSize changes alike, each at most stormGap after
// the one before.
const (
	stormSize = 5
	stormGap  = 2 * time.Minute
)

// TimelineInput asks for changes in order of time.
type TimelineInput struct {
	Scope       []string              `json:"scope"`
	Environment *string               `json:"environment"`
	Regions     []string              `json:"regions"`
	Since       *whatchanged.When     `json:"since"`
	Until       *whatchanged.When     `json:"until"`
	Kinds       []string              `json:"kinds"`
	Hops        int                   `json:"hops"`
	Fold        bool                  `json:"fold"`
	AsOf        *whatchanged.When     `json:"asOf"`
	KnownAt     *whatchanged.When     `json:"knownAt"`
	After       *whatchanged.Position `json:"after"`
	Limit       int                   `json:"limit"`
	Cursor      *string               `json:"cursor"`
}

// Timeline answers TimelineInput, oldest first.
type Timeline struct {
	Envelope
	Items []TimelineLine `json:"items"`
}

// A TimelineLine is one change, or a storm folded into one line. Folding
// loses nothing: IDs lists every change of it.
type TimelineLine struct {
	Change ChangeBrief `json:"change"`
	Count  int         `json:"count"`
	Until  time.Time   `json:"until"`
	IDs    []string    `json:"ids"`
}

// Timeline lists the changes of a window in order of time.
func (r *Resolver) Timeline(ctx context.Context, in TimelineInput) (*Timeline, error) {
	return ask(ctx, r, "timeline", in, (*asking).timeline)
}

func (a *asking) timeline(in TimelineInput) (*Timeline, error) {
	if err := checkLimit(in.Limit, 500); err != nil {
		return nil, err
	}
	f, err := filterOf(in.Environment, in.Regions, in.Kinds)
	if err != nil {
		return nil, err
	}
	if err := a.begin(in, times{Since: in.Since, Until: in.Until, AsOf: in.AsOf, KnownAt: in.KnownAt,
		After: in.After, Lookback: 24 * time.Hour, Cursor: in.Cursor}); err != nil {
		return nil, err
	}
	scope, err := a.resolve(in.Scope)
	if err != nil {
		return nil, err
	}
	near, whole, err := a.around(scope, in.Hops)
	if err != nil {
		return nil, err
	}
	out := &Timeline{}
	if out.Envelope, err = a.envelope(near.refs()...); err != nil {
		return nil, err
	}
	var x excluded
	found, err := a.candidates(near, whole, &x)
	if err != nil {
		return nil, err
	}
	events := f.apply(found, &x)
	slices.SortFunc(events, func(x, y *whatchanged.Event) int { return x.Key().Compare(y.Key()) })
	lines := fold(events, in.Fold)

	from, to, more := a.page(len(lines), in.Limit)
	out.Items, out.Total, out.Truncated = []TimelineLine{}, len(events), more
	for _, l := range lines[from:to] {
		out.Items = append(out.Items, lineOf(l))
	}
	if more {
		out.Cursor = a.cursorAt(to)
	}
	out.asking = a
	out.Excluded = x.list()
	out.Quoted = []string{"items.change.summary", "items.change.actor.name"}
	out.Verdict = a.course(in, scope, len(events), len(lines), &out.Envelope)
	out.Next = a.afterTimeline(in, out.Items)
	return out, nil
}

// fold cuts events in order of time into lines.
func fold(events []*whatchanged.Event, storms bool) [][]*whatchanged.Event {
	var lines [][]*whatchanged.Event
	for len(events) > 0 {
		n := 1
		if storms {
			n = stormOf(events)
		}
		lines, events = append(lines, events[:n]), events[n:]
	}
	return lines
}

func lineOf(events []*whatchanged.Event) TimelineLine {
	line := TimelineLine{Change: brief(events[0]), Count: len(events), Until: events[len(events)-1].EffectiveAt, IDs: []string{}}
	for _, e := range events {
		line.IDs = append(line.IDs, e.ID)
	}
	return line
}

// stormOf returns how many of the first events make a storm, 1 if they do not.
func stormOf(events []*whatchanged.Event) int {
	n := 1
	for n < len(events) && alike(events[0], events[n]) && events[n].EffectiveAt.Sub(events[n-1].EffectiveAt) <= stormGap {
		n++
	}
	if n < stormSize {
		return 1
	}
	return n
}

func alike(a, b *whatchanged.Event) bool {
	return a.Source == b.Source && a.Kind == b.Kind && a.Action == b.Action && a.Entity.Kind == b.Entity.Kind
}

func (a *asking) course(in TimelineInput, scope []whatchanged.Ref, changes, lines int, e *Envelope) string {
	where := ""
	switch {
	case len(scope) > 0 && in.Hops > 0:
		where = " around " + join(scope)
	case len(scope) > 0:
		where = " on " + join(scope)
	}
	span := fmt.Sprintf("from %s to %s", a.interval.From.Format(time.RFC3339), a.interval.To.Format(time.RFC3339))
	if changes == 0 {
		return fmt.Sprintf("Nothing recorded changed%s %s%s. Coverage: %s.", where, span, besides(e.Excluded), e.Coverage.Text)
	}
	return fmt.Sprintf("%s%s %s, in %s.", count(changes, "change"), where, span, count(lines, "line"))
}

func (a *asking) afterTimeline(in TimelineInput, items []TimelineLine) []Call {
	next := []Call{}
	if len(items) > 0 {
		ids := items[len(items)-1].IDs
		next = append(next, a.call("change", "everything on the latest of these", map[string]any{"ids": ids[max(0, len(ids)-5):]}))
	}
	return append(next, a.call("whatChanged", "the same window, most suspicious first",
		a.where(in.Scope, filter{Environment: deref(in.Environment), Regions: in.Regions, Kinds: in.Kinds}, a.interval.From, map[string]any{"asOf": a.view.AsOf})))
}

// Len implements [Paged].
func (t *Timeline) Len() int { return len(t.Items) }

// Cut implements [Paged].
func (t *Timeline) Cut(n int) { t.Items = t.Items[:n:n]; t.cutAt(n) }

// IDs implements [Answered]: those of storms singly.
func (t *Timeline) IDs() []string {
	out := []string{}
	for i := range t.Items {
		out = append(out, t.Items[i].IDs...)
	}
	return out
}

// Table implements [Answered].
func (t *Timeline) Table() Table {
	out := Table{Header: []string{"id", "effective", "count", "kind", "action", "entity", "where", "actor", "version", "summary", "link", "further ids"}, Ours: []string{"effective", "count"}, Lists: []string{"further ids"}}
	for i := range t.Items {
		l := &t.Items[i]
		c := &l.Change
		out.Rows = append(out.Rows, []string{c.ID, c.EffectiveAt.Format(time.RFC3339), strconv.Itoa(l.Count), string(c.Kind), c.Action,
			c.Entity.String(), c.Placement.String(), c.who(), c.versions(), c.Summary, c.Evidence, strings.Join(l.IDs[1:], "\n")})
	}
	return out
}
