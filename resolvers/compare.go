package resolvers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// CompareInput asks what differs between two sides.
type CompareInput struct {
	Scope     []string              `json:"scope"`
	Left      *CompareSide          `json:"left"`
	Right     *CompareSide          `json:"right"`
	Aspects   []string              `json:"aspects"`
	DriftOnly bool                  `json:"driftOnly"`
	KnownAt   *whatchanged.When     `json:"knownAt"`
	After     *whatchanged.Position `json:"after"`
	Limit     int                   `json:"limit"`
	Cursor    *string               `json:"cursor"`
}

// A CompareSide says what one side is. Fields that are empty ask nothing.
type CompareSide struct {
	Environment string            `json:"environment"`
	Region      string            `json:"region"`
	Cluster     string            `json:"cluster"`
	Cell        string            `json:"cell"`
	AsOf        *whatchanged.When `json:"asOf"`
	Source      string            `json:"source"`
	Namespace   string            `json:"namespace"`
	Attribute   string            `json:"attribute"` // name=value
	Live        bool              `json:"live"`
}

// Compare answers CompareInput: drift before declared overrides, the most
// recent first.
type Compare struct {
	Envelope
	Items    []Difference `json:"items"`
	Left     ComparedSide `json:"left"`
	Right    ComparedSide `json:"right"`
	Compared int          `json:"compared"`
	UpTo     *string      `json:"upTo"`
	Summary  DriftSummary `json:"summary"`
}

// A ComparedSide is a side as it was read.
type ComparedSide struct {
	Name    string    `json:"name"`
	AsOf    time.Time `json:"asOf"`
	Values  int       `json:"values"`
	Sources []string  `json:"sources"`
}

// The kinds of differences.
const (
	DiffersMissing    = "MISSING"
	DiffersValue      = "VALUE"
	DiffersTargeting  = "TARGETING"
	DiffersPercentage = "PERCENTAGE"
	DiffersVariant    = "VARIANT"
	DiffersVersion    = "VERSION"
	DiffersDependency = "DEPENDENCY"
)

// A Difference is one aspect of one entity that is not the same on both sides.
type Difference struct {
	Entity      whatchanged.Ref       `json:"entity"`
	Aspect      string                `json:"aspect"`
	Kind        whatchanged.EventKind `json:"kind"`
	To          *whatchanged.Ref      `json:"to"`
	Placement   whatchanged.Placement `json:"placement"`
	Differs     []string              `json:"differs"`
	Drift       bool                  `json:"drift"`
	Since       time.Time             `json:"since"`
	AgeSeconds  float64               `json:"ageSeconds"`
	LastWritten string                `json:"lastWritten"`
	Owner       *whatchanged.Ref      `json:"owner"`
	Left        SideState             `json:"left"`
	Right       SideState             `json:"right"`
	Diff        []whatchanged.Edit    `json:"diff"`
}

// A SideState is what holds on one side, and who made it so.
type SideState struct {
	Present   bool                  `json:"present"`
	Entity    *whatchanged.Ref      `json:"entity"`
	Value     whatchanged.Value     `json:"value"`
	Version   string                `json:"version"`
	Placement whatchanged.Placement `json:"placement"`
	Override  bool                  `json:"override"`
	Live      *LiveState            `json:"live"`
	Since     *time.Time            `json:"since"`
	Actor     *whatchanged.Actor    `json:"actor"`
	Source    string                `json:"source"`
	ID        *string               `json:"id"`
	Evidence  string                `json:"evidence"`
}

// A LiveState is what was observed where that is not what was declared.
type LiveState struct {
	Value   whatchanged.Value `json:"value"`
	Version string            `json:"version"`
	Since   time.Time         `json:"since"`
	ID      string            `json:"id"`
}

// Compare tells what differs between two sides.
func (r *Resolver) Compare(ctx context.Context, in CompareInput) (*Compare, error) {
	return ask(ctx, r, "compare", in, (*asking).compare)
}

func (a *asking) compare(in CompareInput) (*Compare, error) {
	if err := checkLimit(in.Limit, 500); err != nil {
		return nil, err
	}
	c := &comparison{asking: a}
	var err error
	if c.aspects, err = aspectsOf(in.Aspects); err != nil {
		return nil, err
	}
	if err := a.begin(in, times{KnownAt: in.KnownAt, After: in.After, Lookback: compareLookback, Cursor: in.Cursor}); err != nil {
		return nil, err
	}
	if err := c.take(in); err != nil {
		return nil, err
	}
	if err := c.within(in.Scope); err != nil {
		return nil, err
	}
	if err := c.read(); err != nil {
		return nil, err
	}
	all, compared := c.differences()
	out := &Compare{Left: c.left.shown(), Right: c.right.shown(), Compared: compared, UpTo: c.upTo()}
	if out.Envelope, err = a.envelope(c.asked()...); err != nil {
		return nil, err
	}
	if err := a.addOwners(all); err != nil {
		return nil, err
	}
	out.Summary = summaryOf(all)
	out.fill(a, all, in, &c.x)
	return out, nil
}

// fill puts the differences asked for on the page.
func (c *Compare) fill(a *asking, all []Difference, in CompareInput, x *excluded) {
	if in.DriftOnly {
		n := len(all)
		all = slices.DeleteFunc(all, func(d Difference) bool { return !d.Drift })
		x.add(ReasonOverride, n-len(all))
	}
	slices.SortStableFunc(all, func(d, e Difference) int {
		return cmp.Or(cmp.Compare(unlikely(d.Drift), unlikely(e.Drift)), e.Since.Compare(d.Since))
	})
	if len(all) > maxCandidates {
		x.add(ReasonBeyondLimit, len(all)-maxCandidates)
		all = all[:maxCandidates]
	}
	from, to, more := a.page(len(all), in.Limit)
	c.Items, c.Total, c.Truncated = append([]Difference{}, all[from:to]...), len(all), more
	if more {
		c.Cursor = a.cursorAt(to)
	}
	c.asking, c.Excluded = a, x.list()
	c.Quoted = []string{"items.left.value", "items.right.value", "items.left.live.value", "items.right.live.value", "items.diff", "items.left.actor.name", "items.right.actor.name"}
	c.Verdict = c.verdict()
	c.Next = []Call{}
	if ids := c.IDs(); len(ids) > 0 {
		c.Next = append(c.Next, a.call("change", "who made the first of these, and how", map[string]any{"ids": ids[:min(len(ids), maxIDs)]}))
	}
}

// unlikely orders what holds before what does not.
func unlikely(b bool) int {
	if b {
		return 0
	}
	return 1
}

func (c *Compare) verdict() string {
	between := fmt.Sprintf("between %s (as of %s) and %s (as of %s)", c.Left.Name, stamp(c.Left.AsOf), c.Right.Name, stamp(c.Right.AsOf))
	var s string
	switch {
	case c.Compared == 0:
		s = "Nothing is known that could be compared " + between + "."
	case c.Summary.Drift+c.Summary.Overrides == 0:
		s = fmt.Sprintf("No difference %s in %s compared, told by %s and by %s. Coverage: %s.", between, count(c.Compared, "value"), told(c.Left.Sources), told(c.Right.Sources), c.Coverage.Text)
	default:
		s = fmt.Sprintf("%s %s in %s compared: %d drift, %s.", count(c.Summary.Drift+c.Summary.Overrides, "difference"), between,
			count(c.Compared, "value"), c.Summary.Drift, count(c.Summary.Overrides, "declared override"))
	}
	for _, side := range []ComparedSide{c.Left, c.Right} {
		if side.Values == 0 && c.Compared > 0 {
			s += " Nothing is known of " + side.Name + "."
		}
	}
	if c.UpTo != nil {
		s += " Only entities before " + *c.UpTo + " were compared: ask a narrower scope."
	}
	return s
}

// told lists names for a sentence.
func told(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// Len implements [Paged].
func (c *Compare) Len() int { return len(c.Items) }

// Cut implements [Paged].
func (c *Compare) Cut(n int) { c.Items = c.Items[:n:n]; c.cutAt(n) }

// IDs implements [Answered]: of the changes that made the sides what they are.
func (c *Compare) IDs() []string {
	ids := []string{}
	add := func(id string) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for i := range c.Items {
		for _, s := range []*SideState{&c.Items[i].Left, &c.Items[i].Right} {
			if s.ID != nil {
				add(*s.ID)
			}
			if s.Live != nil {
				add(s.Live.ID)
			}
		}
	}
	return ids
}

// Table implements [Answered].
func (c *Compare) Table() Table {
	t := Table{Header: []string{"entity", "aspect", "differs", "where", "drift", "since", "left", "right", "left by", "right by", "left id", "right id", "live ids", "owner"}, Ours: []string{"differs", "drift", "since"}, Lists: []string{"live ids"}}
	for i := range c.Items {
		d := &c.Items[i]
		owner, entity := "", d.Entity.String()
		if d.Owner != nil {
			owner = d.Owner.String()
		}
		if d.To != nil {
			entity += " → " + d.To.String()
		}
		drift := map[bool]string{true: "drift", false: "override"}[d.Drift]
		t.Rows = append(t.Rows, []string{entity, string(d.Kind), strings.Join(d.Differs, " "), d.Placement.String(), drift, stamp(d.Since),
			d.Left.text(), d.Right.text(), actor(d.Left.Actor), actor(d.Right.Actor), deref(d.Left.ID), deref(d.Right.ID), liveIDs(d), owner})
	}
	return t
}

func liveIDs(d *Difference) string {
	var ids []string
	for _, l := range []*LiveState{d.Left.Live, d.Right.Live} {
		if l != nil {
			ids = append(ids, l.ID)
		}
	}
	return strings.Join(ids, "\n")
}

// text is a side in a cell.
func (s *SideState) text() string {
	text := "missing"
	if s.Present {
		text = cmp.Or(s.Version, s.Value.String(), "there")
		if s.Version != "" && s.Value != nil {
			text = s.Value.String()
		}
	}
	if s.Live != nil {
		text += ", live " + cmp.Or(s.Live.Value.String(), s.Live.Version, "missing")
	}
	return text
}
