package whatchanged

import "time"

// An OnCall says who is on call for something, as an event of kind oncall
// leaves it behind.
type OnCall struct {
	People []string   // the first is asked first; empty: nobody
	Until  *time.Time // when the turn is planned to end; nil when that is not said
}

// OnCallOf reads what an event of kind oncall leaves behind: an object with
// people and, if the end of their turn is known, until.
func OnCallOf(after Value) (o OnCall) {
	said, _ := after.Decode().(map[string]any)
	people, _ := said["people"].([]any)
	for _, p := range people {
		if name, ok := p.(string); ok && name != "" {
			o.People = append(o.People, name)
		}
	}
	if text, ok := said["until"].(string); ok {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			at = Canonical(at)
			o.Until = &at
		}
	}
	return o
}

// At reports whether anybody is on call at a moment, which lies in the turn if
// its end is not said or comes later.
func (o OnCall) At(t time.Time) bool {
	return len(o.People) > 0 && (o.Until == nil || t.Before(*o.Until))
}
