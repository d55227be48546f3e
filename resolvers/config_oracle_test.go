package resolvers_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged/resolvers"
)

// A told is one edit of a flag, as plainly as it can be written down.
type told struct {
	id       string
	revision int
	region   string
	minute   int // before noon
}

// plainly answers by loops what config says of a flag, minutes before noon, as
// told up to the n-th edit: of each region what is in force, what was before
// and what comes next, then the history, latest first.
func plainly(all []told, minute, n int) string {
	last := map[string]int{}
	for _, e := range all[:n] {
		last[e.id] = max(last[e.id], e.revision)
	}
	var lines []string
	var history []told
	for _, region := range []string{"", "eu", "us"} {
		var before, after []told // in the order of time
		for m := 100; m >= -100; m-- {
			for _, e := range all[:n] {
				switch {
				case e.minute != m || e.region != region || e.revision < last[e.id]:
				case m >= minute:
					before = append(before, e)
				default:
					after = append(after, e)
				}
			}
		}
		if len(before) == 0 {
			continue
		}
		line := region + "=" + before[len(before)-1].id
		if len(before) > 1 {
			line += "<" + before[len(before)-2].id
		}
		if len(after) > 0 {
			line += ">" + after[0].id
		}
		lines, history = append(lines, line), append(history, before...)
	}
	place := func(e told) int {
		return slices.IndexFunc(all, func(o told) bool { return o.id == e.id && o.revision == e.revision })
	}
	slices.SortFunc(history, func(e, o told) int { return cmp.Or(cmp.Compare(e.minute, o.minute), cmp.Compare(place(o), place(e))) })
	for _, e := range history {
		lines = append(lines, e.id)
	}
	return strings.Join(lines, " ")
}

func TestConfigAnswersAsPlainLoopsDo(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t)
		var all []told
		for i := range 60 {
			e := told{id: fmt.Sprint("e", i), region: []string{"", "eu", "us"}[r.IntN(3)], minute: r.IntN(80) - 20}
			if i > 0 && r.IntN(6) == 0 { // a correction, of a revision of its own
				e.id, e.revision = all[r.IntN(i)].id, i
			}
			all = append(all, e)
			w.tell(set(e.id, float64(e.minute), "prod", e.region, fmt.Sprint(i), revision(e.revision)))
		}
		for range 100 {
			minute, n := r.IntN(90)-25, 1+r.IntN(len(all))
			a := must[*resolvers.ConfigState](t)(config(t, w, arguments{"key": fast, "history": true, "asOf": when(float64(minute)), "knownAt": fmt.Sprint("pos:", n), "limit": 500}))
			var got []string
			for _, v := range a.Items {
				line := v.Place.Region + "=" + v.ID
				if v.Previous != nil {
					line += "<" + *v.Previous.ID
				}
				if v.Next != nil {
					line += ">" + *v.Next.ID
				}
				got = append(got, line)
			}
			for _, h := range a.History {
				got = append(got, h.ID)
			}
			if want := plainly(all, minute, n); strings.Join(got, " ") != want {
				t.Fatalf("seed %d, %d minutes before noon, known at %d:\ngot  %s\nwant %s", seed, minute, n, strings.Join(got, " "), want)
			}
		}
	}
}
