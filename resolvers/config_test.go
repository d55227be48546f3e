package resolvers_test

import (
	"fmt"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

func config(t testing.TB, w *world, args arguments) (*resolvers.ConfigState, error) {
	t.Helper()
	return ask[*resolvers.ConfigState](t, w, "config", args)
}

const fast = "flag:shop/fast"

// set sets fast, minutes before noon; after is JSON, "" is no value.
func set(id string, minutes float64, environment, region, after string, change ...func(*whatchanged.Event)) whatchanged.Event {
	e := deployed(id, fast, minutes, kind(whatchanged.Flag), in(environment, region))
	e.Action, e.Actor = "changed", &whatchanged.Actor{Name: "by-" + id}
	if after != "" {
		e.After = whatchanged.Value(after)
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

func of(entity string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) {
		e.Entity, e.Kind = ref(entity), whatchanged.EventKind(ref(entity).Kind)
	}
}

func was(before string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Before = whatchanged.Value(before) }
}

func action(a string) func(*whatchanged.Event) { return func(e *whatchanged.Event) { e.Action = a } }

func revision(n int) func(*whatchanged.Event) { return func(e *whatchanged.Event) { e.Revision = n } }

// spell writes each value as place=value(before<, next>) by id.
func spell(a *resolvers.ConfigState) string {
	var all []string
	side := func(v *resolvers.ConfigVersion, mark string) string {
		switch {
		case v == nil:
			return ""
		case v.Deleted:
			return mark + "deleted"
		}
		return mark + v.Value.String() + v.Version
	}
	for _, v := range a.Items {
		s := v.Place.String() + "=" + v.Value.String() + v.Version
		if v.Status != resolvers.StatusSet {
			s = v.Place.String() + " " + v.Status + v.Value.String()
		}
		all = append(all, s+side(v.Previous, "<")+side(v.Next, ">")+" by "+v.ID)
	}
	return strings.Join(all, ", ")
}

// settings are a flag with a history in two regions, and what comes late, is
// corrected, deleted, or set twice at one moment.
func settings(t *testing.T) *world {
	return newWorld(t,
		set("all", 300, "prod", "", "1"),
		set("eu-1", 200, "prod", "eu", "5"), set("eu-2", 100, "prod", "eu", "50", was("5")),
		set("us-1", 190, "prod", "us", "7", action("created")), set("us-gone", 90, "prod", "us", "", was("7"), action("deleted")),
		set("tie-1", 80, "staging", "", "1"), set("tie-2", 80, "staging", "", "2"),
		set("late", 150, "prod", "eu", "20"),
		set("wrong", 60, "test", "", "8"), set("wrong", 40, "test", "", "9", revision(1)),
		set("soon", -30, "prod", "eu", "100"),
	)
}

func TestConfig(t *testing.T) {
	w := settings(t)
	const beforeLate = "pos:7"
	for _, tt := range []struct{ claim, asOf, knownAt, environment, region, want, excluded string }{
		{"now, everywhere: each place's own, deletions shown with what was there", "", "", "", "",
			"prod=1 by all, prod/eu=50<5>100 by eu-2, prod/us deleted<7 by us-gone, staging=2<1 by tie-2, test=9 by wrong", ""},
		{"then", "-150m", "", "prod", "eu", "prod/eu=20<5>50 by late", "OVERRIDDEN 1 OTHER_PLACEMENT 1"},
		{"what came late never shows in what was known before", "-150m", beforeLate, "prod", "eu", "prod/eu=5>50 by eu-1", "OTHER_PLACEMENT 1 OVERRIDDEN 1"},
		{"the moment is included", "-100m", "", "prod", "eu", "prod/eu=50<5>100 by eu-2", "OTHER_PLACEMENT 1 OVERRIDDEN 1"},
		{"and not what comes a microsecond later", "2026-03-01T10:19:59.999999Z", "", "prod", "eu", "prod/eu=20<5>50 by late", ""},
		{"a wider value covers a region that has none of its own", "", "", "prod", "ap", "prod/ap=1 by all", ""},
		{"a value that was deleted uncovers the wider one", "", "", "prod", "us", "prod/us=1 by all", ""},
		{"the other way round a region does not speak for its environment", "-195m", "", "prod", "us", "prod/us=1 by all", ""},
		{"an environment alone: its own value and those within", "-95m", "", "prod", "", "prod=1 by all, prod/eu=50<5>100 by eu-2, prod/us=7>deleted by us-1", ""},
		{"of equal times the later told holds", "", "", "staging", "", "staging=2<1 by tie-2", ""},
		{"a correction moves a value", "-50m", "", "test", "", "", ""},
		{"and is not known before it came", "-50m", "pos:9", "test", "", "test=8 by wrong", ""},
		{"case is ignored", "", "", "STAGING", "", "STAGING=2<1 by tie-2", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			args := arguments{"key": fast}
			for name, v := range map[string]string{"asOf": tt.asOf, "knownAt": tt.knownAt, "environment": tt.environment} {
				if v != "" {
					args[name] = v
				}
			}
			if tt.region != "" {
				args["regions"] = []any{tt.region}
			}
			a := must[*resolvers.ConfigState](t)(config(t, w, args))
			if got := spell(a); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			for _, x := range a.Excluded {
				if tt.excluded != "" && !strings.Contains(tt.excluded, fmt.Sprint(x.Reason, " ", x.Count)) {
					t.Errorf("excluded %+v, want %s", a.Excluded, tt.excluded)
				}
			}
		})
	}
}

func TestConfigTellsWhoWhenAndWhy(t *testing.T) {
	written := ago(12)
	w := newWorld(t, set("wide", 60, "prod", "", `{"percentage":5,"rules":["beta"]}`, func(e *whatchanged.Event) {
		e.WrittenAt, e.Attributes, e.Version, e.PreviousVersion = &written, map[string]string{"ticket": "OPS-1"}, "8", "7"
		e.Approval, e.Validation = &whatchanged.Approval{By: "bob"}, &whatchanged.Validation{Result: "passed"}
		e.Links = []whatchanged.Link{{Rel: "evidence", URL: "https://flags.example/8"}}
	}), needs("web", fast), needs("web", "cart"))
	a := must[*resolvers.ConfigState](t)(config(t, w, arguments{"key": "fast", "environment": "prod", "regions": []any{"eu"}}))
	v := a.Items[0]
	if v.Percentage == nil || *v.Percentage != 5 || v.Targeting.String() != `["beta"]` || v.Ticket != "OPS-1" || v.Actor.Name != "by-wide" || v.Approval.By != "bob" ||
		v.Validation.Result != "passed" || !v.WrittenAt.Equal(written) || v.Version != "8" || v.Previous.Version != "7" || v.Placement.Region != "" || len(v.Links) != 1 {
		t.Errorf("got %+v", v)
	}
	if v.Why != "set for prod, which covers prod/eu: nothing more specific is set there" {
		t.Errorf("why: %s", v.Why)
	}
	if len(a.Readers) != 1 || a.Readers[0].From.Name != "web" {
		t.Errorf("readers %v", a.Readers)
	}
	want := `flag:shop/fast in prod/eu at 2026-03-01T12:00:00Z: «{"percentage":5,"rules":["beta"]}» (version 8) since 2026-03-01T11:00:00Z by by-wide, before that version 7.`
	if a.Verdict != want {
		t.Errorf("verdict\n%s, want\n%s", a.Verdict, want)
	}
}

func TestConfigOfDeclaredBesideObserved(t *testing.T) {
	seen := func(id string, minutes float64, environment, region, value string) whatchanged.Event {
		return set(id, minutes, environment, region, value, action(whatchanged.ActionObserved))
	}
	w := newWorld(t, set("eu", 60, "prod", "eu", "5"), seen("eu-seen", 58, "prod", "eu", "5.0"),
		set("us", 60, "prod", "us", "5"), seen("us-seen", 50, "prod", "us", "4"), seen("ap-seen", 50, "prod", "ap", "9"))
	a := must[*resolvers.ConfigState](t)(config(t, w, arguments{"key": fast}))
	if got := spell(a); got != "prod/ap observed9 by ap-seen, prod/eu=5 by eu, prod/us=5 by us" {
		t.Errorf("got %s", got)
	}
	eu, us := a.Items[1].Observed[0], a.Items[2].Observed[0]
	if *eu.Differs || *eu.LagSeconds != 120 || eu.ID != "eu-seen" {
		t.Errorf("what agrees says how long it took: %+v, %v s", eu, *eu.LagSeconds)
	}
	if !*us.Differs || *us.LagSeconds != 3600 {
		t.Errorf("what differs says for how long: %+v, %v s", us, *us.LagSeconds)
	}
	if !strings.Contains(a.Verdict, "1 observed and not declared") || !strings.Contains(a.Verdict, "but observed as 4") {
		t.Errorf("verdict %s", a.Verdict)
	}
}

func TestConfigOfAPart(t *testing.T) {
	w := newWorld(t, set("a", 90, "prod", "", `{"limits":[{"rate":5}],"n":1}`), set("b", 80, "prod", "", `{"limits":[{"rate":6}],"n":1}`),
		set("c", 70, "prod", "", `{"limits":[{"rate":6}],"n":2}`), set("d", -5, "prod", "", `{"limits":[{"rate":6}],"n":3}`), set("e", -9, "prod", "", `{"n":3}`))
	a := must[*resolvers.ConfigState](t)(config(t, w, arguments{"key": fast, "path": "limits[0].rate", "history": true}))
	if got := spell(a); got != "prod=6<5> by b" {
		t.Errorf("the change is the one that touched the part: got %s", got)
	}
	if got := steps(a); got != "b:replace  5 → 6, a:add   → 5" {
		t.Errorf("history of the part: %s", got)
	}
	if next := a.Items[0].Next; next == nil || *next.ID != "e" {
		t.Errorf("next %+v", next)
	}
	now := must[*resolvers.ConfigState](t)(config(t, w, arguments{"key": fast, "path": "/n"}))
	if got := spell(now); got != "prod=2<1>3 by c" {
		t.Errorf("got %s", got)
	}
}

func steps(a *resolvers.ConfigState) string {
	var all []string
	for _, h := range a.History {
		edits := make([]string, 0, len(h.Diff))
		for _, d := range h.Diff {
			edits = append(edits, d.Op+" "+d.Path+" "+d.Was.String()+" → "+d.Value.String())
		}
		all = append(all, h.ID+":"+strings.Join(edits, ";"))
	}
	return strings.Join(all, ", ")
}

func TestConfigHistory(t *testing.T) {
	w := settings(t)
	args := arguments{"key": fast, "environment": "prod", "regions": []any{"eu"}, "history": true}
	a := must[*resolvers.ConfigState](t)(config(t, w, args))
	if got := steps(a); got != "eu-2:replace  5 → 50, late:replace  5 → 20, eu-1:add   → 5, all:add   → 1" {
		t.Errorf("got %s", got)
	}
	then := must[*resolvers.ConfigState](t)(config(t, w, arguments{"key": fast, "environment": "prod", "regions": []any{"eu"}, "history": true, "asOf": "-120m", "knownAt": "pos:7"}))
	if got := steps(then); got != "eu-1:add   → 5, all:add   → 1" {
		t.Errorf("as of then, as known then: %s", got)
	}
	gone := must[*resolvers.ConfigState](t)(config(t, w, arguments{"key": fast, "environment": "prod", "regions": []any{"us"}, "history": true}))
	if got := steps(gone); got != "us-gone:remove  7 → , us-1:add   → 7, all:add   → 1" || !gone.History[0].Deleted {
		t.Errorf("a deletion is a step: %s", got)
	}
}

func TestConfigPagesReachEverything(t *testing.T) {
	for _, args := range []arguments{{"key": fast, "history": true}, {"key": fast}, {"key": "flag:shop/*", "history": true}} {
		w := settings(t)
		args["limit"] = 500
		whole := must[*resolvers.ConfigState](t)(config(t, w, args))
		want := spell(whole) + "; " + steps(whole)
		args["limit"] = 2
		var values, changes []string
		for n := 0; ; n++ {
			a := must[*resolvers.ConfigState](t)(config(t, w, args))
			if s := spell(a); s != "" {
				values = append(values, s)
			}
			if s := steps(a); s != "" {
				changes = append(changes, s)
			}
			if a.Total != whole.Total {
				t.Errorf("page %d: %d in all, want %d", n, a.Total, whole.Total)
			}
			if a.Cursor == nil {
				break
			}
			args["cursor"] = *a.Cursor
			w.tell(set(fmt.Sprint("meanwhile-", n), float64(n), "prod", "eu", "0"))
		}
		if got := strings.Join(values, ", ") + "; " + strings.Join(changes, ", "); got != want {
			t.Errorf("%v:\ngot  %s\nwant %s", args, got, want)
		}
	}
}

func TestConfigOfSeveralKeys(t *testing.T) {
	w := newWorld(t, set("a", 60, "prod", "", "1", of("config:shop/a")), set("b", 60, "prod", "", "2", of("config:shop/b")),
		set("x", 60, "prod", "", "3", of("config:shopping/x")), set("api-f", 60, "prod", "", "4", of("flag:shop/api")),
		set("api-c", 60, "prod", "", "5", of("config:other/api")), deployed("web", "api", 60))
	for _, tt := range []struct {
		claim string
		key   []any
		want  string
	}{
		{"a prefix", []any{"config:shop/*"}, "prod=1 by a, prod=2 by b"},
		{"a prefix within a name, any case", []any{"Config:Shop*"}, "prod=1 by a, prod=2 by b, prod=3 by x"},
		{"a list", []any{"config:shop/b", "config:shop/a", "x"}, "prod=1 by a, prod=2 by b, prod=3 by x"},
		{"a list and a prefix", []any{"config:shopping/*", "flag:shop/api"}, "prod=3 by x, prod=4 by api-f"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if got := spell(must[*resolvers.ConfigState](t)(config(t, w, arguments{"key": tt.key}))); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	_, err := config(t, w, arguments{"key": "api"})
	if e := refusal(t, err, whatchanged.CodeAmbiguous, "key"); len(e.Suggest) != 3 {
		t.Errorf("suggests %v", e.Suggest)
	}
}

func TestConfigThatIsNotSet(t *testing.T) {
	w := newWorld(t, set("later", 60, "prod", "eu", "1"))
	a := must[*resolvers.ConfigState](t)(config(t, w, arguments{"key": fast, "asOf": "-2h"}))
	if len(a.Items) != 0 || len(a.Unset) != 1 || !strings.Contains(a.Verdict, "nothing was set at 2026-03-01T10:00:00Z; the next to set it is later at 2026-03-01T11:00:00Z. Coverage: ") {
		t.Errorf("verdict %q, %+v", a.Verdict, a)
	}
	a = must[*resolvers.ConfigState](t)(config(t, w, arguments{"key": fast, "environment": "prod", "regions": []any{"us"}}))
	if !strings.Contains(a.Verdict, "in prod/us besides what was left out: 1 OTHER_PLACEMENT. Coverage: ") {
		t.Errorf("verdict %q", a.Verdict)
	}
}

func TestConfigRefuses(t *testing.T) {
	w := settings(t)
	for _, tt := range []struct {
		claim string
		ask   arguments
		code  whatchanged.Code
		field string
	}{
		{"no key", arguments{"key": []any{}}, whatchanged.CodeInvalidArgument, "key"},
		{"a prefix of anything", arguments{"key": "*"}, whatchanged.CodeInvalidArgument, "key"},
		{"a key nobody told of", arguments{"key": "flag:shop/fas"}, whatchanged.CodeNotFound, "key"},
		{"a name nobody told of", arguments{"key": "fas"}, whatchanged.CodeNotFound, "key"},
		{"a prefix of nothing", arguments{"key": "flag:shop/fas/*"}, whatchanged.CodeNotFound, "key"},
		{"a key not known then", arguments{"key": fast, "knownAt": "pos:0"}, whatchanged.CodeNotFound, "key"},
		{"no path", arguments{"key": fast, "path": "a..b"}, whatchanged.CodeInvalidArgument, "path"},
		{"no limit", arguments{"key": fast, "limit": 501}, whatchanged.CodeInvalidArgument, "limit"},
		{"a region that says nothing", arguments{"key": fast, "regions": []any{" "}}, whatchanged.CodeInvalidArgument, "regions"},
		{"too many keys", arguments{"key": make([]any, 51)}, whatchanged.CodeInvalidArgument, "key.0"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			_, err := config(t, w, tt.ask)
			e := refusal(t, err, tt.code, tt.field)
			if tt.code == whatchanged.CodeNotFound && tt.ask["knownAt"] == nil && strings.Contains(fmt.Sprint(tt.ask["key"]), "fas") && len(e.Suggest) == 0 && !strings.HasSuffix(tt.ask["key"].(string), "*") {
				t.Errorf("suggests nothing: %v", e)
			}
		})
	}
}
