package index

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file knows nothing of the product: what is told, and what must be
// answered, by plain loops.

// An edit sets a key in a place, or says what was observed there, from at on.
// Edits of one id correct each other: the highest revision told counts. An
// edit that was told before changes nothing.
type edit struct {
	id       string
	revision int
	key      string
	env      string
	region   string
	observed bool
	at       time.Time
	value    string // "" when it was deleted
	batch    int    // with which it was told, from 1
}

func (e edit) identity() string { return e.id + "#" + strconv.Itoa(e.revision) }

func (e edit) String() string {
	return fmt.Sprintf("batch %d: %s %s %s/%s observed=%t at %s = %q", e.batch, e.identity(), e.key, e.env, e.region, e.observed, e.at.Format("01-02T15:04"), e.value)
}

// An asked question is what holds at asOf, as told up to a batch, of keys
// that begin so.
type asked struct {
	asOf   time.Time
	known  int
	prefix string
}

// truth answers a question: of each place of each key the edit in force, its
// identity and value. The edits come in the order in which they were told.
func truth(told []edit, q asked) map[string]string {
	highest := map[string]int{}
	heard := 0
	for ; heard < len(told) && told[heard].batch <= q.known; heard++ {
		e := &told[heard]
		highest[e.id] = max(highest[e.id], e.revision)
	}
	type place struct {
		key, env, region string
		observed         bool
	}
	inForce := map[place]*edit{}
	first := map[string]bool{} // of what may be in force
	for i := range told[:heard] {
		e := &told[i]
		if e.at.After(q.asOf) || !strings.HasPrefix(e.key, q.prefix) || e.revision < highest[e.id] || first[e.id] {
			continue
		}
		first[e.id] = true
		at := place{e.key, e.env, e.region, e.observed}
		if was := inForce[at]; was == nil || !e.at.Before(was.at) { // of equal times the later told
			inForce[at] = e
		}
	}
	answer := map[string]string{}
	for at, e := range inForce {
		answer[strings.Join([]string{at.key, at.env, at.region, fmt.Sprint(at.observed)}, " ")] = e.identity() + "=" + e.value
	}
	return answer
}

// inBatches is how many edits are told at once.
const inBatches = 40

// edits draws n edits: out of order, delayed by minutes or days or ahead of
// their time, many at one moment, told again, deleted, and corrected in any
// order, in all that an edit says.
func edits(r *rand.Rand, n int) []edit {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var all []edit
	due := map[int]time.Time{} // when each is told
	add := func(e edit, at time.Time) {
		due[len(all)] = at
		all = append(all, e)
	}
	place := func(e *edit) {
		e.key, e.env = fmt.Sprintf("config:shop/key%02d", r.IntN(60)), []string{"prod", "staging"}[r.IntN(2)]
		e.region, e.observed = []string{"", "eu", "us"}[r.IntN(3)], r.IntN(6) == 0
	}
	for len(all) < n {
		e := edit{id: fmt.Sprintf("edit-%d", len(all)), at: start.Add(time.Duration(r.IntN(2000)) * 10 * time.Minute), value: fmt.Sprint(r.IntN(9))}
		place(&e)
		told := e.at.Add(time.Duration(r.IntN(60)) * time.Minute)
		switch r.IntN(10) {
		case 0, 1:
			told = told.Add(time.Duration(r.IntN(72)) * time.Hour)
		case 2:
			told = e.at.Add(-time.Duration(r.IntN(48)) * time.Hour)
		}
		switch of := r.IntN(max(1, len(all))); {
		case len(all) > 0 && r.IntN(20) == 0: // told again, as it was
			add(all[of], due[of].Add(time.Duration(r.IntN(50))*time.Hour))
			continue
		case len(all) > 0 && r.IntN(12) == 0: // a correction of some other
			e.id, e.revision = all[of].id, 1+r.IntN(1_000_000)
			if r.IntN(2) == 0 {
				e.key, e.env, e.region, e.observed = all[of].key, all[of].env, all[of].region, all[of].observed
			}
			told = due[of].Add(time.Duration(r.IntN(40)-10) * time.Hour)
		case r.IntN(8) == 0:
			e.value = ""
		}
		add(e, told)
	}
	order := slices.SortedFunc(maps.Keys(due), func(i, j int) int { return due[i].Compare(due[j])*2 + min(1, max(-1, i-j)) })
	var told []edit
	for n, i := range order {
		e := all[i]
		e.batch = 1 + n/inBatches
		told = append(told, e)
	}
	return told
}

// draw draws a question: often at the very moment of some edit, or right
// before it.
func draw(r *rand.Rand, told []edit) asked {
	e := told[r.IntN(len(told))]
	q := asked{asOf: e.at, known: r.IntN(2 + told[len(told)-1].batch), prefix: e.key}
	switch r.IntN(4) {
	case 0:
		q.asOf = e.at.Add(-time.Microsecond)
	case 1:
		q.asOf = told[r.IntN(len(told))].at
	}
	if r.IntN(3) > 0 { // recent views, as most are
		q.known = told[len(told)-1].batch
	}
	switch r.IntN(10) {
	case 0:
		q.prefix = "config:shop/key1"
	case 1:
		q.prefix = "config:"
	}
	return q
}

// shrink drops edits, many at a time and then fewer, while the rest still
// fails, and returns the smallest set it came to. It tries so many times.
func shrink(told []edit, tries int, fails func([]edit) bool) []edit {
	for size := len(told) / 2; size > 0; {
		smaller := false
		for from := 0; from < len(told) && tries > 0; tries-- {
			rest := slices.Concat(told[:from], told[min(len(told), from+size):])
			if len(rest) > 0 && fails(rest) {
				told, smaller = rest, true
			} else {
				from += size
			}
		}
		if !smaller || size > len(told)/2 {
			size /= 2
		}
	}
	return told
}
