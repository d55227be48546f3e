package eval

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

// Configs answers what was set; a [resolvers.Resolver] does.
type Configs interface {
	Config(context.Context, resolvers.ConfigInput) (*resolvers.ConfigState, error)
}

// A StateAnswer is what was answered: a value, nil for none, or the keys that
// changed, in order.
type StateAnswer struct {
	ID    string
	Value *string
	Keys  []string
}

// Ask asks the questions of the set, and tells of each that was answered.
func (s *StateSet) Ask(ctx context.Context, of Configs, answered func(done, total int)) ([]StateAnswer, error) {
	var all []StateAnswer
	for i, q := range s.Questions {
		a := StateAnswer{ID: q.ID}
		var err error
		switch q.Kind {
		case valueAt:
			a.Value, err = q.value(ctx, of)
		case changedKeys:
			a.Keys, err = s.changed(ctx, of, q)
		default:
			err = fmt.Errorf("%q is no kind of question", q.Kind)
		}
		if err != nil {
			return nil, fmt.Errorf("question %s: %w", q.ID, err)
		}
		all = append(all, a)
		answered(i+1, len(s.Questions))
	}
	return all, nil
}

// value asks for the value of a setting.
func (q StateQuestion) value(ctx context.Context, of Configs) (*string, error) {
	values, err := valuesAt(ctx, of, settingRef(q.Service, q.Key).String(), q.Env, q.T)
	for _, v := range values { // of at most one
		return &v, err
	}
	return nil, err
}

// changed asks what all settings of a service were at two moments.
func (s *StateSet) changed(ctx context.Context, of Configs, q StateQuestion) ([]string, error) {
	prefix := settingRef(q.Service, "").String() + "*"
	before, err := valuesAt(ctx, of, prefix, q.Env, q.T1)
	if err != nil {
		return nil, err
	}
	after, err := valuesAt(ctx, of, prefix, q.Env, q.T2)
	if err != nil {
		return nil, err
	}
	keys := []string{}
	for name := range union(before, after) {
		was, had := before[name]
		is, has := after[name]
		if had != has || was != is {
			keys = append(keys, s.keys[name])
		}
	}
	slices.Sort(keys)
	return keys, nil
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// valuesAt asks for the values of settings, by the names of their entities,
// page after page. What nobody ever told of has none.
func valuesAt(ctx context.Context, of Configs, key, environment string, at time.Time) (map[string]string, error) {
	asOf := whatchanged.WhenAt(at)
	in := resolvers.ConfigInput{Key: []string{key}, Environment: &environment, AsOf: &asOf, Limit: 500}
	values := map[string]string{}
	for {
		a, err := patiently(ctx, of, in)
		if errors.Is(err, whatchanged.ErrNotFound) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range a.Items {
			if v := &a.Items[i]; v.Status == resolvers.StatusSet {
				text, _ := v.Value.Decode().(string)
				values[v.Key.Name] = text
			}
		}
		if in.Cursor = a.Cursor; in.Cursor == nil {
			return values, nil
		}
	}
}

// patiently asks again while the past is still being stored.
func patiently(ctx context.Context, of Configs, in resolvers.ConfigInput) (*resolvers.ConfigState, error) {
	for {
		a, err := of.Config(ctx, in)
		if !errors.Is(err, whatchanged.ErrStale) || ctx.Err() != nil {
			return a, err
		}
	}
}
