package resolvers

import "whatchanged.dev/whatchanged"

// A ground is what suspects are weighed on, beside themselves.
type ground struct {
	scope    []whatchanged.Ref
	near     neighbourhood
	whole    bool                    // near holds all that the scope leads to
	shared   map[whatchanged.Ref]int // how many of several hurting entities depend on it
	verdicts map[string][]said
	incident whatchanged.Ref // that is asked about, if one is named
	learned  map[whatchanged.EventKind]float64
}

func (a *asking) groundOf(scope []whatchanged.Ref, in WhatChangedInput) (*ground, error) {
	g := &ground{scope: scope, incident: incidentAsked(in.Onset, scope)}
	var err error
	if g.near, g.whole, err = a.around(scope, in.Hops); err != nil {
		return nil, err
	}
	if g.shared, err = a.shared(scope, in.Hops); err != nil {
		return nil, err
	}
	g.verdicts, err = a.verdicts()
	return g, err
}

// diagnose ranks the changes of the interval. When none of them explains the
// trouble and nobody said how far back to look, it looks back a week, and tells
// of the week if something there does.
func (a *asking) diagnose(in WhatChangedInput, g *ground, f filter, w *WhatChanged, x *excluded) (ranked []*suspected, widened bool, err error) {
	if ranked, err = a.weighed(in, g, f, x); err != nil {
		return nil, false, err
	}
	w.judge(ranked, len(g.scope) > 0)
	day := a.interval
	if in.Since != nil || in.Cursor != nil || !w.weak(ranked) || !a.widen() {
		return ranked, false, nil
	}
	var left excluded
	week, err := a.weighed(in, g, f, &left)
	if err != nil {
		return nil, false, err
	}
	if w.weak(week) {
		a.interval = day
		return ranked, false, nil
	}
	*x = left
	w.judge(week, len(g.scope) > 0)
	return week, true, nil
}

// weighed reads the candidates of the interval and ranks them.
func (a *asking) weighed(in WhatChangedInput, g *ground, f filter, x *excluded) ([]*suspected, error) {
	found, err := a.candidates(g.near, g.whole, x)
	if err != nil {
		return nil, err
	}
	if found, err = a.withCommits(found, in, len(g.scope) > 0, g.whole, x); err != nil {
		return nil, err
	}
	ranked := a.suspects(f.apply(found, x), g.near, x)
	heed(ranked, g.verdicts, g.incident)
	if g.learned, err = a.learned(ranked, g.verdicts); err != nil {
		return nil, err
	}
	a.rank(ranked, g, f, deref(in.Symptom))
	return foldStorms(ranked, x), nil
}

// weak says that the alternative that none of these did it is at least as good
// as the first of them.
func (w *WhatChanged) weak(ranked []*suspected) bool {
	return len(ranked) == 0 || ranked[0].score <= w.None
}

// widen makes the window a week, unless it is longer already.
func (a *asking) widen() bool {
	from := a.onset.Add(-week)
	if from.Before(whatchanged.MinTime) || !from.Before(a.interval.From) {
		return false
	}
	a.interval.From = from
	return true
}
