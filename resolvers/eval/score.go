package eval

import (
	"encoding/json"
	"slices"
)

// A Score is how many questions were answered right.
type Score struct {
	Total int      `json:"total"`
	Right int      `json:"right"`
	Wrong []string `json:"-"` // the ids of the others
}

// ScoreState compares answers with the truth, which nothing else reads.
func ScoreState(dir string, answers []StateAnswer) (Score, error) {
	var s Score
	dir, err := stateFolder(dir)
	if err != nil {
		return s, err
	}
	by := map[string]StateAnswer{}
	for _, a := range answers {
		by[a.ID] = a
	}
	return s, readLines(dir, questionsFile, func(q struct {
		ID     string          `json:"id"`
		Kind   string          `json:"q"`
		Answer json.RawMessage `json:"answer"`
	}) error {
		a, ok := by[q.ID]
		right, err := a.right(q.Kind, q.Answer)
		s.Total++
		if ok && right {
			s.Right++
		} else {
			s.Wrong = append(s.Wrong, q.ID)
		}
		return err
	})
}

func (a StateAnswer) right(kind string, truth []byte) (bool, error) {
	if kind == changedKeys {
		var keys []string
		err := json.Unmarshal(truth, &keys)
		slices.Sort(keys)
		return slices.Equal(slices.Compact(keys), a.Keys), err
	}
	var value *string
	err := json.Unmarshal(truth, &value)
	return (value == nil) == (a.Value == nil) && (value == nil || *value == *a.Value), err
}
