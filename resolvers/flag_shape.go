package resolvers

import (
	"encoding/json"
	"math"
	"strconv"

	"whatchanged.dev/whatchanged"
)

// flagShape reads from a value what flags and experiments have: the variant
// served by default, the share in per cent that is served what the flag turns
// on, and the rules that decide for whom. It knows the shapes of flagd,
// LaunchDarkly, Unleash, OpenFeature and plain objects; of any other it says
// nothing.
func flagShape(v whatchanged.Value) (variant string, percentage *float64, targeting whatchanged.Value) {
	m, ok := v.Decode().(map[string]any)
	if !ok {
		return "", nil, nil
	}
	for _, key := range []string{"targeting", "rules", "strategies", "targets", "overrides", "audience"} {
		if some(m[key]) {
			targeting = whatchanged.ValueOf(m[key])
			break
		}
	}
	variant = variantOf(m)
	for _, read := range []func(map[string]any) *float64{plainPercentage, weighted, unleashed, fractional} {
		if percentage = read(m); percentage != nil {
			break
		}
	}
	return variant, percentage, targeting
}

// some reports whether a value says anything.
func some(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case map[string]any:
		return len(v) > 0
	case []any:
		return len(v) > 0
	case string:
		return v != ""
	}
	return true
}

// variantOf reads the name of the variant served by default; LaunchDarkly
// numbers the variations, and serves another while the flag is off.
func variantOf(m map[string]any) string {
	for _, key := range []string{"variant", "defaultVariant", "default_variant"} {
		if s, ok := m[key].(string); ok {
			return s
		}
	}
	served := object(m["fallthrough"])["variation"]
	if on, ok := m["on"].(bool); ok && !on {
		served = m["offVariation"]
	}
	v, ok := variation(m, served)
	if !ok {
		return ""
	}
	if name, ok := object(v)["name"].(string); ok {
		return name
	}
	if named, ok := object(v)["value"]; ok {
		v = named
	}
	if s, ok := v.(string); ok {
		return s
	}
	return whatchanged.ValueOf(v).String()
}

// variation returns the variation of a number.
func variation(m map[string]any, numbered any) (any, bool) {
	all, _ := m["variations"].([]any)
	i, ok := number(numbered)
	if !ok || i < 0 || i >= float64(len(all)) {
		return nil, false
	}
	return all[int(i)], true
}

// plainPercentage reads what is called so.
func plainPercentage(m map[string]any) *float64 {
	for _, key := range []string{"percentage", "rolloutPercentage", "rollout_percentage", "passPercentage", "trafficPercentage", "percent", "rollout"} {
		if n, ok := number(m[key]); ok {
			return &n
		}
		if n, ok := number(object(m[key])["percentage"]); ok {
			return &n
		}
	}
	if n, ok := number(m["coverage"]); ok && n <= 1 { // a share, as in GrowthBook
		n *= 100
		return &n
	}
	return nil
}

// weighted reads LaunchDarkly's rollout by weights, thousandths of a per cent:
// the weight of what is true, of two variations.
func weighted(m map[string]any) *float64 {
	weights, _ := object(object(m["fallthrough"])["rollout"])["variations"].([]any)
	for _, w := range weights {
		v, ok := variation(m, object(w)["variation"])
		weight, weighs := number(object(w)["weight"])
		if ok && weighs && turnsOn(v) {
			weight /= 1000
			return &weight
		}
	}
	return nil
}

// unleashed reads the rollout of Unleash's only strategy.
func unleashed(m map[string]any) *float64 {
	strategies, _ := m["strategies"].([]any)
	if len(strategies) != 1 {
		return nil
	}
	p := object(object(strategies[0])["parameters"])
	for _, key := range []string{"rollout", "percentage"} {
		if n, ok := number(p[key]); ok {
			return &n
		}
	}
	return nil
}

// fractional reads flagd's split: the weight of the variant that is true,
// among all weights.
func fractional(m map[string]any) *float64 {
	split, _ := object(m["targeting"])["fractional"].([]any)
	variants := object(m["variants"])
	on, sum, found := 0.0, 0.0, false
	for _, s := range split {
		part, _ := s.([]any)
		if len(part) == 0 {
			continue
		}
		name, ok := part[0].(string)
		if !ok {
			continue // what the split goes by
		}
		weight := 1.0
		if len(part) > 1 {
			weight, _ = number(part[1])
		}
		sum += weight
		if turnsOn(variants[name]) {
			on, found = on+weight, true
		}
	}
	if !found || sum == 0 {
		return nil
	}
	on *= 100 / sum
	return &on
}

func turnsOn(v any) bool {
	if value, ok := object(v)["value"]; ok {
		v = value
	}
	return v == true
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// number reads a number, or the text of one; not the text of infinity.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	return 0, false
}
