package eval

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"text/tabwriter"
	"time"
)

// A Scoreboard sums up the verdicts of a tier. All but n and mrr are per cent.
type Scoreboard struct {
	N               int                `json:"n"`
	Top1            float64            `json:"top1"`
	Top3            float64            `json:"top3"`
	Top5            float64            `json:"top5"`
	MRR             float64            `json:"mrr"`
	ByDelay         map[string]float64 `json:"byDelay"` // top1
	FalseAccusation float64            `json:"falseAccusation"`
	SaidLikely      float64            `json:"saidLikely"`
	LikelyRight     float64            `json:"likelyRight"`
}

// delays cut the time from a change to its incident.
var delays = []struct {
	name  string
	under time.Duration
}{{"lt30m", 30 * time.Minute}, {"h0_6", 6 * time.Hour}, {"h6_24", 24 * time.Hour}, {"gt24h", math.MaxInt64}}

func delayOf(v Verdict) string {
	for _, d := range delays {
		if v.Delay < d.under {
			return d.name
		}
	}
	return delays[len(delays)-1].name
}

// ScoreboardOf sums up.
func ScoreboardOf(all []Verdict) Scoreboard {
	s := Scoreboard{ByDelay: map[string]float64{}}
	culprits := slices.DeleteFunc(slices.Clone(all), func(v Verdict) bool { return !v.Known })
	s.N = len(culprits)
	s.Top1, s.Top3, s.Top5, s.MRR = ranks(culprits, func(v Verdict) int { return v.Rank })
	for _, d := range delays {
		band := slices.DeleteFunc(slices.Clone(culprits), func(v Verdict) bool { return delayOf(v) != d.name })
		if len(band) > 0 {
			s.ByDelay[d.name], _, _, _ = ranks(band, func(v Verdict) int { return v.Rank })
		}
	}
	said := slices.DeleteFunc(slices.Clone(culprits), func(v Verdict) bool { return !v.Likely })
	s.SaidLikely = share(culprits, func(v Verdict) bool { return v.Likely })
	s.LikelyRight = share(said, func(v Verdict) bool { return v.Rank == 1 })
	s.FalseAccusation = share(all, func(v Verdict) bool { return v.Accused })
	return s
}

func share(all []Verdict, holds func(Verdict) bool) float64 {
	n := 0
	for _, v := range all {
		if holds(v) {
			n++
		}
	}
	return percent(n, len(all))
}

func percent(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return math.Round(1000*float64(n)/float64(of)) / 10
}

// ranks counts how often a method had the culprit first, among the first three
// and five, and the mean of 1/rank.
func ranks(all []Verdict, rank func(Verdict) int) (top1, top3, top5, mrr float64) {
	within := func(n int) float64 {
		return share(all, func(v Verdict) bool { return rank(v) >= 1 && rank(v) <= n })
	}
	for _, v := range all {
		if r := rank(v); r > 0 {
			mrr += 1 / float64(r)
		}
	}
	return within(1), within(3), within(5), math.Round(1000*mrr/float64(max(1, len(all)))) / 1000
}

// resamples is how often cases are drawn anew for an interval.
const resamples = 1000

// interval is where 95 of 100 resamples of the cases have top1.
func interval(all []Verdict) (from, to float64) {
	if len(all) == 0 {
		return 0, 0
	}
	r := rand.New(rand.NewPCG(1, 2))
	var tops []float64
	for range resamples {
		n := 0
		for range all {
			if all[r.IntN(len(all))].Rank == 1 {
				n++
			}
		}
		tops = append(tops, percent(n, len(all)))
	}
	slices.Sort(tops)
	return tops[resamples*25/1000], tops[resamples*975/1000-1]
}

// Print writes a tier's scoreboard for a person: the product beside the other
// methods, by organisation, and how far it may be trusted.
func Print(w io.Writer, tier string, all []Verdict) error {
	culprits := slices.DeleteFunc(slices.Clone(all), func(v Verdict) bool { return !v.Known })
	if len(all) == 0 {
		return nil
	}
	s := ScoreboardOf(all)
	from, to := interval(culprits)
	fmt.Fprintf(w, "\n%s: %d incidents with a culprit, %d without; top-1 %.1f %% (95 %% of resamples: %.1f to %.1f)\n", tier, len(culprits), len(all)-len(culprits), s.Top1, from, to)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\ttop-1\ttop-3\ttop-5\tMRR\ttop-1 by delay: <30m\t0.5-6h\t6-24h\t>24h")
	row := func(name string, some []Verdict, rank func(Verdict) int) {
		a, b, c, m := ranks(some, rank)
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%.3f", name, a, b, c, m)
		for _, d := range delays {
			band := slices.DeleteFunc(slices.Clone(some), func(v Verdict) bool { return delayOf(v) != d.name })
			x, _, _, _ := ranks(band, rank)
			fmt.Fprintf(t, "\t%.0f of %d", x, len(band))
		}
		fmt.Fprintln(t)
	}
	row("whatchanged", culprits, func(v Verdict) int { return v.Rank })
	names := map[string]bool{}
	chance := 0.0
	worlds := map[string][]Verdict{}
	for _, v := range culprits {
		chance += v.Random
		worlds[v.World] = append(worlds[v.World], v)
		for n := range v.Baselines {
			names[n] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		row(n, culprits, func(v Verdict) int { return v.Baselines[n] })
	}
	fmt.Fprintf(t, "random\t%.1f\n", 100*chance/float64(max(1, len(culprits))))
	if len(worlds) > 1 && len(worlds) < len(culprits) {
		for _, n := range slices.SortedFunc(maps.Keys(worlds), func(a, b string) int {
			return cmp.Or(cmp.Compare(len(worlds[b]), len(worlds[a])), cmp.Compare(a, b))
		}) {
			row(fmt.Sprintf("  in %s (%d)", n, len(worlds[n])), worlds[n], func(v Verdict) int { return v.Rank })
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "likely was said of %.1f %%, and right in %.1f %% of these; with the culprit hidden, or where there is none, it was said of %.1f %%\n",
		s.SaidLikely, s.LikelyRight, s.FalseAccusation)
	return err
}
