package eval

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"

	"whatchanged.dev/whatchanged"
)

// The methods that the product is compared with.
const (
	MostRecent     = "most recent"
	MostRecentSame = "most recent on the same entity"
	TextAndAge     = "BM25/5 - ln(age)"
)

// candidates are the changes of a case's window, latest first, without parts.
func (w *World) candidates(c Case) []*whatchanged.Event {
	var all []*whatchanged.Event
	from := c.At.Add(-c.Window)
	for i := len(w.Events) - 1; i >= 0; i-- {
		e := &w.Events[i]
		if e.Kind != whatchanged.Topology && e.Parent == "" && !e.EffectiveAt.Before(from) && e.EffectiveAt.Before(c.At) {
			all = append(all, e)
		}
	}
	return all
}

// baselines returns the culprit's rank by each method.
func (w *World) baselines(tier string, c Case) map[string]int {
	all := w.candidates(c)
	rank := func(score func(*whatchanged.Event) float64) int {
		ordered := slices.Clone(all)
		scores := map[*whatchanged.Event]float64{}
		for _, e := range all {
			scores[e] = score(e)
		}
		slices.SortStableFunc(ordered, func(a, b *whatchanged.Event) int { return cmp.Compare(scores[b], scores[a]) })
		return 1 + slices.IndexFunc(ordered, func(e *whatchanged.Event) bool { return isOf(e.ID, c.Truth) })
	}
	out := map[string]int{MostRecent: rank(func(*whatchanged.Event) float64 { return 0 })}
	if tier == TierEntity {
		touched := w.touched()
		out[MostRecentSame] = rank(func(e *whatchanged.Event) float64 {
			if slices.ContainsFunc(c.Scope, func(r whatchanged.Ref) bool { return slices.Contains(touched[e.ID], r) }) {
				return 1
			}
			return 0
		})
	}
	match := bm25(c.Text, all)
	out[TextAndAge] = rank(func(e *whatchanged.Event) float64 { return match(e)/5 - math.Log1p(c.At.Sub(e.EffectiveAt).Hours()) })
	return out
}

// touched returns the entities of each change.
func (w *World) touched() map[string][]whatchanged.Ref {
	out := map[string][]whatchanged.Ref{}
	for i := range w.Events {
		e := &w.Events[i]
		id := e.ID
		if e.Parent != "" {
			id = e.Parent
		}
		out[id] = append(out[id], e.Entity)
	}
	return out
}

// bm25 returns the plain match of a text with a change's summary, names and
// terms (k1 = 1.2, b = 0), by words as they stand.
func bm25(text string, all []*whatchanged.Event) func(*whatchanged.Event) float64 {
	wanted := map[string]float64{}
	for _, w := range wordsOf(text) {
		wanted[w] = 0
	}
	in := map[*whatchanged.Event]map[string]float64{}
	for _, e := range all {
		in[e] = map[string]float64{}
		for _, w := range wordsOf(e.Summary + " " + e.Entity.Name + " " + pathsOf(e)) {
			if _, ok := wanted[w]; ok {
				in[e][w]++
			}
		}
		for w := range in[e] {
			wanted[w]++
		}
	}
	n := float64(len(all))
	return func(e *whatchanged.Event) (sum float64) {
		for w, f := range in[e] {
			sum += math.Log(1+(n-wanted[w]+0.5)/(wanted[w]+0.5)) * f * 2.2 / (f + 1.2)
		}
		return sum
	}
}

func pathsOf(e *whatchanged.Event) string {
	var b strings.Builder
	for _, d := range e.Diff {
		b.WriteString(d.Path + " ")
	}
	return b.String()
}

func wordsOf(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
}
