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

func incidentBrief(t testing.TB, w *world, args arguments) (*resolvers.IncidentBrief, error) {
	t.Helper()
	return ask[*resolvers.IncidentBrief](t, w, "incidentBrief", args)
}

// trouble is what a source tells of an incident.
func trouble(id, name, action string, minutes float64, change ...func(*whatchanged.Event)) whatchanged.Event {
	e := deployed(id, "incident:default/"+name, minutes, change...)
	e.Kind, e.Action = whatchanged.Incident, action
	return e
}

// night is a shop with an open incident about web, and four of the past.
func night(more ...whatchanged.Event) []whatchanged.Event {
	about := func(s string) func(*whatchanged.Event) { return attribute("service", "service:shop/"+s) }
	return append([]whatchanged.Event{
		needs("web", "cart"), needs("cart", "db"), owned("own", 5000, "group:shop/team"), onCall("turn", "group:shop/team", 4000, map[string]any{"people": []string{"ann"}}),
		deployed("old-flag", "flag:shop/cache", 30_000, kind(whatchanged.Flag)), deployed("old-fix", "flag:shop/cache", 29_900, kind(whatchanged.Flag), reverting("old-flag")),
		deployed("old-db", "db", 20_000), deployed("old-patch", "db", 19_900),
		trouble("same-1", "inc-1", "detected", 29_990, about("web"), summary("Carts time out for all customers"), attribute("causedBy", "old-flag")), trouble("same-2", "inc-1", "resolved", 29_890),
		trouble("near-1", "inc-2", "detected", 19_990, about("cart"), summary("Queue is full"), attribute("cause", "old-db")), trouble("near-2", "inc-2", "resolved", 19_890, attribute("fixedBy", "old-patch, unheard-of")),
		trouble("words-1", "inc-3", "detected", 9_000, about("far"), summary("Carts time out in a test")), trouble("else-1", "inc-4", "detected", 8_000, about("far"), summary("Certificate expired")),
		deployed("cart-2", "cart", 50, version("v2"), in("prod", "eu")), deployed("web-9", "web", 45, version("v9"), in("prod", "eu"), step("web-9", whatchanged.PhaseProgressing, 0.25)),
		trouble("open-1", "inc-9", "detected", 40, about("web"), in("prod", "eu"), summary("Carts time out")), trouble("open-2", "inc-9", "acknowledged", 35),
	}, more...)
}

func TestIncidentBrief(t *testing.T) {
	w := newWorld(t, append(night(), edge("old-edge", "cart", "db", 40_000, false))...)
	for _, tt := range []struct {
		claim    string
		ask      arguments
		state    string
		suspects string
		flying   string
		similar  string
	}{
		{"of an incident, by its id", arguments{"incident": "INC-9"}, "open", "web-9 cart-2", "web-9", "inc-1 inc-3 inc-2"},
		{"by its reference", arguments{"incident": "incident:default/inc-9"}, "open", "web-9 cart-2", "web-9", "inc-1 inc-3 inc-2"},
		{"as a moment spells it", arguments{"incident": "inc:INC-9", "limit": 1}, "open", "web-9", "web-9", "inc-1 inc-3 inc-2"},
		{"of trouble that is no incident", arguments{"scope": []any{"cart"}, "onset": when(30)}, "", "cart-2 web-9", "web-9", "inc-2 inc-9 inc-1"},
		{"once it is over: as of its beginning", arguments{"incident": "INC-2"}, "resolved", "old-db old-patch", "", ""},
		{"as of then it was open", arguments{"incident": "INC-2", "asOf": when(19_950)}, "open", "old-db", "", ""},
		{"as known then", arguments{"incident": "INC-9", "knownAt": "pos:17"}, "open", "web-9 cart-2", "web-9", "inc-1 inc-3 inc-2"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.IncidentBrief](t)(incidentBrief(t, w, tt.ask))
			var suspects, flying, similar []string
			for _, s := range a.Items {
				suspects = append(suspects, s.Change.ID)
			}
			for _, r := range a.Rollouts {
				flying = append(flying, r.ID)
			}
			for _, s := range a.Similar {
				similar = append(similar, s.Entity.Name)
			}
			for _, c := range []struct{ what, got, want string }{{"state", a.State, tt.state}, {"suspects", strings.Join(suspects, " "), tt.suspects},
				{"rollouts", strings.Join(flying, " "), tt.flying}, {"similar", strings.Join(similar, " "), tt.similar}} {
				if c.got != c.want {
					t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
				}
			}
		})
	}
}

func TestIncidentBriefTellsWhomToCallAndWhatHelpedBefore(t *testing.T) {
	a := must[*resolvers.IncidentBrief](t)(incidentBrief(t, newWorld(t, night()...), arguments{"incident": "INC-9"}))
	if o := a.Owners[0]; o.Entity != ref("web") || o.OnCall == nil || o.OnCall.People[0] != "ann" || len(a.Owners) != 2 || a.Owners[1].OnCall != nil {
		t.Errorf("owners %+v", a.Owners)
	}
	recorded := map[string]string{}
	for _, s := range a.Similar {
		recorded[s.Entity.Name] = strings.Join(slices.Concat(s.CausedBy, s.FixedBy), " ")
	}
	for name, want := range map[string]string{"inc-1": "old-flag old-fix", "inc-2": "old-db old-patch", "inc-3": ""} {
		if got, ok := recorded[name]; !ok || got != want {
			t.Errorf("%s: caused and fixed by %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(a.Verdict, "is open: «Carts time out»") || !strings.Contains(a.Verdict, "caused by flag deployed of flag:shop/cache (old-flag); fixed by") {
		t.Errorf("verdict %s", a.Verdict)
	}
	if text := fmt.Sprint(a.Table().Rows); !strings.Contains(text, "what caused it is not recorded; what fixed it is not recorded") {
		t.Errorf("what is not recorded is not said: %s", text)
	}
	quiet := must[*resolvers.IncidentBrief](t)(incidentBrief(t, newWorld(t, deployed("a", "web", 30000)), arguments{"scope": []any{"web"}}))
	if !strings.Contains(quiet.Verdict, "Nothing recorded changed around service:shop/web") || !strings.Contains(quiet.Verdict, "0 rollouts in flight") || !strings.Contains(quiet.Verdict, "no similar incident is known") {
		t.Errorf("nothing is not said: %s", quiet.Verdict)
	}
}

// TestIncidentBriefHeedsVerdicts on the incident that is asked of.
func TestIncidentBriefHeedsVerdicts(t *testing.T) {
	w := newWorld(t, night(held("v", "inc-9", "cart-2", "culprit", 5), held("w", "inc-8", "web-9", "culprit", 5))...)
	a := must[*resolvers.IncidentBrief](t)(incidentBrief(t, w, arguments{"incident": "INC-9"}))
	if a.Items[0].Change.ID != "cart-2" {
		t.Errorf("first suspect %s", a.Items[0].Change.ID)
	}
}

// crowdedNight is a night with so much of everything that all has to be cut.
func crowdedNight(n int) []whatchanged.Event {
	long := strings.Repeat("carts time out for customers of the shop ", 40)
	var more []whatchanged.Event
	for i := range n {
		name := fmt.Sprintf("service-with-a-long-name-%d", i)
		own := deployed(fmt.Sprint("own-", i), name, 5000, kind(whatchanged.Ownership))
		own.After = whatchanged.ValueOf(fmt.Sprint("group:shop/team-", i))
		more = append(more, needs("web", name), own, onCall(fmt.Sprint("turn-", i), fmt.Sprint("group:shop/team-", i), 4000, map[string]any{"people": []string{"ann", "ben", "cleo"}}),
			deployed(fmt.Sprintf("github/deployment/%d", 145988746+i), name, 45-float64(i)/10, version(fmt.Sprintf("%040x", i)), in("prod", "eu"), by("ann", false), summary(long),
				step(fmt.Sprint("rollout-", i), whatchanged.PhaseProgressing, 0.1)),
			trouble(fmt.Sprint("past-", i), fmt.Sprint("past-", i), "detected", 10_000, attribute("service", "service:shop/web"), attribute("causedBy", "cart-2"), summary(long)))
	}
	return night(more...)
}

func TestIncidentBriefIsBrief(t *testing.T) {
	w := newWorld(t, crowdedNight(30)...)
	a := must[*resolvers.IncidentBrief](t)(incidentBrief(t, w, arguments{"incident": "INC-9"}))
	if got := tokens(a, a.Brief(), resolvers.BriefNotes(a.Head())); got > 2000 {
		t.Errorf("%d tokens", got)
	}
	if len(a.Items) != 3 || len(a.Rollouts) != 3 || len(a.Similar) != 3 || len(a.Owners) > 6 || !a.Truncated {
		t.Errorf("%d suspects, %d rollouts, %d similar, %d owners", len(a.Items), len(a.Rollouts), len(a.Similar), len(a.Owners))
	}
}

// tokens of an answer's text, as the MCP server counts them.
func tokens(a resolvers.Answered, table resolvers.Table, notes []string) int {
	n := len(a.Head().Verdict)
	for _, row := range append([][]string{table.Header}, table.Rows...) {
		n += len(strings.Join(row, "\t")) + 1
	}
	return int(float64(n+len(strings.Join(notes, "\n"))) / 2.3)
}

// thorough notes every read of an index.
type thorough struct{ *counting }

func (c thorough) note(read string) { c.reads = append(c.reads, read) }

func (c thorough) Entities(ctx context.Context, v whatchanged.View, s whatchanged.EntitySelection) ([]whatchanged.EntityRecord, error) {
	c.note("entities")
	return c.Tier.Entities(ctx, v, s)
}

func (c thorough) List(ctx context.Context, v whatchanged.View, q whatchanged.EntityList) (whatchanged.Listing, error) {
	c.note("list")
	return c.Tier.List(ctx, v, q)
}

func (c thorough) Reach(ctx context.Context, v whatchanged.View, k whatchanged.Walk) ([]whatchanged.Reached, error) {
	c.note("reach")
	return c.Tier.Reach(ctx, v, k)
}

func (c thorough) Tellers(ctx context.Context, v whatchanged.View, refs []whatchanged.Ref) ([]string, error) {
	c.note("tellers")
	return c.Tier.Tellers(ctx, v, refs)
}

// readsFor counts the reads that a question takes.
func readsFor(t *testing.T, events []whatchanged.Event, field string, args arguments) int {
	t.Helper()
	w := newWorld(t, events...)
	c := &counting{world: w}
	w.config.Index = thorough{c}
	w.Resolver = must[*resolvers.Resolver](t)(resolvers.New(w.config))
	_ = must[resolvers.Answered](t)(ask[resolvers.Answered](t, w, field, args))
	return len(c.reads)
}

// TestAnswersReadNoMoreOfMore: how often an answer reads does not grow with how
// much there is.
func TestAnswersReadNoMoreOfMore(t *testing.T) {
	scope := func(n int) []any {
		var all []any
		for i := range n {
			all = append(all, fmt.Sprintf("service:shop/service-with-a-long-name-%d", i))
		}
		return all
	}
	for field, args := range map[string]func(n int) arguments{
		"incidentBrief": func(n int) arguments { return arguments{"incident": "INC-9", "scope": scope(min(n, 15))} },
		"impact":        func(int) arguments { return arguments{"target": "cart-2", "action": "revert"} },
	} {
		few, many := readsFor(t, crowdedNight(2), field, args(2)), readsFor(t, crowdedNight(40), field, args(40))
		if few == 0 || many > few {
			t.Errorf("%s reads %d times of little, %d times of much", field, few, many)
		}
		t.Logf("%s: %d reads", field, many)
	}
}

func TestIncidentBriefRefuses(t *testing.T) {
	w := newWorld(t, night()...)
	for _, tt := range []struct {
		ask   arguments
		code  whatchanged.Code
		field string
	}{
		{arguments{}, whatchanged.CodeInvalidArgument, "incident"},
		{arguments{"incident": "INC-99"}, whatchanged.CodeNotFound, "incident"},
		{arguments{"incident": "INC-9", "limit": 11}, whatchanged.CodeInvalidArgument, "limit"},
		{arguments{"scope": []any{"web"}, "onset": when(1), "asOf": when(3000)}, whatchanged.CodeInvalidArgument, "onset"},
		{arguments{"scope": []any{"nobody"}}, whatchanged.CodeNotFound, "scope"},
	} {
		_, err := incidentBrief(t, w, tt.ask)
		refused(t, err, tt.code, tt.field)
	}
}
