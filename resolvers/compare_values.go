package resolvers

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"whatchanged.dev/whatchanged"
)

// unordered are the words for lists whose order has no meaning: who or what is
// meant, and conditions that must all hold. Lists of other names, such as
// rules, of which the first that fits counts, are compared in their order.
var unordered = wordsOf("values targets users userids contextkeys segments tags includes excludes included excluded include exclude " +
	"allow deny allowlist denylist groups audiences constraints clauses conditions regions environments")

// saysOf are the words in a path that say what a difference is about; the
// deepest one counts.
var saysOf = kindsByWord(map[string]string{
	DiffersTargeting: "targeting targets rules rule segments audience audiences constraints clauses conditions users userids " +
		"contextkeys allowlist denylist allow deny include exclude included excluded includes excludes",
	DiffersPercentage: "percentage percent percentrollout rolloutpercentage rollout share traffic fractional",
	DiffersVariant:    "variants variant variations variation weights weight defaultvariant offvariation fallthrough",
})

func kindsByWord(words map[string]string) map[string]string {
	by := map[string]string{}
	for kind, text := range words {
		for w := range wordsOf(text) {
			by[w] = kind
		}
	}
	return by
}

func wordsOf(text string) map[string]bool {
	words := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		words[w] = true
	}
	return words
}

// word is a key as the lists of words spell it.
func word(key string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(key))
}

// differ says in which ways two events in force differ, and how to get from
// the left value to the right one. Of deployments the version counts first; of
// other things, whose versions are counters of each place, only where there is
// no value.
func differ(l, r *whatchanged.Event) (kinds []string, edits []whatchanged.Edit) {
	if l.Dependency != nil {
		return nil, nil // it is there on both
	}
	deployed, unsaid := l.Kind == whatchanged.Deployment, l.After == nil || r.After == nil
	versions := l.Version != "" && r.Version != "" || l.After == nil && r.After == nil
	if (deployed || unsaid && versions) && l.Version != r.Version {
		kinds = append(kinds, DiffersVersion)
	}
	if unsaid && (deployed || versions) {
		return kinds, nil
	}
	edits = whatchanged.Diff(settled(l.After), settled(r.After))
	for _, e := range edits {
		if k := about(l.Kind, e.Path); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	slices.Sort(kinds)
	return kinds, edits
}

// about names what is different at a path.
func about(kind whatchanged.EventKind, path string) string {
	if !switched[kind] {
		return DiffersValue
	}
	for _, key := range slices.Backward(strings.Split(path, "/")) {
		if k, ok := saysOf[word(key)]; ok {
			return k
		}
	}
	return DiffersValue
}

// switched kinds have targeting, percentages and variants.
var switched = map[whatchanged.EventKind]bool{whatchanged.Flag: true, whatchanged.Experiment: true, whatchanged.Model: true}

// settled returns a value with the lists that have no order sorted, each
// element once.
func settled(v whatchanged.Value) whatchanged.Value {
	if v == nil {
		return nil
	}
	decoded := v.Decode()
	if decoded == nil {
		return v // the JSON null
	}
	return whatchanged.ValueOf(settle("", decoded))
}

func settle(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = settle(k, e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = settle("", e)
		}
		switch {
		case unordered[word(key)]:
			return set(out)
		case key == "in" && len(out) == 2: // JsonLogic: is the first among the second
			if among, ok := out[1].([]any); ok {
				out[1] = set(among)
			}
		}
		return out
	}
	return v
}

// set sorts a list and drops what stands in it twice.
func set(list []any) []any {
	texts := make(map[int]string, len(list))
	order := make([]int, len(list))
	for i, e := range list {
		texts[i], order[i] = string(whatchanged.ValueOf(spelled(e))), i
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(texts[i], texts[j]) })
	out := []any{}
	for n, i := range order {
		if n == 0 || texts[i] != texts[order[n-1]] {
			out = append(out, list[i])
		}
	}
	return out
}

// spelled returns a value with equal numbers spelled alike, as whatchanged.Diff
// takes them to be equal.
func spelled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = spelled(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = spelled(e)
		}
		return out
	case json.Number:
		f, err := v.Float64()
		if err != nil || !strings.ContainsAny(string(v), ".eE") {
			return v
		}
		if n := strconv.FormatFloat(f, 'f', -1, 64); len(n) < 32 {
			return json.Number(n)
		}
		return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
	}
	return v
}
