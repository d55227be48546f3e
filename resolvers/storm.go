package resolvers

import (
	"slices"

	"whatchanged.dev/whatchanged"
)

// ofOneStorm says whether two changes are parts of one: the same said and done,
// by the same hand, to things of one kind. What only looks alike is not folded
// among suspects, since each might be the one.
func ofOneStorm(a, b *whatchanged.Event) bool {
	return a.Summary != "" && alike(a, b) && actor(a.Actor) == actor(b.Actor) && a.Summary == b.Summary && a.Version == b.Version
}

// foldStorms makes one suspect of those that are a storm: the first of them as
// ranked stands for it and has the ids of all, so that nothing is lost. A storm
// is as in a timeline, stormSize changes at least and no gap beyond stormGap.
func foldStorms(ranked []*suspected, x *excluded) []*suspected {
	if len(ranked) < stormSize {
		return ranked
	}
	byTime := slices.SortedFunc(slices.Values(ranked), func(l, m *suspected) int { return l.event.Key().Compare(m.event.Key()) })
	stands := map[*suspected]*suspected{} // which one a suspect is folded into
	rank := map[*suspected]int{}
	for i, l := range ranked {
		rank[l] = i
	}
	for from := 0; from < len(byTime); {
		to := from + 1
		for to < len(byTime) && ofOneStorm(byTime[from].event, byTime[to].event) && byTime[to].event.EffectiveAt.Sub(byTime[to-1].event.EffectiveAt) <= stormGap {
			to++
		}
		if storm := byTime[from:to]; len(storm) >= stormSize {
			first := slices.MinFunc(storm, func(l, m *suspected) int { return rank[l] - rank[m] })
			for _, l := range storm {
				if l != first {
					stands[l] = first
					first.events = append(slices.Clip(first.events), l.events...)
				}
			}
		}
		from = to
	}
	x.add(ReasonSameStorm, len(stands))
	return slices.DeleteFunc(ranked, func(l *suspected) bool { return stands[l] != nil })
}
