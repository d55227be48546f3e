package resolvers

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

const (
	similarAgo   = 2 * 365 * 24 * time.Hour
	maxIncidents = 5000 // changes of incidents that are looked through
	maxSimilar   = 3    // told of
	minSimilar   = 0.35 // less is no likeness

	sameEntity = 1.0 // what it adds to be of the same entity
	nextToIt   = 0.5 // or of one that an edge leads to
)

// A SimilarIncident is one of the past that is like the one asked of, and what
// is recorded of its cause and its end.
type SimilarIncident struct {
	Entity     whatchanged.Ref `json:"entity"`
	StartedAt  time.Time       `json:"startedAt"`
	ResolvedAt *time.Time      `json:"resolvedAt"`
	Summary    string          `json:"summary"`
	Similarity float64         `json:"similarity"`
	Why        []string        `json:"why"`
	CausedBy   []string        `json:"causedBy"` // ids of changes
	FixedBy    []string        `json:"fixedBy"`
	Outcome    string          `json:"outcome"`
	IDs        []string        `json:"ids"`

	of             *incident
	caused, solved []*whatchanged.Event
}

// similar finds the past incidents that are most like one: of the same
// entities or those next to them, or spoken of in the same words.
func (a *asking) similar(own whatchanged.Ref, scope []whatchanged.Ref, near neighbourhood, text string, x *excluded) ([]SimilarIncident, error) {
	page, err := a.index.Changes(a.ctx, a.seeing(a.interval.To), whatchanged.Selection{Kinds: []whatchanged.EventKind{whatchanged.Incident},
		Interval: whatchanged.Interval{From: latest(whatchanged.MinTime, a.onset.Add(-similarAgo)), To: a.interval.To}, Descending: true, Limit: maxIncidents})
	if err != nil {
		return nil, err
	}
	x.add(ReasonBeyondLimit, page.Total-len(page.Events))
	past := slices.DeleteFunc(incidentsOf(page.Events), func(in *incident) bool { return in.ref == own || !in.started.Before(a.onset) })
	likeness := newLikeness(text, past)
	out := []SimilarIncident{}
	for i, in := range past {
		s := SimilarIncident{Entity: in.ref, StartedAt: in.started, ResolvedAt: in.ended, Summary: in.summary, Why: []string{}, CausedBy: []string{}, FixedBy: []string{}, IDs: in.ids(), of: in}
		s.shares(in, scope, near)
		value, words := likeness.match(i)
		if len(words) > 0 {
			s.Similarity += value
			s.Why = append(s.Why, "words: "+strings.Join(words[:min(len(words), 6)], ", "))
		}
		if s.Similarity = round(s.Similarity); s.Similarity >= minSimilar {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(s, u SimilarIncident) int { return cmp.Compare(u.Similarity, s.Similarity) })
	out = out[:min(len(out), maxSimilar)]
	return out, a.explainPast(out)
}

// shares says what a past incident and this one are both of.
func (s *SimilarIncident) shares(in *incident, scope []whatchanged.Ref, near neighbourhood) {
	best := 0.0
	for _, ref := range in.about {
		at, ok := near[ref]
		switch {
		case slices.Contains(scope, ref):
			best = max(best, sameEntity)
			s.Why = append(s.Why, "of "+ref.String())
		case ok && at.Hops <= 1:
			best = max(best, nextToIt)
			s.Why = append(s.Why, "of "+ref.String()+", next to it")
		}
	}
	s.Similarity += best
}

// A likeness compares texts with one by the words they share: BM25 (Robertson
// and Zaragoza 2009, k1 = 1.2, b = 0.75), as a share of what the same text
// would have, so that 1 is the same words.
type likeness struct {
	*symptom
	docs   [][]int // how often each word of the symptom stands in each text
	length []float64
	mean   float64
}

func newLikeness(text string, past []*incident) *likeness {
	l := &likeness{symptom: newSymptom(text)}
	at := map[string]int{}
	for i, w := range l.words {
		at[w] = i
	}
	for _, in := range past {
		doc, n := make([]int, len(l.words)), 0.0
		eachWord(in.text(), func(w string) {
			n++
			if i, ok := at[w]; ok {
				doc[i]++
			}
		})
		for i, c := range doc {
			l.count[i] += min(c, 1)
		}
		l.docs, l.length, l.mean = append(l.docs, doc), append(l.length, n), l.mean+n
	}
	l.of = len(past)
	l.mean /= max(1, float64(l.of))
	return l
}

// match returns the likeness of a text, and the words that make it.
func (l *likeness) match(doc int) (value float64, words []string) {
	got, all := 0.0, 0.0
	for i, n := range l.docs[doc] {
		idf := l.rarity(i)
		all += idf
		if n > 0 {
			got += idf * float64(n) * 2.2 / (float64(n) + 1.2*(0.25+0.75*l.length[doc]/l.mean))
			words = append(words, l.words[i])
		}
	}
	if got == 0 {
		return 0, nil
	}
	return min(1, got/all), words
}

// explainPast adds what is recorded to have caused and ended past incidents:
// three reads, however many there are.
func (a *asking) explainPast(all []SimilarIncident) error {
	verdicts, err := a.verdicts()
	if err != nil {
		return err
	}
	var ids []string
	for i := range all {
		all[i].of.judge(verdicts)
	}
	for i := range all {
		ids = append(append(ids, all[i].of.causes()...), all[i].of.names(fixAttributes)...)
	}
	known, err := a.revisions(a.view.KnownAt, ids)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].caused, all[i].solved = those(all[i].of.causes(), known), those(all[i].of.names(fixAttributes), known)
	}
	if err := a.addReverts(all); err != nil {
		return err
	}
	for i := range all {
		s := &all[i]
		s.CausedBy, s.FixedBy = idsOf(s.caused), idsOf(s.solved)
		s.Outcome = outcome("caused", s.caused) + "; " + outcome("fixed", s.solved)
	}
	return nil
}

// those returns the events of ids, as far as they are known.
func those(ids []string, known map[string]*whatchanged.Event) (events []*whatchanged.Event) {
	for _, id := range ids {
		if e := known[id]; e != nil {
			events = append(events, e)
		}
	}
	return events
}

func idsOf(events []*whatchanged.Event) []string {
	ids := []string{}
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

// addReverts takes what reverted the cause of an incident to have ended it.
func (a *asking) addReverts(all []SimilarIncident) error {
	var refs []whatchanged.Ref
	first := a.interval.To
	for i := range all {
		for _, e := range all[i].caused {
			refs, first = append(refs, e.Entity), earliest(first, e.EffectiveAt)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	refs = slices.Compact(slices.SortedFunc(slices.Values(refs), whatchanged.Ref.Compare))
	page, err := a.index.Changes(a.ctx, a.seeing(a.interval.To), whatchanged.Selection{Entities: refs, Interval: whatchanged.Interval{From: first, To: a.interval.To}, Limit: maxCard})
	if err != nil {
		return err
	}
	for _, e := range page.Events {
		for i := range all {
			s := &all[i]
			taken := suspected{events: s.caused}
			if e.Reverts != "" && slices.Contains(taken.names(), e.Reverts) && !slices.ContainsFunc(s.solved, func(f *whatchanged.Event) bool { return f.ID == e.ID }) {
				s.solved = append(s.solved, e)
			}
		}
	}
	return nil
}

// outcome tells in words what is recorded to have caused or fixed something.
func outcome(did string, events []*whatchanged.Event) string {
	if len(events) == 0 {
		return "what " + did + " it is not recorded"
	}
	var parts []string
	for _, e := range events {
		parts = append(parts, Fence(string(e.Kind))+" "+Fence(e.Action)+" of "+e.Entity.String()+" ("+Fence(e.ID)+")")
	}
	return did + " by " + strings.Join(parts, ", ")
}
