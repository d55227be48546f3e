package whatchanged

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edgesOf reads edges such as "ab bc": a depends on b, b on c.
func edgesOf(pairs ...string) []Arc {
	var all []Arc
	for _, p := range pairs {
		all = append(all, Arc{RefOf("x", p[:1]), RefOf("x", p[1:])})
	}
	return all
}

func TestCircles(t *testing.T) {
	tests := []struct {
		name  string
		edges []Arc
		want  []string
	}{
		{"nothing has none", nil, nil},
		{"a diamond has none", edgesOf("ab", "ac", "bd", "cd"), nil},
		{"one that needs itself is one", edgesOf("aa", "ab"), []string{"a → a"}},
		{"two that need each other are one", edgesOf("ba", "ab"), []string{"a → b → a"}},
		{"a circle is found from outside and begins with its first", edgesOf("ac", "cd", "db", "bc"), []string{"b → c → d → b"}},
		{"of circles that share entities the shortest is told", edgesOf("ab", "bc", "ca", "ba"), []string{"a → b → a"}},
		{"circles apart are told apart, in order", edgesOf("yz", "zy", "ab", "ba", "by"), []string{"a → b → a", "y → z → y"}},
		{"an edge told twice is one edge", edgesOf("ab", "ab", "ba"), []string{"a → b → a"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 5 {
				var got []string
				for _, c := range Circles(test.edges) {
					text := ""
					for _, ref := range c {
						text += ref.Name + " → "
					}
					got = append(got, text+c[0].Name)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				rand.Shuffle(len(test.edges), func(i, j int) { test.edges[i], test.edges[j] = test.edges[j], test.edges[i] })
			}
		})
	}
}

// TestCirclesAreReal compares with what can be reached, on random graphs.
func TestCirclesAreReal(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 2 + g.IntN(9)
		reach := make([][]bool, n)
		for i := range reach {
			reach[i] = make([]bool, n)
		}
		var edges []Arc
		for range g.IntN(2 * n) {
			i, j := g.IntN(n), g.IntN(n)
			reach[i][j] = true
			edges = append(edges, edgesOf(fmt.Sprintf("%d%d", i, j))...)
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
				}
			}
		}
		knots := map[string]bool{} // by the entities that reach each other
		for i := range n {
			if reach[i][i] {
				name := ""
				for j := range n {
					if reach[i][j] && reach[j][i] {
						name += fmt.Sprint(j)
					}
				}
				knots[name] = true
			}
		}
		circles := Circles(edges)
		if len(circles) != len(knots) {
			t.Fatalf("%v: %d circles, want %d", edges, len(circles), len(knots))
		}
		for _, c := range circles {
			for i, ref := range c {
				if !slices.Contains(edges, Arc{ref, c[(i+1)%len(c)]}) {
					t.Fatalf("%v: %s holds no edge after %s", edges, CircleText(c), ref)
				}
			}
		}
	}
}

func TestCirclesThroughArcs(t *testing.T) {
	for _, tt := range []struct {
		name           string
		edges, through []Arc
		limit          int
		want           []string
	}{
		{"an arc that closes none", edgesOf("ab", "bc", "cb"), edgesOf("ab"), 9, nil},
		{"not the shortest of its entities, but the one it is a part of", edgesOf("ab", "ba", "bc", "ca"), edgesOf("bc"), 9, []string{"abc"}},
		{"one that two arcs close is told once", edgesOf("ab", "bc", "ca"), edgesOf("ca", "ab"), 9, []string{"abc"}},
		{"one that needs itself", edgesOf("aa", "ab", "ba"), edgesOf("aa"), 9, []string{"a"}},
		{"no more than asked", edgesOf("ab", "ba", "ac", "ca"), edgesOf("ba", "ca"), 1, []string{"ab"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range CirclesThrough(tt.edges, tt.through, tt.limit) {
				text := ""
				for _, ref := range c {
					text += ref.Name
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
