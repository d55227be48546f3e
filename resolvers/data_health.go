package resolvers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// DataHealthInput asks whether silence can be trusted.
type DataHealthInput struct {
	Sources []string              `json:"sources"`
	Since   *whatchanged.When     `json:"since"`
	Until   *whatchanged.When     `json:"until"`
	KnownAt *whatchanged.When     `json:"knownAt"`
	After   *whatchanged.Position `json:"after"`
}

// DataHealth answers DataHealthInput, silent sources first.
type DataHealth struct {
	Envelope
	Items []SourceHealth `json:"items"`
}

// A SourceHealth says how one source was heard in the window, by time of
// arrival, and how late its changes were learned of.
type SourceHealth struct {
	Source          string                    `json:"source"`
	State           whatchanged.CoverageState `json:"state"`
	LastHeard       *time.Time                `json:"lastHeard"`
	SilentSeconds   *float64                  `json:"silentSeconds"`
	UsualGapSeconds *float64                  `json:"usualGapSeconds"`
	LastRun         *time.Time                `json:"lastRun"`
	LostAt          *time.Time                `json:"lostAt"`
	Deliveries      int                       `json:"deliveries"`
	Rejected        int                       `json:"rejected"`
	Changes         int                       `json:"changes"`
	LagSeconds      *float64                  `json:"lagSeconds"`
	MaxLagSeconds   *float64                  `json:"maxLagSeconds"`
}

// DataHealth tells how each source was heard.
func (r *Resolver) DataHealth(ctx context.Context, in DataHealthInput) (*DataHealth, error) {
	return ask(ctx, r, "dataHealth", in, (*asking).dataHealth)
}

func (a *asking) dataHealth(in DataHealthInput) (*DataHealth, error) {
	if err := a.begin(in, times{Since: in.Since, Until: in.Until, KnownAt: in.KnownAt, After: in.After, Lookback: 24 * time.Hour}); err != nil {
		return nil, err
	}
	out := &DataHealth{Items: []SourceHealth{}}
	var err error
	if out.Envelope, err = a.envelope(); err != nil {
		return nil, err
	}
	page, err := a.index.Changes(a.ctx, a.seeing(whatchanged.MaxTime), whatchanged.Selection{Seen: a.interval, Descending: true, Limit: maxCandidates})
	if err != nil {
		return nil, err
	}
	var x excluded
	x.add(ReasonBeyondLimit, page.Total-len(page.Events))
	lags := lagsOf(page.Events)
	for _, s := range out.Coverage.Sources {
		if len(in.Sources) == 0 || slices.Contains(in.Sources, s.Source) {
			out.Items = append(out.Items, a.health(s, lags[s.Source]))
		}
	}
	for _, name := range in.Sources {
		if !slices.ContainsFunc(out.Items, func(s SourceHealth) bool { return s.Source == name }) {
			out.Items = append(out.Items, SourceHealth{Source: name, State: whatchanged.CoverageUnknown})
		}
	}
	slices.SortStableFunc(out.Items, func(s, t SourceHealth) int {
		return cmp.Or(cmp.Compare(trust(s.State), trust(t.State)), cmp.Compare(s.Source, t.Source))
	})
	out.Total, out.Excluded = len(out.Items), x.list()
	out.Verdict = out.verdict()
	out.Next = []Call{a.call("timeline", "what was heard of in that window", map[string]any{"since": a.interval.From, "until": a.interval.To})}
	return out, nil
}

// trust orders states: what to worry about first.
func trust(s whatchanged.CoverageState) int { return slices.Index(whatchanged.CoverageStates, s) }

// lags are the seconds from effect to arrival of a source's changes.
type lags struct {
	changes int
	seconds []float64 // of those whose source told their time
}

func lagsOf(events []*whatchanged.Event) map[string]*lags {
	by := map[string]*lags{}
	for _, e := range events {
		l := by[e.Source]
		if l == nil {
			l = &lags{}
			by[e.Source] = l
		}
		l.changes++
		if e.Clock == whatchanged.SourceClock {
			l.seconds = append(l.seconds, max(0, e.SeenAt.Sub(e.EffectiveAt).Seconds()))
		}
	}
	return by
}

func (a *asking) health(s whatchanged.SourceCoverage, l *lags) SourceHealth {
	h := SourceHealth{Source: s.Source, State: s.State, LastHeard: s.LastHeard, UsualGapSeconds: s.UsualGapSeconds, LastRun: s.LastRun, LostAt: s.LostAt,
		Deliveries: s.Deliveries, Rejected: s.Rejected}
	end := a.interval.To
	if end.After(a.now) {
		end = a.now
	}
	if s.LastHeard != nil && s.LastHeard.Before(end) {
		silent := round(end.Sub(*s.LastHeard).Seconds())
		h.SilentSeconds = &silent
	}
	if l == nil {
		return h
	}
	h.Changes = l.changes
	if len(l.seconds) > 0 {
		slices.Sort(l.seconds)
		half, most := round(l.seconds[(len(l.seconds)-1)/2]), round(l.seconds[len(l.seconds)-1])
		h.LagSeconds, h.MaxLagSeconds = &half, &most
	}
	return h
}

func (d *DataHealth) verdict() string {
	if len(d.Items) == 0 {
		return "No source has ever been heard: nothing can be said of what changed."
	}
	rejected, in := 0, map[whatchanged.CoverageState]int{}
	for i := range d.Items {
		in[d.Items[i].State]++
		rejected += d.Items[i].Rejected
	}
	if in[whatchanged.CoverageHeard] == len(d.Items) && rejected == 0 {
		return "Every source was heard in the window, and everything they sent was understood."
	}
	var parts []string
	for _, state := range whatchanged.CoverageStates {
		if in[state] > 0 {
			parts = append(parts, fmt.Sprint(in[state], " ", state))
		}
	}
	return fmt.Sprintf("Of %s: %s; %s not understood.", count(len(d.Items), "source"), strings.Join(parts, ", "), countOf(rejected, "delivery was", "deliveries were"))
}

// IDs implements [Answered]: the names of the sources.
func (d *DataHealth) IDs() []string {
	ids := []string{}
	for _, s := range d.Items {
		ids = append(ids, s.Source)
	}
	return ids
}

// Table implements [Answered].
func (d *DataHealth) Table() Table {
	t := Table{Header: []string{"source", "state", "last heard", "silent", "usual gap", "last ran", "connection lost", "deliveries", "rejected", "changes", "lag", "most lag"}, Ours: []string{"state", "last heard", "silent", "usual gap", "last ran", "connection lost", "lag", "most lag"}}
	at := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return stamp(*t)
	}
	for i := range d.Items {
		s := &d.Items[i]
		t.Rows = append(t.Rows, []string{s.Source, string(s.State), at(s.LastHeard), ago(s.SilentSeconds), ago(s.UsualGapSeconds), at(s.LastRun), at(s.LostAt), strconv.Itoa(s.Deliveries),
			strconv.Itoa(s.Rejected), strconv.Itoa(s.Changes), ago(s.LagSeconds), ago(s.MaxLagSeconds)})
	}
	return t
}

func ago(seconds *float64) string {
	if seconds == nil {
		return ""
	}
	return Human(time.Duration(*seconds * float64(time.Second)))
}
