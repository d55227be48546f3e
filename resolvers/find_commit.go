package resolvers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// FindCommitInput asks where a commit is live.
type FindCommitInput struct {
	Commit      string                `json:"commit"`
	Repository  *string               `json:"repository"`
	Environment *string               `json:"environment"`
	Regions     []string              `json:"regions"`
	AsOf        *whatchanged.When     `json:"asOf"`
	KnownAt     *whatchanged.When     `json:"knownAt"`
	After       *whatchanged.Position `json:"after"`
	Limit       int                   `json:"limit"`
	Cursor      *string               `json:"cursor"`
}

// FindCommit answers FindCommitInput: by service and placement.
type FindCommit struct {
	Envelope
	Live    string        `json:"live"`
	Commits []FoundCommit `json:"commits"`
	Items   []CommitPlace `json:"items"`
}

// A FoundCommit is a commit that was asked for, or a version of which no
// commit is known.
type FoundCommit struct {
	Commit     string           `json:"commit"`
	Repository *whatchanged.Ref `json:"repository"`
	Summary    string           `json:"summary"`
	LandedAt   *time.Time       `json:"landedAt"`
	ID         string           `json:"id"`
	RevertedBy []string         `json:"revertedBy"`
}

// A CommitPlace is what a service runs in a placement, and how that stands to
// the commit.
type CommitPlace struct {
	Service   whatchanged.Ref       `json:"service"`
	Placement whatchanged.Placement `json:"placement"`
	Train     string                `json:"train"`
	State     CommitState           `json:"state"`
	Version   string                `json:"version"`
	Since     *time.Time            `json:"since"`
	Rollout   string                `json:"rollout"`
	Why       string                `json:"why"`
	Evidence  []string              `json:"evidence"`
}

// A CommitState says how a commit stands in a placement.
type CommitState string

// The states. Reverted is there together with what undoes it; rolled back was
// there, or on its way, until something older came; superseded until something
// from another line did.
const (
	CommitLive         CommitState = "live"
	CommitInProgress   CommitState = "inProgress"
	CommitPartly       CommitState = "partly"
	CommitReverted     CommitState = "reverted"
	CommitRolledBack   CommitState = "rolledBack"
	CommitSuperseded   CommitState = "superseded"
	CommitNeverShipped CommitState = "neverShipped"
	CommitUnknown      CommitState = "unknown"
)

// commitStates in the order in which a verdict tells of them.
var commitStates = []struct {
	state CommitState
	words string
}{
	{CommitInProgress, "in progress in"}, {CommitPartly, "in part in"}, {CommitReverted, "reverted in"}, {CommitRolledBack, "rolled back in"},
	{CommitSuperseded, "superseded in"}, {CommitNeverShipped, "never shipped to"}, {CommitUnknown, "unknown in"},
}

// FindCommit tells where a commit is live.
func (r *Resolver) FindCommit(ctx context.Context, in FindCommitInput) (*FindCommit, error) {
	return ask(ctx, r, "findCommit", in, (*asking).findCommit)
}

func (a *asking) findCommit(in FindCommitInput) (*FindCommit, error) {
	if err := checkLimit(in.Limit, 500); err != nil {
		return nil, err
	}
	f, err := filterOf(in.Environment, in.Regions, nil)
	if err != nil {
		return nil, err
	}
	if err := a.begin(in, times{Until: in.AsOf, KnownAt: in.KnownAt, After: in.After, Lookback: rolloutsAgo, Cursor: in.Cursor}); err != nil {
		return nil, err
	}
	sought, err := a.seek(strings.TrimSpace(in.Commit), strings.TrimSpace(deref(in.Repository)))
	if err != nil {
		return nil, err
	}
	x := sought.left
	places, err := a.commitPlaces(sought, &x)
	if err != nil {
		return nil, err
	}
	var of []whatchanged.Ref
	for i := range places {
		of = append(of, places[i].Service)
	}
	out := &FindCommit{Commits: sought.found}
	if out.Envelope, err = a.envelope(of...); err != nil {
		return nil, err
	}
	kept := []CommitPlace{}
	for _, p := range places {
		if f.match(p.Placement) == whatchanged.Outside {
			x.add(ReasonOtherPlacement, 1)
			continue
		}
		kept = append(kept, p)
	}
	from, to, more := a.page(len(kept), in.Limit)
	out.Items, out.Total, out.Truncated = kept[from:to:to], len(kept), more
	if more {
		out.Cursor = a.cursorAt(to)
	}
	out.asking = a
	out.Excluded = x.list()
	out.Quoted = []string{"commits.summary"}
	out.Live = liveIn(kept)
	out.Verdict = out.whereabouts(kept)
	out.Next = a.afterFindCommit(out)
	return out, nil
}

// liveIn sums up the places: yes only if it is live in every one.
func liveIn(places []CommitPlace) string {
	in := map[CommitState]int{}
	for _, p := range places {
		in[p.State]++
	}
	switch live := in[CommitLive]; {
	case len(places) == 0, live == 0 && in[CommitPartly] == 0 && in[CommitUnknown] > 0:
		return "unknown"
	case live == len(places):
		return "yes"
	case live > 0 || in[CommitPartly] > 0:
		return "partly"
	}
	return "no"
}

// whereabouts is the verdict.
func (f *FindCommit) whereabouts(places []CommitPlace) string {
	what := f.what()
	if len(places) == 0 {
		return fmt.Sprintf("Unknown: nothing recorded tells where what has %s runs%s. Coverage: %s.", what, besides(f.Excluded), f.Coverage.Text)
	}
	by := map[CommitState][]string{}
	for _, p := range places {
		by[p.State] = append(by[p.State], p.where())
	}
	live := len(by[CommitLive])
	s := map[string]string{
		"yes":     "Yes: %s is live everywhere: in %d of %s",
		"no":      "No: %s is live nowhere: in %d of %s",
		"partly":  "Partly: %s is live in %d of %s",
		"unknown": "Unknown: %s is known to be live in %d of %s",
	}[f.Live]
	s = fmt.Sprintf(s, what, live, count(len(places), "place"))
	if live > 0 && live < len(places) {
		s += " (" + several(by[CommitLive]) + ")"
	}
	for _, st := range commitStates {
		if len(by[st.state]) > 0 {
			s += "; " + st.words + " " + several(by[st.state])
		}
	}
	return s + besides(f.Excluded) + "."
}

func (f *FindCommit) what() string {
	var names []string
	for _, c := range f.Commits {
		names = append(names, shortCommit(c.Commit))
	}
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

func shortCommit(s string) string {
	if whatchanged.IsCommit(s) {
		return s[:min(10, len(s))]
	}
	return clip(s)
}

func (p *CommitPlace) where() string {
	return strings.TrimSpace(p.Service.Name + " " + p.Placement.String())
}

// several lists a few of many.
func several(all []string) string {
	if n := len(all) - 4; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:4], ", "), n)
	}
	return strings.Join(all, ", ")
}

func (a *asking) afterFindCommit(f *FindCommit) []Call {
	next := []Call{}
	for _, c := range f.Commits {
		if c.ID != "" {
			next = append(next, a.call("change", "the commit itself", map[string]any{"ids": []string{c.ID}}))
			break
		}
	}
	services := map[string]bool{}
	for i := range f.Items {
		if p := &f.Items[i]; p.State == CommitInProgress || p.Rollout != "" {
			services[p.Service.String()] = true
		}
	}
	if len(services) > 0 {
		scope := slices.Sorted(maps.Keys(services))
		next = append(next, a.call("rollouts", "how the rollouts of it stand", map[string]any{"scope": scope[:min(len(scope), maxScope)], "hops": 0, "state": "ALL", "asOf": a.view.AsOf}))
	}
	return next
}

// Len implements [Paged].
func (f *FindCommit) Len() int { return len(f.Items) }

// Cut implements [Paged].
func (f *FindCommit) Cut(n int) { f.Items = f.Items[:n:n]; f.cutAt(n) }

// IDs implements [Answered].
func (f *FindCommit) IDs() []string {
	ids := []string{}
	for _, c := range f.Commits {
		if c.ID != "" {
			ids = append(ids, c.ID)
		}
	}
	for i := range f.Items {
		ids = append(ids, f.Items[i].Evidence...)
	}
	return ids
}

// Table implements [Answered]: the places, then the commits.
func (f *FindCommit) Table() Table {
	t := Table{Header: []string{"what", "where", "train", "state", "version", "since", "rollout", "why", "ids"}, Ours: []string{"state", "since"}, Lists: []string{"ids"}}
	moment := func(at *time.Time) string {
		if at == nil {
			return ""
		}
		return stamp(*at)
	}
	for i := range f.Items {
		p := &f.Items[i]
		t.Rows = append(t.Rows, []string{p.Service.String(), p.Placement.String(), p.Train, string(p.State), p.Version, moment(p.Since), p.Rollout, p.Why, strings.Join(p.Evidence, "\n")})
	}
	for _, c := range f.Commits {
		where, why := "", c.Summary
		if c.Repository != nil {
			where = c.Repository.String()
		}
		if len(c.RevertedBy) > 0 {
			why += " (reverted by " + strings.Join(c.RevertedBy, ", ") + ")"
		}
		t.Rows = append(t.Rows, []string{"commit", where, "", "", c.Commit, moment(c.LandedAt), "", why, c.ID})
	}
	return t
}
