package resolvers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

func compare(t testing.TB, w *world, args arguments) (*resolvers.Compare, error) {
	t.Helper()
	return ask[*resolvers.Compare](t, w, "compare", args)
}

// holds is a flag, or a config, that was set to a JSON value.
func holds(id, entity string, minutes float64, value string, change ...func(*whatchanged.Event)) whatchanged.Event {
	e := deployed(id, entity, minutes, kind(whatchanged.EventKind(ref(entity).Kind)))
	e.Action, e.After = "changed", whatchanged.Value(value)
	e.Actor = &whatchanged.Actor{Name: "ann"}
	for _, c := range change {
		c(&e)
	}
	return e
}

func attribute(name, value string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) {
		if e.Attributes == nil {
			e.Attributes = map[string]string{}
		}
		e.Attributes[name] = value
	}
}

func cluster(name string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Placement.Cluster = name }
}

// differences writes what differs: "name: KINDS left|right", with "(override)" where
// it was declared.
func differences(a *resolvers.Compare) string {
	var all []string
	for _, d := range a.Items {
		s := d.Entity.Name + ": " + strings.Join(d.Differs, "+") + " " + state(d.Left) + "|" + state(d.Right)
		if d.To != nil {
			s = d.Entity.Name + "→" + d.To.Name + ": " + strings.Join(d.Differs, "+") + " " + state(d.Left) + "|" + state(d.Right)
		}
		if !d.Drift {
			s += " (override)"
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

func state(s resolvers.SideState) string {
	text := "-"
	if s.Present {
		text = s.Version + s.Value.String()
	}
	if s.Live != nil {
		text += " live " + s.Live.Version + s.Live.Value.String()
	}
	return text
}

var (
	euUS      = arguments{"left": map[string]any{"region": "eu"}, "right": map[string]any{"region": "us"}}
	yesterday = arguments{"left": map[string]any{"asOf": "-1d"}}
	declaring = arguments{}
)

func TestCompare(t *testing.T) {
	eu, us, prod := in("prod", "eu"), in("prod", "us"), in("prod", "")
	flag, config := "flag:shop/fast", "config:shop/limits"
	for _, tt := range []struct {
		claim  string
		events []whatchanged.Event
		args   arguments
		want   string
	}{
		{"a value", []whatchanged.Event{holds("a", config, 9, `1`, eu), holds("b", config, 8, `2`, us)}, euUS, "limits: VALUE 1|2"},
		{"a version", []whatchanged.Event{deployed("a", "web", 9, eu, version("v1")), deployed("b", "web", 8, us, version("v2"))}, euUS, "web: VERSION v1|v2"},
		{"what one side lacks", []whatchanged.Event{holds("a", config, 9, `1`, eu)}, euUS, "limits: MISSING 1|-"},
		{"what one side lost", []whatchanged.Event{holds("a", config, 9, `1`, eu), holds("b", config, 8, `1`, us), holds("c", config, 7, ``, us, action("deleted"))}, euUS, "limits: MISSING 1|-"},
		{"what both lost is the same", []whatchanged.Event{holds("a", config, 9, ``, eu, action("removed")), holds("c", config, 7, ``, us, action("deleted"))}, euUS, ""},
		{"the order of keys, spaces and the spelling of numbers are no difference",
			[]whatchanged.Event{holds("a", config, 9, `{"a":1.0,"b":[1e2]}`, eu), holds("b", config, 8, `{"b": [100], "a": 1}`, us)}, euUS, ""},
		{"a string is not a number", []whatchanged.Event{holds("a", config, 9, `"1"`, eu), holds("b", config, 8, `1`, us)}, euUS, `limits: VALUE "1"|1`},
		{"the values of a condition are a set", []whatchanged.Event{
			holds("a", flag, 9, `{"targeting":[{"values":["x","y","x"]}]}`, eu), holds("b", flag, 8, `{"targeting":[{"values":["y","x"]}]}`, us)}, euUS, ""},
		{"so are those that JsonLogic looks among", []whatchanged.Event{
			holds("a", flag, 9, `{"targeting":{"in":[{"var":"user"},["x",1.0]]}}`, eu), holds("b", flag, 8, `{"targeting":{"in":[{"var":"user"},[1,"x"]]}}`, us)}, euUS, ""},
		{"but not what it looks for", []whatchanged.Event{
			holds("a", flag, 9, `{"targeting":{"in":["a","b"]}}`, eu), holds("b", flag, 8, `{"targeting":{"in":["b","a"]}}`, us)}, euUS,
			`fast: TARGETING {"targeting":{"in":["a","b"]}}|{"targeting":{"in":["b","a"]}}`},
		{"of rules the first that fits counts", []whatchanged.Event{
			holds("a", flag, 9, `{"rules":["x","y"]}`, eu), holds("b", flag, 8, `{"rules":["y","x"]}`, us)}, euUS, `fast: TARGETING {"rules":["x","y"]}|{"rules":["y","x"]}`},
		{"a percentage in a rule", []whatchanged.Event{
			holds("a", flag, 9, `{"rules":[{"percentage":5}]}`, eu), holds("b", flag, 8, `{"rules":[{"percentage":50}]}`, us)}, euUS,
			`fast: PERCENTAGE {"rules":[{"percentage":5}]}|{"rules":[{"percentage":50}]}`},
		{"weights of variants, and the value beside them", []whatchanged.Event{
			holds("a", flag, 9, `{"on":true,"variants":{"a":{"weight":1}}}`, eu), holds("b", flag, 8, `{"on":false,"variants":{"a":{"weight":2}}}`, us)}, euUS,
			`fast: VALUE+VARIANT {"on":true,"variants":{"a":{"weight":1}}}|{"on":false,"variants":{"a":{"weight":2}}}`},
		{"words of flags say nothing of configs", []whatchanged.Event{holds("a", config, 9, `{"percentage":1}`, eu), holds("b", config, 8, `{"percentage":2}`, us)}, euUS,
			`limits: VALUE {"percentage":1}|{"percentage":2}`},
		{"the counters that flags have for versions do not count", []whatchanged.Event{holds("a", flag, 9, `1`, eu, version("7")), holds("b", flag, 8, `1`, us, version("8"))}, euUS, ""},

		{"a value for one place over one for both is an override", []whatchanged.Event{holds("a", config, 9, `1`, prod), holds("b", config, 8, `2`, us)}, euUS, "limits: VALUE 1|2 (override)"},
		{"one that says so is too", []whatchanged.Event{holds("a", config, 9, `1`, eu), holds("b", config, 8, `2`, us, attribute("override", "true"))}, euUS, "limits: VALUE 1|2 (override)"},
		{"an override that is the same is no difference", []whatchanged.Event{holds("a", config, 9, `1`, prod), holds("b", config, 8, `1`, us)}, euUS, ""},
		{"an override that is gone gives way", []whatchanged.Event{holds("a", config, 9, `1`, prod), holds("b", config, 8, `2`, us), holds("c", config, 7, ``, us, action("deleted"))}, euUS, ""},
		{"what holds for another environment stands for neither", []whatchanged.Event{
			holds("x", config, 9, `0`, in("staging", "")), holds("a", config, 9, `1`, eu), holds("b", config, 8, `2`, us)}, euUS, "limits: VALUE 1|2"},
		{"environments are compared one by one", []whatchanged.Event{
			holds("x", config, 9, `1`, in("staging", "eu")), holds("y", config, 9, `1`, in("staging", "us")), holds("a", config, 9, `1`, eu), holds("b", config, 8, `2`, us)}, euUS, "limits: VALUE 1|2"},
		{"a value for the whole is not missing where the parts have theirs", []whatchanged.Event{holds("a", config, 9, `1`, eu), holds("b", config, 8, `1`, us, cluster("c1"))}, euUS, ""},
		{"clusters of other names are compared when each side is of one value", []whatchanged.Event{
			holds("a", config, 9, `1`, eu, cluster("c1")), holds("b", config, 8, `2`, us, cluster("d1")), holds("c", config, 7, `2`, us, cluster("d2"))}, euUS, "limits: VALUE 1|2"},
		{"and are missing when not", []whatchanged.Event{
			holds("a", config, 9, `1`, eu, cluster("c1")), holds("b", config, 8, `2`, us, cluster("d1")), holds("c", config, 7, `3`, us, cluster("d2"))}, euUS,
			"limits: MISSING -|2; limits: MISSING -|3; limits: MISSING 1|-"},

		{"live that differs from what was declared is drift", []whatchanged.Event{deployed("a", "web", 9, eu, version("v1")), deployed("b", "web", 8, us, version("v1")),
			deployed("c", "web", 7, us, version("v2"), action(whatchanged.ActionObserved))}, euUS, "web: VERSION v1|v1 live v2"},
		{"live that is as declared is not", []whatchanged.Event{deployed("a", "web", 9, eu, version("v1")), deployed("b", "web", 8, us, version("v1")),
			deployed("c", "web", 7, us, version("v1"), action(whatchanged.ActionObserved))}, euUS, ""},
		{"an override that runs otherwise is drift", []whatchanged.Event{holds("a", config, 9, `1`, prod), holds("b", config, 8, `2`, us),
			holds("c", config, 7, `3`, us, action(whatchanged.ActionObserved))}, euUS, "limits: VALUE 1|2 live 3"},
		{"with no side given, what is declared with what is live", []whatchanged.Event{deployed("a", "web", 9, eu, version("v1")),
			deployed("c", "web", 7, eu, version("v2"), action(whatchanged.ActionObserved))}, declaring, "web: VERSION v1|v2"},

		{"what nobody observed is not missed", []whatchanged.Event{deployed("a", "web", 9, eu, version("v1")), deployed("b", "cart", 9, eu, version("v1")),
			deployed("c", "cart", 7, eu, version("v1"), action(whatchanged.ActionObserved)), deployed("d", "edge", 7, eu, version("v1"), action(whatchanged.ActionObserved))}, declaring, "edge: MISSING -|v1"},
		{"two times", []whatchanged.Event{holds("a", config, 9999, `1`, eu), holds("b", config, 8, `2`, eu), holds("c", flag, 8, `1`, us)}, yesterday, "fast: MISSING -|1; limits: VALUE 1|2"},
		{"two environments, region by region", []whatchanged.Event{holds("a", config, 9, `1`, in("staging", "eu")), holds("b", config, 8, `2`, eu), holds("c", config, 8, `3`, us)},
			arguments{"left": map[string]any{"environment": "staging"}, "right": map[string]any{"environment": "prod"}}, "limits: MISSING -|3; limits: VALUE 1|2"},
		{"two clusters", []whatchanged.Event{holds("a", config, 9, `1`, eu, cluster("c1")), holds("b", config, 8, `2`, eu, cluster("c2"))},
			arguments{"left": map[string]any{"cluster": "c1"}, "right": map[string]any{"cluster": "c2"}}, "limits: VALUE 1|2"},
		{"two stores, by attribute", []whatchanged.Event{holds("a", config, 9, `1`, eu, attribute("store", "old")), holds("b", config, 8, `2`, eu, attribute("store", "new")), holds("c", flag, 7, `1`, attribute("store", "old"))},
			arguments{"left": map[string]any{"attribute": "store=old"}, "right": map[string]any{"attribute": "store=new"}}, "fast: MISSING 1|-; limits: VALUE 1|2"},
		{"two stores, by namespace", []whatchanged.Event{holds("a", "config:zk/limits", 9, `1`), holds("b", "config:etcd/limits", 8, `2`), holds("c", "config:zk/only", 7, `1`), holds("d", "config:zk/same", 7, `1`), holds("e", "config:etcd/same", 7, `1`)},
			arguments{"left": map[string]any{"namespace": "zk"}, "right": map[string]any{"namespace": "etcd"}}, "limits: VALUE 1|2; only: MISSING 1|-"},

		{"a dependency that one place has", []whatchanged.Event{needing("a", "web", "cart", eu), needing("b", "web", "cart", us), needing("c", "web", "stock", us)}, euUS, "web→stock: DEPENDENCY -|"},
		{"a dependency that is gone", []whatchanged.Event{needing("a", "web", "cart"), gone("b", "web", "cart", 8)}, yesterday, "web→cart: DEPENDENCY |-"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWorld(t, tt.events...)
			a := must[*resolvers.Compare](t)(compare(t, w, tt.args))
			if got := differences(a); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func needing(id, from, to string, change ...func(*whatchanged.Event)) whatchanged.Event {
	e := needs(from, to)
	e.ID = id
	for _, c := range change {
		c(&e)
	}
	return e
}

func gone(id, from, to string, minutes float64) whatchanged.Event {
	e := needing(id, from, to)
	e.EffectiveAt, e.Dependency.Removed, e.Action = ago(minutes), true, "removed"
	return e
}

func TestCompareSaysWhoAndSinceWhen(t *testing.T) {
	eu, us := in("prod", "eu"), in("prod", "us")
	w := newWorld(t, owned("own", 100, "group:shop/team"), deployed("old", "web", 90, eu, version("v1")), deployed("new", "web", 30, us, version("v2")),
		holds("over", "flag:shop/fast", 20, `1`, in("prod", "")), holds("ride", "flag:shop/fast", 10, `2`, us))
	a := must[*resolvers.Compare](t)(compare(t, w, euUS))
	d := a.Items[0]
	if !d.Drift || d.Since != ago(30) || d.AgeSeconds != 1800 || d.LastWritten != "right" || d.Owner.String() != "group:shop/team" || *d.Left.ID != "old" || *d.Right.ID != "new" {
		t.Errorf("got %+v", d)
	}
	if o := a.Items[1]; o.Drift || !o.Right.Override || o.Left.Override || o.Right.Actor.Name != "ann" || o.Left.Placement.Region != "" {
		t.Errorf("overrides come after drift: %+v", o)
	}
	s := a.Summary
	if s.Drift != 1 || s.Overrides != 1 || s.ByOwner[0].Value != "group:shop/team" || s.ByKind[0].Value != "service" || s.ByDiffers[0].Value != "VERSION" || s.Oldest.Since != ago(30) || s.Newest.Entity.Name != "web" {
		t.Errorf("summary %+v", s)
	}
	b := must[*resolvers.Compare](t)(compare(t, w, with(euUS, "driftOnly", true)))
	if len(b.Items) != 1 || len(b.Excluded) != 1 || b.Excluded[0].Reason != "DECLARED_OVERRIDE" || b.Excluded[0].Count != 1 {
		t.Errorf("what is hidden is counted: %+v", b.Excluded)
	}
	if !strings.Contains(a.Verdict, "2 differences between eu (as of") || !strings.Contains(a.Verdict, "1 drift, 1 declared override.") {
		t.Errorf("verdict %q", a.Verdict)
	}
}

// with is args with one more.
func with(args arguments, name string, value any) arguments {
	out := arguments{name: value}
	for k, v := range args {
		if k != name {
			out[k] = v
		}
	}
	return out
}

func TestCompareScope(t *testing.T) {
	eu, us := in("prod", "eu"), in("prod", "us")
	reads := needs("web", "flag:shop/banner")
	w := newWorld(t, reads,
		holds("1", "flag:shop/banner", 9, `1`, eu), holds("2", "flag:shop/banner", 8, `2`, us),
		holds("3", "config:shop/limits", 9, `1`, eu), holds("4", "config:shop/limits", 8, `2`, us),
		holds("5", "config:shop2/limits", 9, `1`, eu), holds("6", "config:shop2/limits", 8, `2`, us),
		deployed("7", "web", 9, eu, version("v1")), deployed("8", "web", 8, us, version("v2")))
	for _, tt := range []struct {
		claim string
		args  arguments
		want  string
	}{
		{"a service stands for itself and what it reads", with(euUS, "scope", []any{"web"}), "banner: VALUE 1|2; web: VERSION v1|v2"},
		{"a beginning", with(euUS, "scope", []any{"config:shop/*"}), "limits: VALUE 1|2"},
		{"a name and a beginning", with(euUS, "scope", []any{"banner", "config:shop/*"}), "banner: VALUE 1|2; limits: VALUE 1|2"},
		{"one aspect", with(euUS, "aspects", []any{"VERSIONS"}), "web: VERSION v1|v2"},
		{"two aspects", with(with(euUS, "aspects", []any{"flags", "versions"}), "scope", []any{"config:shop*", "web"}), "banner: VALUE 1|2; web: VERSION v1|v2"},
		{"what was known then", with(euUS, "knownAt", "pos:4"), "banner: VALUE 1|2; limits: MISSING 1|-"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if got := differences(must[*resolvers.Compare](t)(compare(t, w, tt.args))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCompareSaysThatNothingDiffers(t *testing.T) {
	w := newWorld(t, holds("a", "config:shop/limits", 9, `1`, in("prod", "eu")), holds("b", "config:shop/limits", 8, `1`, in("prod", "us")))
	a := must[*resolvers.Compare](t)(compare(t, w, euUS))
	if !strings.HasPrefix(a.Verdict, "No difference between eu (as of 2026-03-01T12:00:00Z) and us (as of 2026-03-01T12:00:00Z) in 1 value compared, told by test and by test. Coverage: ") {
		t.Errorf("verdict %q", a.Verdict)
	}
	b := must[*resolvers.Compare](t)(compare(t, w, arguments{"left": map[string]any{"region": "eu"}, "right": map[string]any{"region": "mars"}}))
	if !strings.Contains(b.Verdict, "Nothing is known of mars.") {
		t.Errorf("a side that nobody told of is not taken to lack everything in silence: %q", b.Verdict)
	}
	c := must[*resolvers.Compare](t)(compare(t, newWorld(t), euUS))
	if !strings.HasPrefix(c.Verdict, "Nothing is known that could be compared") {
		t.Errorf("verdict %q", c.Verdict)
	}
}

// TestComparePages: pages read both sides as of the moments of the first,
// though those were given as offsets.
func TestComparePages(t *testing.T) {
	w := newWorld(t)
	for i := range 30 {
		key := fmt.Sprintf("config:shop/k%02d", i)
		w.tell(holds(fmt.Sprint("old", i), key, 3000, `1`))
		if i%5 == 0 {
			w.tell(holds(fmt.Sprint("new", i), key, 5, `2`))
		}
	}
	args := with(yesterday, "limit", 4)
	want := must[*resolvers.Compare](t)(compare(t, w, with(yesterday, "limit", 100))).IDs()
	got, n := pages(t, w, "compare", args)
	if n != 2 || len(want) != 12 || !slices.Equal(got, want) {
		t.Errorf("%d pages give\n%v, want\n%v", n, got, want)
	}
}

// vast is an index with so many services in two regions, each of which has a
// version of its own, page by page.
type vast struct {
	*world
	services int
}

// States implements [resolvers.Index].
func (v *vast) States(_ context.Context, _ whatchanged.View, s whatchanged.StateSelection) (all []*whatchanged.Event, _ error) {
	next := 0
	if s.After != nil {
		if _, err := fmt.Sscanf(s.After.Entity.Name+s.After.Placement.Region, "s%06dr%d", &next, new(int)); err != nil {
			return nil, err
		}
		next = 2*next + int(s.After.Placement.Region[1]-'0') + 1
	}
	for ; next < 2*v.services && len(all) < s.Limit; next++ {
		region := fmt.Sprint("r", next%2)
		e := deployed("id", fmt.Sprintf("s%06d", next/2), 9, in("prod", region), version(region))
		all = append(all, &e)
	}
	return all, nil
}

func TestCompareOfAVastEstateSaysWhereItEnded(t *testing.T) {
	for _, tt := range []struct {
		claim              string
		services, compared int
		upTo               string
	}{
		{"more than one page of the index", 40_000, 40_000, ""},
		{"more than is compared", 60_000, 49_999, "service:shop/s049999"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWorld(t)
			w.config.Index = &vast{w, tt.services}
			w.Resolver = must[*resolvers.Resolver](t)(resolvers.New(w.config))
			args := arguments{"left": map[string]any{"region": "r0"}, "right": map[string]any{"region": "r1"}, "limit": 1}
			a := must[*resolvers.Compare](t)(compare(t, w, args))
			upTo := ""
			if a.UpTo != nil {
				upTo = *a.UpTo
			}
			if a.Compared != tt.compared || upTo != tt.upTo || strings.Contains(a.Verdict, "narrower scope") != (upTo != "") || a.Summary.Drift != tt.compared {
				t.Errorf("%d compared up to %q, %d drift: %s", a.Compared, upTo, a.Summary.Drift, a.Verdict)
			}
			if a.Total != 20_000 || len(a.Excluded) != 1 || a.Excluded[0].Reason != "BEYOND_LIMIT" || a.Excluded[0].Count != tt.compared-20_000 {
				t.Errorf("of %d differences on all pages, left out %+v", a.Total, a.Excluded)
			}
			if tt.upTo != "" {
				_, err := compare(t, w, arguments{"left": map[string]any{"namespace": "a"}, "right": map[string]any{"namespace": "b"}})
				refused(t, err, whatchanged.CodeTooLarge, "scope")
			}
		})
	}
}
