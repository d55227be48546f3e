package resolvers

import (
	"math"
	"strings"
	"unicode"

	"whatchanged.dev/whatchanged"
)

// A symptom is what people wrote of the trouble, as the words to look for in
// changes. Words are compared by their stems, and identifiers by their parts
// as well: "wgMaxUploadSize" holds "upload".
type symptom struct {
	words []string // stems, each once
	count []int    // in how many changes each stands
	of    int      // how many changes there are
}

// common are words that tell nothing about what went wrong.
var common = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`a an and are as at be but by for from has have i if in into is it its of on or our so that the their then there these this
		to was we were will with which can not no now do does did don doesn isn t s ve re ll revert reverts reverted reverting commit change changes because due this
		need needs should would could been when`) {
		m[w] = true
	}
	return m
}()

func newSymptom(text string) *symptom {
	s := &symptom{}
	seen := map[string]bool{}
	eachWord(text, func(w string) {
		if !seen[w] && len(s.words) < 200 {
			seen[w] = true
			s.words = append(s.words, w)
		}
	})
	s.count = make([]int, len(s.words))
	return s
}

// eachWord hands over the words of a text: each token that is not of letters
// and digits alone, its parts, and the parts that a change of case tells apart.
func eachWord(text string, each func(string)) {
	isWord := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }
	take := func(w string) {
		if w = strings.ToLower(w); len(w) > 1 && !common[w] {
			each(stem(w))
		}
	}
	for _, token := range strings.FieldsFunc(text, func(c rune) bool { return !isWord(c) && !strings.ContainsRune("_.:/-", c) }) {
		token = strings.Trim(token, "_.:/-")
		parts := strings.FieldsFunc(token, func(c rune) bool { return !isWord(c) })
		if len(parts) > 1 {
			each(strings.ToLower(token))
		}
		for _, p := range parts {
			take(p)
			if humps := humpsOf(p); len(humps) > 1 {
				for _, h := range humps {
					if len(h) > 2 {
						take(h)
					}
				}
			}
		}
	}
}

// humpsOf cuts an identifier where its case changes, as in max|Upload|Size.
func humpsOf(s string) (humps []string) {
	begin := 0
	runes := []rune(s)
	for i := 1; i < len(runes); i++ {
		up, was := unicode.IsUpper(runes[i]), unicode.IsUpper(runes[i-1])
		next := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if up && (!was || next) || unicode.IsDigit(runes[i]) != unicode.IsDigit(runes[i-1]) {
			humps, begin = append(humps, string(runes[begin:i])), i
		}
	}
	return append(humps, string(runes[begin:]))
}

// stem takes the commonest endings off a word.
func stem(w string) string {
	for _, end := range []string{"ing", "ed", "es", "s"} {
		if len(w)-len(end) >= 4 && strings.HasSuffix(w, end) {
			return w[:len(w)-len(end)]
		}
	}
	return w
}

// The texts of a change that a symptom is looked for in.
const (
	inSummary = iota
	inNames
	inDiff
	texts3
)

// hits is how often each word of a symptom stands in the texts of a change;
// nil when none does.
type hits [][texts3]uint8

// look reads one change. Most hold none of the words, which a search for the
// stems as they stand tells without taking the text apart.
func (s *symptom) look(l *suspected) {
	var found hits
	for which, text := range l.texts() {
		lower := strings.ToLower(text)
		any := false
		for _, w := range s.words {
			any = any || strings.Contains(lower, w)
		}
		if !any {
			continue
		}
		eachWord(text, func(w string) {
			for i, mine := range s.words {
				if w == mine {
					if found == nil {
						found = make(hits, len(s.words))
					}
					found[i][which] = min(found[i][which]+1, 250)
				}
			}
		})
	}
	l.hits = found
	for i := range found {
		s.count[i]++
	}
	for i, f := range found {
		if f == [texts3]uint8{} {
			s.count[i]--
		}
	}
	s.of++
}

// match returns the term of a change: BM25 (Robertson and Zaragoza 2009, k1 =
// 1.2, without a norm for length, since texts are short) over each text.
func (s *symptom) match(l *suspected) (value float64, words []string) {
	var sum [texts3]float64
	all := 0.0
	for i, f := range l.hits {
		if f == [texts3]uint8{} {
			continue
		}
		words = append(words, s.words[i])
		idf := s.rarity(i)
		total := 0.0
		for which, n := range f {
			sum[which] += idf * saturated(float64(n))
			total += float64(n)
		}
		all += idf * saturated(total)
	}
	if words == nil {
		return 0, nil
	}
	return textSummary*sum[inSummary] + textNames*sum[inNames] + textDiff*sum[inDiff] + textAny*math.Log1p(all), words
}

// rarity is the weight of the i-th word, its inverse frequency.
func (s *symptom) rarity(i int) float64 {
	return math.Log(1 + (float64(s.of-s.count[i])+0.5)/(float64(s.count[i])+0.5))
}

func saturated(n float64) float64 { return n * 2.2 / (n + 1.2) }

// texts returns what a change says, for symptom.look: its summaries, each once,
// the names of what it changed, and what stands in its differences.
func (l *suspected) texts() [texts3]string {
	var summaries, names, diff strings.Builder
	read, last := 0, ""
	for _, e := range l.events[:min(len(l.events), maxPartsRead)] {
		if e.Summary != last {
			last = e.Summary
			summaries.WriteString(last + " ")
		}
		names.WriteString(e.Entity.Namespace + " " + e.Entity.Name + " ")
		diff.WriteString(e.Version + " " + e.Attributes["paths"] + " ")
		for _, d := range e.Diff {
			if read++; read > maxDiffRead {
				break
			}
			diff.WriteString(d.Path + " ")
			for _, v := range []whatchanged.Value{d.Value, d.Was} {
				if len(v) <= 200 {
					diff.WriteString(v.String() + " ")
				}
			}
		}
	}
	return [texts3]string{summaries.String(), names.String(), diff.String()}
}

// maxPartsRead and maxDiffRead bound the parts and the edits of one change that
// a symptom is looked for in.
const (
	maxPartsRead = 50
	maxDiffRead  = 50
)

// use are the words of changes to what is in use: they give something to all, or
// put something else in its place.
var use = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`all convert converted converting converts default defaults enable enabled enables enabling everywhere migrate migrated
		migrates migrating move moved moves moving replace replaced replaces replacing set sets setting switch switched switches switching
		upgrade upgraded upgrades upgrading use uses using`) {
		m[w] = true
	}
	return m
}()

// inUse returns the first word of a summary that says so, "" if none does. It is
// asked of every candidate.
func inUse(summary string) string {
	var lower [12]byte
	for i := 0; i < len(summary); {
		n := 0
		for ; i+n < len(summary) && isWordByte(summary[i+n]); n++ {
			if n < len(lower) {
				lower[n] = summary[i+n] | 0x20 // letters become small; the rest is in no word of use
			}
		}
		if n > 1 && n <= len(lower) && use[string(lower[:n])] {
			return summary[i : i+n]
		}
		i += n + 1
	}
	return ""
}

func isWordByte(c byte) bool {
	return c == '_' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
