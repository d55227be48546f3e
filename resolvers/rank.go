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
	d := float64(r.Hops) * perHop
	if r.Hops > 0 && r.Direction == whatchanged.DependsOn && read[r.Ref.Kind] {
		d += perRead - perHop
	}
	if r.Direction == whatchanged.Dependents && r.Hops > 0 {
		d += backwards
	}
	return d
}

// suspect scores one change.
func (a *asking) suspect(e *whatchanged.Event, near neighbourhood, f filter) Suspect {
	s := Suspect{Change: brief(e), Path: []whatchanged.Ref{}, Reasons: []Reason{}, Against: []Reason{},
		SecondsBeforeOnset: a.onset.Sub(e.EffectiveAt).Seconds()}
	s.term(a.recency(e))
	if at, ok := near[e.Entity]; ok {
		s.Path, s.Hops = at.Path, at.Hops
		s.term(closeness(e, at))
	}
	if p := kindPrior[e.Kind]; p != 0 {
		s.term(Reason{Code: CodeKind, Value: p, Text: fmt.Sprintf("a %s is %s often to blame than other changes", e.Kind, moreOrLess(p))})
	}
	if f.asksPlacement() && f.match(e.Placement) == whatchanged.Inside {
		s.term(Reason{Code: CodePlacement, Value: inside, Text: "it took effect where it hurts: " + e.Placement.String()})
	}
	s.Score = round(s.Score)
	return s
}

// term adds one reason, for or against.
func (s *Suspect) term(r Reason) {
	r.Value, r.Evidence = round(r.Value), []string{s.Change.ID}
	s.Score += r.Value
	if r.Value < 0 && r.Code != CodeRecent {
		s.Against = append(s.Against, r)
		return
	}
	s.Reasons = append(s.Reasons, r)
}

func (a *asking) recency(e *whatchanged.Event) Reason {
	age := a.onset.Sub(e.EffectiveAt)
	if age < 0 {
		return Reason{Code: CodeAfterOnset, Value: afterOnset, Text: fmt.Sprintf("it took effect %s after onset", human(-age))}
	}
	return Reason{Code: CodeRecent, Value: -math.Log1p(age.Hours()), Text: fmt.Sprintf("it took effect %s before onset", human(age))}
}

func closeness(e *whatchanged.Event, at whatchanged.Reached) Reason {
	switch {
	case at.Hops == 0:
		return Reason{Code: CodeSame, Text: "it changed " + e.Entity.String() + " itself"}
	case at.Direction == whatchanged.Dependents:
		return Reason{Code: CodeDependent, Value: distance(at), Text: fmt.Sprintf("it changed what depends on %v, %s away", at.Path[0], edges(at.Hops))}
	}
	return Reason{Code: CodeDependency, Value: distance(at), Text: fmt.Sprintf("it changed what %v depends on, %s away", at.Path[0], edges(at.Hops))}
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
