package eval

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// ReadIncidents reads the set in a folder: cases.jsonl and truth.jsonl, each
// compressed by gzip or not. Either the cases name the estate whose changes
// stand in changes.ESTATE.jsonl, with topology.ESTATE.jsonl in the folder or the
// one above, or each case holds its own changes and topology. The entities that
// hurt stand in displaced.jsonl, or in the case. A file that is not there is
// NOT_FOUND, one that cannot be read INVALID_ARGUMENT.
func ReadIncidents(dir string) ([]World, error) {
	cases, err := lines[rawCase](dir, "cases.jsonl")
	if err != nil {
		return nil, err
	}
	truths, err := lines[rawTruth](dir, "truth.jsonl")
	if err != nil {
		return nil, err
	}
	displaced, err := optional[rawDisplaced](dir, "displaced.jsonl")
	if err != nil {
		return nil, err
	}
	r := reader{dir: dir, truth: map[string]rawTruth{}, entity: map[string]string{}}
	for _, t := range truths {
		r.truth[t.Case] = t
	}
	for _, d := range displaced {
		r.entity[d.Case] = d.Entity
	}
	return r.worlds(cases)
}

type reader struct {
	dir    string
	truth  map[string]rawTruth
	entity map[string]string // of the displaced cases
}

// The lines of the files, as far as they are read.
type (
	rawCase struct {
		Case     string
		Estate   string
		Window   float64 `json:"window_hours"`
		Topology [][]string
		Changes  []rawChange
		Incident struct {
			T       time.Time
			Text    string
			Entity  string
			Symptom string
			Failing []struct {
				Dst  string
				Fail float64
			} `json:"failing_edges"`
			Patterns []struct{ Text string }
		}
	}
	rawTruth struct {
		Case  string
		Truth []string
		Lag   float64 `json:"lag_s"`
	}
	rawDisplaced struct{ Case, Entity string }
	rawChange    struct {
		ID       string
		T        time.Time
		Src      string
		Kind     string
		Entity   string
		Entities []string
		Actor    string
		Subject  string
		Summary  string
		Terms    []string
		Files    json.RawMessage
		Reverts  []string
		Commit   string
		Stages   []struct {
			T          time.Time
			New, Total float64
			Completed  *time.Time
		}
	}
	rawEdge struct{ Frm, To, Type string }
)

func (r reader) worlds(cases []rawCase) ([]World, error) {
	by := map[string]*World{}
	for _, c := range cases {
		name := cmp.Or(c.Estate, c.Case)
		w := by[name]
		if w == nil {
			w = &World{Name: name}
			by[name] = w
			if err := r.tell(w, c); err != nil {
				return nil, err
			}
		}
		w.Cases = append(w.Cases, r.incident(w.Name, c))
	}
	var all []World
	for _, name := range slices.Sorted(maps.Keys(by)) {
		all = append(all, *by[name])
	}
	return all, nil
}

// tell reads the changes and the topology of a world.
func (r reader) tell(w *World, c rawCase) error {
	changes, edges := c.Changes, []rawEdge{}
	if c.Estate != "" {
		var err error
		if changes, err = lines[rawChange](r.dir, "changes."+c.Estate+".jsonl"); err != nil {
			return err
		}
		for _, dir := range []string{r.dir, filepath.Dir(filepath.Clean(r.dir))} {
			more, err := optional[rawEdge](dir, "topology."+c.Estate+".jsonl")
			if err != nil {
				return err
			}
			edges = append(edges, more...)
		}
	}
	for _, e := range c.Topology {
		if len(e) == 2 {
			edges = append(edges, rawEdge{e[0], e[1], "depends_on"})
		}
	}
	slices.SortStableFunc(changes, func(a, b rawChange) int { return a.T.Compare(b.T) })
	for i, e := range edges {
		w.Events = append(w.Events, edge(w.Name, i, e))
	}
	for _, c := range changes {
		w.Events = append(w.Events, events(w.Name, c)...)
	}
	return nil
}

func (r reader) incident(world string, c rawCase) Case {
	truth := r.truth[c.Case]
	i := c.Incident
	out := Case{Name: c.Case, At: i.T.UTC(), Window: time.Duration(cmp.Or(c.Window, 168) * float64(time.Hour)),
		Text: cmp.Or(i.Text, i.Symptom), Delay: time.Duration(truth.Lag * float64(time.Second))}
	for _, p := range i.Patterns {
		out.Text += "\n" + p.Text
	}
	hurting := cmp.Or(r.entity[c.Case], i.Entity)
	worst := 0.0
	for _, f := range i.Failing {
		worst = max(worst, f.Fail)
	}
	for _, f := range i.Failing { // whoever cannot be called hurts more than who calls; few failures are an echo
		if f.Fail > 0 && f.Fail >= worst/10 {
			out.Scope, hurting = append(out.Scope, entity(f.Dst)), ""
		}
	}
	if hurting != "" {
		out.Scope = []whatchanged.Ref{entity(hurting)}
	}
	for _, id := range truth.Truth {
		out.Truth = append(out.Truth, changeID(world, id))
	}
	return out
}

// entity reads kind:name; a name alone is a service's.
func entity(s string) whatchanged.Ref {
	kind, name, ok := strings.Cut(s, ":")
	if !ok {
		return whatchanged.RefOf(whatchanged.KindService, s)
	}
	return whatchanged.RefOf(whatchanged.Kind(kind), strings.Trim(name, ":"))
}

// edge is told as of the beginning of time: the sets know one topology.
func edge(world string, n int, e rawEdge) whatchanged.Event {
	return whatchanged.Event{ID: fmt.Sprintf("incidents/%s/edge/%d", world, n), Kind: whatchanged.Topology, Action: "declared", Entity: entity(e.Frm),
		EffectiveAt: whatchanged.MinTime, Clock: whatchanged.SourceClock,
		Dependency: &whatchanged.Dependency{To: entity(e.To), Evidence: whatchanged.Declared}}
}

var kinds = map[string]whatchanged.EventKind{
	"deploy": whatchanged.Deployment, "infra": whatchanged.Infrastructure, "pool": whatchanged.Scale, "rollout": whatchanged.RolloutKind,
}

// events tells of a change, one event for each entity it touched, as a source
// would: the first stands for it, the others are its parts.
func events(world string, c rawChange) []whatchanged.Event {
	first := whatchanged.Event{ID: changeID(world, c.ID), Kind: whatchanged.EventKind(c.Kind), Action: "changed",
		EffectiveAt: c.T.UTC(), Clock: whatchanged.SourceClock, Summary: cmp.Or(c.Subject, c.Summary)}
	if k, ok := kinds[c.Kind]; ok {
		first.Kind = k
	}
	if c.Actor != "" {
		first.Actor = &whatchanged.Actor{Name: c.Actor, Automation: c.Actor == "bot"}
	}
	if c.Commit != "" {
		first.Commits = []string{c.Commit}
	}
	var files []string
	if json.Unmarshal(c.Files, &files) == nil { // a number in the other layout
		c.Terms = append(files, c.Terms...)
	}
	if c.Kind == "commit" {
		first.Version, first.Commits = c.ID, []string{c.ID}
	}
	for _, t := range c.Terms {
		first.Diff = append(first.Diff, whatchanged.Edit{Op: "replace", Path: "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(t)})
	}
	if len(c.Stages) > 0 {
		s := c.Stages[len(c.Stages)-1]
		share := s.New / max(s.Total, 1)
		first.Rollout = &whatchanged.RolloutStep{ID: c.ID, Phase: whatchanged.PhaseProgressing, Share: &share}
	}
	return parts(world, first, c)
}

// parts makes one event for each entity, and for each change taken back.
func parts(world string, first whatchanged.Event, c rawChange) []whatchanged.Event {
	touched := c.Entities
	if c.Entity != "" {
		touched = []string{c.Entity}
	}
	if len(touched) == 0 {
		touched = []string{"repository:" + world + "/" + cmp.Or(c.Src, "repository")}
	}
	var all []whatchanged.Event
	for i := range max(len(touched), len(c.Reverts)) {
		e := first
		e.Entity = entity(touched[min(i, len(touched)-1)])
		if i < len(c.Reverts) {
			e.Reverts = changeID(world, c.Reverts[i])
		}
		if i > 0 {
			e.ID, e.Parent, e.Diff = fmt.Sprintf("%s/%d", first.ID, i), first.ID, nil
		}
		all = append(all, e)
	}
	return all
}

// lines reads a file of JSON lines.
func lines[T any](dir, name string) (all []T, err error) {
	err = readLines(dir, name, func(v T) error {
		all = append(all, v)
		return nil
	})
	return all, err
}

// optional is lines of a file that need not be there.
func optional[T any](dir, name string) ([]T, error) {
	all, err := lines[T](dir, name)
	if errors.Is(err, whatchanged.ErrNotFound) {
		return nil, nil
	}
	return all, err
}
