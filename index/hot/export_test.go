package hot

// SetSettled makes a tier merge aside what has this many events, however few.
func (t *Tier) SetSettled(events int) { t.settled = events }

// Tidying reports whether work is done aside.
func (t *Tier) Tidying() bool { return t.tidying.Load() }
