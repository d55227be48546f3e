package resolvers

import (
	"fmt"
	"math"
	"time"

	"whatchanged.dev/whatchanged"
)

// The score of a suspect is a sum of terms in log-odds. Every weight stands
// here; every term that is not zero is returned with the suspect.
var (
	// perHop is what each edge away along "depends on" costs.
	perHop = math.Log(0.35)
	// perRead is what the last edge costs when it leads to what a service reads,
	// a flag or a config: changing that is changing the service.
	perRead = math.Log(0.8)
	// backwards is what it costs to be a dependent instead: trouble travels
	// from what is needed to what needs it, seldom the other way.
	backwards = math.Log(0.15)
	// afterOnset is what it costs to come after the trouble. It is not
	// minus infinity, because onsets are estimates.
	afterOnset = math.Log(0.05)
	// inside is what it adds to be known to be where it hurts.
	inside = math.Log(1.6)

	// kindPrior is how much more, or less, than others a kind of change is to
	// blame, before anything else is known.
	kindPrior = map[whatchanged.EventKind]float64{
		whatchanged.Deployment: 0.4, whatchanged.RolloutKind: 0.4, whatchanged.Flag: 0.5, whatchanged.Config: 0.5,
		whatchanged.Model: 0.3, whatchanged.Experiment: 0.2, whatchanged.Infrastructure: 0.3, whatchanged.Scale: 0,
		whatchanged.Topology: -0.5, whatchanged.Artifact: -1, whatchanged.Release: -0.7, whatchanged.Pipeline: -1.2,
		whatchanged.Commit: -1, whatchanged.Ownership: -2.5,
	}
)

// A Reason is a term of a score.
type Reason struct {
	Code     string   `json:"code"`
	Value    float64  `json:"value"` // log-odds
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"` // ids of the changes that show it
}

// The codes of the terms.
const (
	CodeRecent     = "RECENT"
	CodeAfterOnset = "AFTER_ONSET"
	CodeSame       = "SAME_ENTITY"
	CodeDependency = "DEPENDENCY"
	CodeDependent  = "DEPENDENT"
	CodeKind       = "KIND"
	CodePlacement  = "PLACEMENT"
)

// read holds the kinds of entities that a service reads rather than calls.
var read = map[whatchanged.Kind]bool{
	whatchanged.KindFlag: true, whatchanged.KindConfig: true, whatchanged.KindExperiment: true, whatchanged.KindModel: true,
}

// distance is the topology's term: 0 at the scope itself.
func distance(r whatchanged.Reached) float64 {
	if r.Hops == 0 {
		return 0 // and not minus zero, which is written otherwise
	}
	d := float64(r.Hops) * perHop
	if r.Direction == whatchanged.DependsOn && read[r.Ref.Kind] {
		d += perRead - perHop
	}
	if r.Direction == whatchanged.Dependents {
		d += backwards
	}
	return d
}

// A term is one part of a score, before anybody needs to read it.
type term struct {
	code  string
	value float64 // rounded, so that what is shown adds up
}

// weigh returns the terms of one change. It is asked of every candidate, so it
// writes no texts.
func (a *asking) weigh(e *whatchanged.Event, near neighbourhood, f filter) (terms [4]term, score float64) {
	n := 0
	add := func(code string, value float64) {
		terms[n] = term{code, round(value)}
		score += terms[n].value
		n++
	}
	if age := a.onset.Sub(e.EffectiveAt); age < 0 {
		add(CodeAfterOnset, afterOnset)
	} else {
		add(CodeRecent, -math.Log1p(age.Hours()))
	}
	if at, ok := near[e.Entity]; ok {
		add(closeness(at), distance(at))
	}
	if p := kindPrior[e.Kind]; p != 0 {
		add(CodeKind, p)
	}
	if f.asksPlacement() && f.match(e.Placement) == whatchanged.Inside {
		add(CodePlacement, inside)
	}
	return terms, round(score)
}

func closeness(at whatchanged.Reached) string {
	switch {
	case at.Hops == 0:
		return CodeSame
	case at.Direction == whatchanged.Dependents:
		return CodeDependent
	}
	return CodeDependency
}

// suspect tells of one change what weighed for and against it.
func (a *asking) suspect(e *whatchanged.Event, near neighbourhood, f filter) Suspect {
	s := Suspect{Change: brief(e), Path: []whatchanged.Ref{}, Reasons: []Reason{}, Against: []Reason{},
		SecondsBeforeOnset: a.onset.Sub(e.EffectiveAt).Seconds()}
	at, ok := near[e.Entity]
	if ok {
		s.Path, s.Hops = at.Path, at.Hops
	}
	var terms [4]term
	terms, s.Score = a.weigh(e, near, f)
	for _, t := range terms {
		r := Reason{Code: t.code, Value: t.value, Text: a.explain(t, e, at), Evidence: []string{e.ID}}
		switch {
		case t.code == "":
		case t.value < 0 && t.code != CodeRecent:
			s.Against = append(s.Against, r)
		default:
			s.Reasons = append(s.Reasons, r)
		}
	}
	return s
}

// explain writes a term for a person.
func (a *asking) explain(t term, e *whatchanged.Event, at whatchanged.Reached) string {
	age := a.onset.Sub(e.EffectiveAt)
	switch t.code {
	case CodeRecent:
		return fmt.Sprintf("it took effect %s before onset", human(age))
	case CodeAfterOnset:
		return fmt.Sprintf("it took effect %s after onset", human(-age))
	case CodeSame:
		return "it changed " + e.Entity.String() + " itself"
	case CodeDependency:
		return fmt.Sprintf("it changed what %v depends on, %s away", at.Path[0], edges(at.Hops))
	case CodeDependent:
		return fmt.Sprintf("it changed what depends on %v, %s away", at.Path[0], edges(at.Hops))
	case CodeKind:
		return fmt.Sprintf("a %s is %s often to blame than other changes", e.Kind, moreOrLess(t.value))
	case CodePlacement:
		return "it took effect where it hurts: " + e.Placement.String()
	}
	return ""
}

func moreOrLess(v float64) string {
	if v > 0 {
		return "more"
	}
	return "less"
}

func edges(n int) string {
	if n == 1 {
		return "1 edge"
	}
	return fmt.Sprintf("%d edges", n)
}

// round keeps scores readable, and equal on every machine.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// human writes a duration the way one says it, in at most two units.
func human(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}
