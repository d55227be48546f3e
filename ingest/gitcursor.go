package ingest

import (
	"context"
	"fmt"
	"slices"

	"whatchanged.dev/whatchanged"
)

// A resumption is where a reading of a history goes on.
type resumption struct {
	fresh int // so many of the latest landings are to be read
	notes []string
}

// resume finds the latest landing that is stored with all before it. Nothing
// is remembered of former runs but what they stored: events come in order, and
// that of a landing after those of its files, so whatever cut a run short,
// forced the branch elsewhere or read another branch of the same history, the
// first landing of the chain that is found is where to go on.
//
// A landing that was read without those before it (history=partial), or by
// another mapping, is none to go on from.
func (r *gitReader) resume(ctx context.Context, stored Stored, c chain) (resumption, error) {
	from := resumption{fresh: len(c.names)}
	r.partial = !c.root
	if stored == nil {
		return from, nil
	}
	p := probes{reader: r, stored: stored, chain: c, found: map[int]whatchanged.Event{}}
	if err := p.ask(ctx, spread(len(c.names))); err != nil {
		return from, err
	}
	p.settle()
	if note, err := p.rewritten(ctx); err != nil {
		return from, err
	} else if note != "" {
		from.notes = append(from.notes, note)
	}
	if p.others {
		from.notes = append(from.notes, "the mapping is another than the one that was read by: all is read again, as corrections")
		return from, nil
	}
	fresh, err := p.search(ctx)
	if err != nil {
		return from, err
	}
	from.fresh, r.partial = fresh, r.partial && fresh == len(c.names)
	return from, nil
}

// probes ask which landings of a chain are stored.
type probes struct {
	reader *gitReader
	stored Stored
	chain  chain
	found  map[int]whatchanged.Event // by place in the chain
	others bool                      // some were read by another mapping, and none since
}

// spread chooses places in a chain of n: the first few close together, then
// ever further apart, and the last.
func spread(n int) []int {
	var at []int
	for i := 0; i < n-1; i = max(i+1, 2*i) {
		at = append(at, i)
	}
	return append(at, n-1)
}

func (p *probes) ask(ctx context.Context, at []int) error {
	place := make(map[string]int, len(at))
	s := whatchanged.Selection{Interval: whatchanged.Always, Limit: len(at)}
	for _, i := range at {
		id := p.reader.landed.id(p.chain.names[i])
		place[id] = i
		s.IDs = append(s.IDs, id)
	}
	page, err := p.stored.Stored(ctx, GitSource, s)
	for _, e := range page.Events {
		if i, ok := place[e.ID]; ok {
			p.found[i] = *e
		}
	}
	return err
}

// settle chooses the revision: that of what this mapping read last, or the
// next one when another mapping has read since.
func (p *probes) settle() {
	mine, other := -1, -1
	for _, e := range p.found {
		if e.Attributes["mapping"] == p.reader.mapping.id() {
			mine = max(mine, e.Revision)
		} else {
			other = max(other, e.Revision)
		}
	}
	p.reader.revision = max(mine, 0)
	if other >= mine && other >= 0 {
		p.reader.revision, p.others = other+1, true
	}
}

// whole reports whether a landing is stored with all before it.
func (p *probes) whole(i int) bool {
	e, ok := p.found[i]
	return ok && e.Revision == p.reader.revision && e.Attributes["history"] != "partial"
}

// search returns how many landings came after the last that is stored with all
// before it.
func (p *probes) search(ctx context.Context) (int, error) {
	const most = 64 // landings asked for at once
	low, high := -1, len(p.chain.names)
	for _, i := range spread(len(p.chain.names)) {
		if p.whole(i) {
			high = i
			break
		}
		low = i
	}
	if high == len(p.chain.names) {
		return high, nil
	}
	for high-low > 1 {
		step := max(1, (high-low)/most)
		var at []int
		for i := low + step; i < high; i += step {
			at = append(at, i)
		}
		if err := p.ask(ctx, at); err != nil {
			return 0, err
		}
		if hit := slices.IndexFunc(at, p.whole); hit >= 0 {
			low, high = max(low, at[hit]-step), at[hit]
		} else {
			low = at[len(at)-1]
		}
	}
	return high, nil
}

// rewritten says so when the landing of the branch that was stored last is no
// longer on it.
func (p *probes) rewritten(ctx context.Context) (string, error) {
	if p.reader.partial {
		return "", nil
	}
	e, ok, err := p.latest(ctx)
	if err != nil || !ok || slices.Contains(p.chain.names, e.Version) {
		return "", err
	}
	return fmt.Sprintf("%s was rewritten: %.12s, which landed %s, is no longer on it; what it changed stays recorded",
		p.reader.ref, e.Version, e.EffectiveAt.Format("2006-01-02 15:04")), nil
}

// latest returns the landing on the branch that is stored last in time, if it
// is among the latest events of the repository.
func (p *probes) latest(ctx context.Context) (whatchanged.Event, bool, error) {
	s := whatchanged.Selection{Entities: []whatchanged.Ref{whatchanged.RefOf(whatchanged.KindRepository, p.reader.repository)},
		Interval: whatchanged.Always, Descending: true, Limit: 50}
	page, err := p.stored.Stored(ctx, GitSource, s)
	for _, e := range page.Events {
		if e.Source == GitSource && e.Kind == whatchanged.Commit && e.Attributes["ref"] == p.reader.ref {
			return *e, true, err
		}
	}
	return whatchanged.Event{}, false, err
}
