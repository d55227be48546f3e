package resolvers

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
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
	CodeApart      = "NOT_CONNECTED"
	CodeKind       = "KIND"
	CodePlacement  = "PLACEMENT"
	CodeText       = "TEXT"
	CodeUndone     = "UNDONE"
	CodeRevert     = "REVERT"
	CodeBot        = "BOT"
	CodeLast       = "LAST_OF_ACTOR"
	CodeShared     = "SHARED"
	CodeVerdict    = "VERDICT"
	CodeLearned    = "LEARNED"
	CodeInUse      = "CHANGES_USE"
)

// read holds the kinds of entities that a service reads rather than calls.
var read = map[whatchanged.Kind]bool{
	whatchanged.KindFlag: true, whatchanged.KindConfig: true, whatchanged.KindExperiment: true, whatchanged.KindModel: true,
}

// distance is the topology's term: 0 at the scope itself.
func distance(r whatchanged.Reached) float64 {
	if r.Direction == whatchanged.Dependents {
		return against[min(r.Hops, len(against)-1)]
	}
	n := min(r.Hops, len(along)-1)
	if n > 0 && read[r.Ref.Kind] {
		return along[n-1] + perRead
	}
	return along[n]
}

// recency is the term of an event's age alone, in trouble of an entity or that
// is only described.
func (a *asking) recency(e *whatchanged.Event, scoped bool) float64 {
	age := a.onset.Sub(e.EffectiveAt)
	switch {
	case age < 0:
		return afterOnset
	case age < 30*time.Minute:
		return perLogHour[scoped]*math.Log1p(age.Hours()) + withinHalfHour
	}
	return perLogHour[scoped] * math.Log1p(age.Hours())
}

// A term is one part of a score, before anybody needs to read it.
type term struct {
	code  string
	value float64 // rounded, so that what is shown adds up
}

// maxTerms is how many a score can have.
const maxTerms = 13

// rank scores changes and returns them most suspicious first, of equal ones the
// latest.
func (a *asking) rank(all []*suspected, g *ground, f filter, text string) {
	s := newSymptom(text)
	if len(s.words) > 0 {
		for _, l := range all {
			s.look(l)
		}
	}
	for _, l := range all {
		a.weigh(l, g, f, s)
	}
	slices.SortFunc(all, func(l, m *suspected) int {
		if l.score != m.score {
			return cmp.Compare(m.score, l.score)
		}
		return m.event.Key().Compare(l.event.Key()) // not before it is needed: it reads the events
	})
}

// weigh notes the terms of one change. It is asked of every candidate, so it
// writes no texts.
func (a *asking) weigh(l *suspected, g *ground, f filter, s *symptom) {
	n := 0
	add := func(code string, value float64) {
		if value = round(value); value != 0 || code == CodeRecent || code == CodeSame {
			l.terms[n] = term{code, value}
			l.score += value
			n++
		}
	}
	e, scoped := l.event, len(g.near) > 0
	if e.EffectiveAt.After(a.onset) {
		add(CodeAfterOnset, afterOnset)
	} else {
		add(CodeRecent, a.recency(e, scoped)+perLogLater[scoped]*math.Log1p(float64(l.later)))
	}
	if at, ok := g.near[e.Entity]; ok {
		add(closeness(at), distance(at))
	} else if scoped {
		add(CodeApart, apart)
	}
	if n := g.shared[e.Entity]; n > 1 {
		l.sharedBy = n
		add(CodeShared, perShared*math.Log(float64(n)))
	}
	if v, words := s.match(l); v != 0 {
		l.words = words
		add(CodeText, v)
	}
	add(CodeKind, kindPrior[e.Kind])
	if inUse(e.Summary) != "" {
		add(CodeInUse, changesUse)
	}
	if f.asksPlacement() && f.match(e.Placement) == whatchanged.Inside {
		add(CodePlacement, inside)
	}
	if l.undone != "" {
		add(CodeUndone, undone)
	}
	if l.reverts() {
		add(CodeRevert, isRevert)
	}
	if e.Actor != nil && e.Actor.Automation {
		add(CodeBot, byBot)
	}
	if l.last {
		add(CodeLast, lastOfActor)
	}
	if l.said != nil {
		add(CodeVerdict, verdictTerm[l.said.Culprit])
	}
	add(CodeLearned, g.learned[e.Kind])
	l.score = round(l.score)
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
func (a *asking) suspect(l *suspected, near neighbourhood) Suspect {
	e := l.event
	s := Suspect{Change: brief(e), IDs: l.ids(), Path: []whatchanged.Ref{}, Reasons: []Reason{}, Against: []Reason{},
		Score: l.score, SecondsBeforeOnset: a.onset.Sub(e.EffectiveAt).Seconds(), Rollout: whatchanged.RolloutOf(l.events)}
	at, ok := near[e.Entity]
	if ok {
		s.Path, s.Hops = at.Path, at.Hops
	}
	for _, t := range l.terms {
		if t.code == "" {
			break
		}
		r := Reason{Code: t.code, Value: t.value, Text: a.explain(t, l, at), Evidence: []string{e.ID}}
		if t.code == CodeUndone {
			r.Evidence = append(r.Evidence, l.undone)
		}
		if t.code == CodeVerdict {
			r.Evidence = append(r.Evidence, l.said.event.ID)
		}
		if t.value < 0 && t.code != CodeRecent {
			s.Against = append(s.Against, r)
		} else {
			s.Reasons = append(s.Reasons, r)
		}
	}
	return s
}

// explain writes a term for a person.
func (a *asking) explain(t term, l *suspected, at whatchanged.Reached) string {
	e := l.event
	age := a.onset.Sub(e.EffectiveAt)
	switch t.code {
	case CodeRecent:
		if l.later == 0 {
			return fmt.Sprintf("it took effect %s before onset, the last to do so", Human(age))
		}
		return fmt.Sprintf("it took effect %s before onset, with %s since", Human(age), count(l.later, "change"))
	case CodeAfterOnset:
		return fmt.Sprintf("it took effect %s after onset", Human(-age))
	case CodeSame:
		return "it changed " + e.Entity.String() + " itself"
	case CodeDependency:
		return fmt.Sprintf("it changed what %v depends on, %s away", at.Path[0], edges(at.Hops))
	case CodeDependent:
		return fmt.Sprintf("it changed what depends on %v, %s away", at.Path[0], edges(at.Hops))
	case CodeApart:
		return "nothing says that it has to do with what was asked about"
	case CodeKind:
		return fmt.Sprintf("a %s is %s often to blame than other changes", e.Kind, moreOrLess(t.value))
	case CodeInUse:
		return "it says that it changes what is in use: " + Fence(inUse(e.Summary))
	case CodePlacement:
		return "it took effect where it hurts: " + Fence(e.Placement.String())
	case CodeText:
		return "it speaks of what the symptom does: " + Fence(strings.Join(l.words[:min(8, len(l.words))], ", "))
	case CodeUndone:
		return "it was taken back before onset, by " + l.undone
	case CodeRevert:
		return "it takes another change back"
	case CodeBot:
		return "no person made it"
	case CodeLast:
		return "its author changed nothing more before onset"
	case CodeShared:
		return fmt.Sprintf("%d of those that hurt depend on what it changed, or are it", l.sharedBy)
	case CodeVerdict:
		return fmt.Sprintf("%s held it %s of %v", Fence(cmp.Or(actorName(l.said.event.Actor), "somebody")), map[bool]string{true: "the culprit", false: "not the culprit"}[l.said.Culprit], l.said.Incident)
	case CodeLearned:
		return fmt.Sprintf("of what people here held the culprit of incidents, a %s was it %s often than it is among these changes", e.Kind, moreOrLess(t.value))
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

// Human writes a duration the way one says it, in at most two units.
func Human(d time.Duration) string {
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
