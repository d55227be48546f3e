package resolvers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers"
)

func findCommit(t testing.TB, w *world, args arguments) (*resolvers.FindCommit, error) {
	t.Helper()
	return ask[*resolvers.FindCommit](t, w, "findCommit", args)
}

// sha is a commit whose name begins with seven times a letter.
func sha(letter string) string { return strings.Repeat(letter, 7) + strings.Repeat("0", 33) }

// landed is a landing on the branch of web's repository; what it was put on is
// told by its letter.
func landed(letter, on string, minutes float64, change ...func(*whatchanged.Event)) whatchanged.Event {
	e := deployed("git/shop/web/"+sha(letter), "repository:shop/web", minutes, kind(whatchanged.Commit), summary("landing "+letter))
	e.Action, e.Version, e.Commits = "landed", sha(letter), []string{sha(letter)}
	if on != "" {
		e.PreviousVersion = sha(on)
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

func undoes(letter string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Action, e.Reverts = "reverted", "git/shop/web/"+sha(letter) }
}

// built says from which commit a deployment's version was built.
func built(letter string) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Version, e.Commits = sha(letter), []string{sha(letter)} }
}

func rolling(rollout string, phase whatchanged.Phase) func(*whatchanged.Event) {
	return func(e *whatchanged.Event) { e.Rollout = &whatchanged.RolloutStep{ID: rollout, Phase: phase} }
}

// line is five landings, of which e undoes c, and a fix on a branch cut at b.
func line() []whatchanged.Event {
	return []whatchanged.Event{
		landed("a", "", 900), landed("b", "a", 800, attribute("pullRequest", "12")), landed("c", "b", 700, summary("OPS-7: faster")),
		landed("d", "c", 600), landed("e", "d", 500, undoes("c"), summary(`Revert "OPS-7: faster"`)), landed("f", "b", 550, attribute("branch", "release-1.2")),
	}
}

// stated lists where a commit stands, and how.
func stated(a *resolvers.FindCommit) string {
	var all []string
	for _, p := range a.Items {
		s := p.Service.Name + " " + p.Placement.String() + " " + string(p.State)
		if p.Train != "" {
			s += " (" + p.Train + ")"
		}
		if p.Since != nil {
			s += fmt.Sprintf(" %.0f", noon.Sub(*p.Since).Minutes())
		}
		all = append(all, s+" "+strings.Join(p.Evidence, ","))
	}
	return a.Live + ": " + strings.Join(all, "; ")
}

func TestFindCommit(t *testing.T) {
	eu, us := in("prod", "eu"), in("prod", "us")
	github := func(id string, minutes float64, letter string, phase whatchanged.Phase, where func(*whatchanged.Event)) whatchanged.Event {
		return deployed(id, "web", minutes, where, built(letter), rolling("dep-"+letter, phase), attribute("repository", "repository:shop/web"), attribute("ref", "main"))
	}
	for _, tt := range []struct {
		claim  string
		events []whatchanged.Event
		ask    arguments
		want   string
	}{
		{"a later build contains it", []whatchanged.Event{deployed("1", "web", 90, eu, built("d"))}, arguments{"commit": sha("b")}, "yes: web prod/eu live 90 1"},
		{"by a short name", []whatchanged.Event{deployed("1", "web", 90, eu, built("d"))}, arguments{"commit": "BBBBBBB"}, "yes: web prod/eu live 90 1"},
		{"by its pull request", []whatchanged.Event{deployed("1", "web", 90, eu, built("d"))}, arguments{"commit": "#12"}, "yes: web prod/eu live 90 1"},
		{"by that of its repository", []whatchanged.Event{deployed("1", "web", 90, eu, built("d"))}, arguments{"commit": "shop/web#12"}, "yes: web prod/eu live 90 1"},
		{"or a bare name of that", []whatchanged.Event{deployed("1", "web", 90, eu, built("d"))}, arguments{"commit": "web#12"}, "yes: web prod/eu live 90 1"},
		{"by its ticket, the revert of which is not meant", []whatchanged.Event{deployed("1", "web", 90, eu, built("d"))}, arguments{"commit": "OPS-7"}, "yes: web prod/eu live 90 1"},
		{"since the first build that has it", []whatchanged.Event{deployed("1", "web", 90, eu, built("a")), deployed("2", "web", 80, eu, built("b")), deployed("3", "web", 70, eu, built("d"))}, arguments{"commit": sha("b")}, "yes: web prod/eu live 80 3,2"},
		{"an earlier build has it not", []whatchanged.Event{deployed("1", "web", 90, eu, built("b"))}, arguments{"commit": sha("d")}, "no: web prod/eu neverShipped 90 1"},
		{"two regions on different builds", []whatchanged.Event{deployed("1", "web", 90, eu, built("d")), deployed("2", "web", 80, us, built("b"))}, arguments{"commit": sha("d")}, "partly: web prod/eu live 90 1; web prod/us neverShipped 80 2"},
		{"of which one is asked", []whatchanged.Event{deployed("1", "web", 90, eu, built("d")), deployed("2", "web", 80, us, built("b"))}, arguments{"commit": sha("d"), "regions": []any{"us"}}, "no: web prod/us neverShipped 80 2"},
		{"as of before, it was live nowhere", []whatchanged.Event{deployed("1", "web", 190, eu, built("b")), deployed("2", "web", 90, eu, built("d"))}, arguments{"commit": sha("d"), "asOf": when(100)}, "no: web prod/eu neverShipped 190 1"},
		{"and from that moment on it was", []whatchanged.Event{deployed("1", "web", 190, eu, built("b")), deployed("2", "web", 90, eu, built("d"))}, arguments{"commit": sha("d"), "asOf": when(90)}, "yes: web prod/eu live 90 2"},
		{"rolled back when an older build came back", []whatchanged.Event{deployed("1", "web", 90, eu, built("d")), deployed("2", "web", 80, eu, built("b"))}, arguments{"commit": sha("c")}, "no: web prod/eu rolledBack 80 2,1"},
		{"superseded when another line came", []whatchanged.Event{deployed("1", "web", 90, eu, built("d")), deployed("2", "web", 80, eu, built("f"))}, arguments{"commit": sha("c")}, "no: web prod/eu superseded 80 2,1"},
		{"of which the train tells", []whatchanged.Event{deployed("2", "web", 80, eu, built("f"), attribute("ref", "release-1.2"))}, arguments{"commit": sha("c")}, "no: web prod/eu neverShipped (1.2) 80 2"},
		{"reverted where the revert is live", []whatchanged.Event{deployed("1", "web", 90, eu, built("e")), deployed("2", "web", 80, us, built("d"))}, arguments{"commit": sha("c")}, "partly: web prod/eu reverted 90 1; web prod/us live 80 2"},
		{"and back where the revert is undone", []whatchanged.Event{landed("9", "e", 400, undoes("e")), deployed("1", "web", 90, eu, built("9"))}, arguments{"commit": sha("c")}, "yes: web prod/eu live 90 1"},
		{"where the chain is not known it is not guessed", []whatchanged.Event{deployed("1", "web", 90, eu, built("8"), attribute("repository", "repository:shop/web"))}, arguments{"commit": sha("c")}, "unknown: web prod/eu unknown 90 1"},
		{"nor from a version that says nothing", []whatchanged.Event{deployed("1", "web", 90, eu, version("42"))}, arguments{"commit": sha("c")}, "unknown: web prod/eu unknown 90 1"},
		{"a deployment of it is on its way", []whatchanged.Event{deployed("1", "web", 90, eu, built("b")), github("g1", 20, "d", whatchanged.PhasePending, eu), github("g2", 10, "d", whatchanged.PhaseProgressing, eu)}, arguments{"commit": sha("d")},
			"no: web prod/eu inProgress 20 1,g2"},
		{"and one of an older build takes it away", []whatchanged.Event{deployed("1", "web", 90, eu, built("d")), github("g1", 20, "b", whatchanged.PhaseProgressing, eu)}, arguments{"commit": sha("d")}, "yes: web prod/eu live 90 1,g1"},
		{"a rollout that was promoted brought it", []whatchanged.Event{deployed("1", "web", 90, eu, built("b")), deployed("2", "web", 30, eu, built("d"), rolling("r", whatchanged.PhasePromoted), kind(whatchanged.RolloutKind))}, arguments{"commit": sha("d")},
			"yes: web prod/eu live 30 2"},
		{"one that failed never shipped it", []whatchanged.Event{deployed("1", "web", 90, eu, built("b")), github("g1", 20, "d", whatchanged.PhaseFailed, eu)}, arguments{"commit": sha("d")}, "no: web prod/eu neverShipped 20 1,g1"},
		{"one that was aborted is rolled back", []whatchanged.Event{deployed("1", "web", 90, eu, built("b")), github("g1", 20, "d", whatchanged.PhaseAborted, eu)}, arguments{"commit": sha("d")}, "no: web prod/eu rolledBack 20 1,g1"},
		{"and it may be the first there", []whatchanged.Event{github("g1", 20, "d", whatchanged.PhaseProgressing, us)}, arguments{"commit": sha("d")}, "no: web prod/us inProgress 20 g1"},
		{"a package that was built from it", []whatchanged.Event{deployed("p", "artifact:default/web", 100, kind(whatchanged.Artifact), version("pkg:oci/web@v1.4.2"), func(e *whatchanged.Event) { e.Commits = []string{sha("d")} }),
			deployed("1", "web", 90, eu, version("pkg:oci/web@v1.4.2"))}, arguments{"commit": sha("b")}, "yes: web prod/eu live (1.4) 90 1"},
		{"a tag that is at it", []whatchanged.Event{landed("d", "", 95, attribute("tag", "v3.1.0"), func(e *whatchanged.Event) { e.ID = "tag" }), deployed("1", "web", 90, eu, version("v3.1.0"))}, arguments{"commit": sha("b")}, "yes: web prod/eu live (3.1) 90 1"},
		{"that tag itself", []whatchanged.Event{landed("d", "", 95, attribute("tag", "v3.1.0"), func(e *whatchanged.Event) { e.ID = "tag" }), deployed("1", "web", 90, eu, built("e"))}, arguments{"commit": "v3.1.0"}, "yes: web prod/eu live 90 1"},
		{"a version without a commit, where it runs as such", []whatchanged.Event{deployed("1", "cart", 95, eu, version("42")), deployed("2", "cart", 90, us, version("42")), deployed("3", "cart", 80, us, version("43"))}, arguments{"commit": "42"},
			"partly: cart prod/eu live 95 1; cart prod/us superseded 80 3,2"},
		{"a service that the catalog says is built from there", []whatchanged.Event{{ID: "edge", Kind: whatchanged.Topology, Action: "declared", Entity: ref("edge"), EffectiveAt: ago(999), Dependency: &whatchanged.Dependency{To: ref("repository:shop/web"), Evidence: whatchanged.Declared}},
			deployed("1", "edge", 90, eu, version("7"))}, arguments{"commit": sha("b")}, "unknown: edge prod/eu unknown 90 1"},
		{"one that was removed runs nothing", []whatchanged.Event{deployed("1", "web", 90, eu, built("d")), deployed("2", "web", 80, eu, built("d"), func(e *whatchanged.Event) { e.Action = "removed" })}, arguments{"commit": sha("b")}, "unknown: "},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.FindCommit](t)(findCommit(t, newWorld(t, append(line(), tt.events...)...), tt.ask))
			if got := stated(a); got != tt.want {
				t.Errorf("got  %s\nwant %s\n%s", got, tt.want, a.Verdict)
			}
		})
	}
}

func TestFindCommitSaysItFirst(t *testing.T) {
	w := newWorld(t, append(line(), deployed("1", "web", 90, in("prod", "eu"), built("d")), deployed("2", "web", 80, in("prod", "us"), built("b")), deployed("3", "web", 70, in("staging", "eu"), built("e")))...)
	for _, tt := range []struct {
		claim   string
		ask     arguments
		verdict string
	}{
		{"where the fix is and is not", arguments{"commit": sha("d")}, "Partly: ddddddd000 is live in 2 of 3 places (web prod/eu, web staging/eu); never shipped to web prod/us."},
		{"where the bad one still is", arguments{"commit": sha("c")}, "Partly: ccccccc000 is live in 1 of 3 places (web prod/eu); reverted in web staging/eu; never shipped to web prod/us."},
		{"that it is everywhere", arguments{"commit": sha("a")}, "Yes: aaaaaaa000 is live everywhere: in 3 of 3 places."},
		{"that it is nowhere", arguments{"commit": sha("f")}, "No: fffffff000 is live nowhere: in 0 of 3 places; never shipped to web prod/eu, web prod/us, web staging/eu."},
		{"and what was not looked at", arguments{"commit": sha("d"), "environment": "staging"}, "Yes: ddddddd000 is live everywhere: in 1 of 1 place besides what was left out: 2 OTHER_PLACEMENT."},
		{"that nothing tells", arguments{"commit": sha("d"), "asOf": when(700)}, "Unknown: nothing recorded tells where what has ddddddd000 runs. Coverage: "},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			a := must[*resolvers.FindCommit](t)(findCommit(t, w, tt.ask))
			if !strings.HasPrefix(a.Verdict, tt.verdict) {
				t.Errorf("got  %s\nwant %s", a.Verdict, tt.verdict)
			}
		})
	}
	a := must[*resolvers.FindCommit](t)(findCommit(t, w, arguments{"commit": sha("c"), "limit": 2}))
	if c := a.Commits[0]; c.Repository.String() != "repository:shop/web" || c.Summary != "OPS-7: faster" || c.LandedAt == nil || !c.LandedAt.Equal(ago(700)) || len(c.RevertedBy) != 1 || c.RevertedBy[0] != sha("e") {
		t.Errorf("got %+v", c)
	}
	if b := must[*resolvers.FindCommit](t)(findCommit(t, w, arguments{"commit": sha("c"), "limit": 2, "cursor": *a.Cursor})); len(a.Items) != 2 || len(b.Items) != 1 || b.Items[0].Placement.Environment != "staging" || b.Live != "partly" {
		t.Errorf("the second page: %s", stated(b))
	}
}

// long is a world of so many landings, a second apart, each on the one before,
// of which the first is of pull request 12. The build of the last is live.
func long(t *testing.T, n int) *world {
	name := func(i int) string { return fmt.Sprintf("%040x", i+1) }
	events := make([]whatchanged.Event, n)
	for i := range events {
		e := landed("a", "", float64(n-i)/60)
		e.ID, e.Version, e.Commits = "git/shop/web/"+name(i), name(i), []string{name(i)}
		if i > 0 {
			e.PreviousVersion = name(i - 1)
		}
		events[i] = e
	}
	attribute("pullRequest", "12")(&events[0])
	w := newWorld(t)
	w.tell(append(events, deployed("1", "web", 0, in("prod", "eu"), version(name(n-1))))...)
	return w
}

func TestFindCommitReadsLongHistories(t *testing.T) {
	first := fmt.Sprintf("%040x", 1)
	w := long(t, 20_002)
	for _, tt := range []struct{ claim, commit string }{{"by its name", first}, {"by its pull request", "web#12"}} {
		a := must[*resolvers.FindCommit](t)(findCommit(t, w, arguments{"commit": tt.commit}))
		if got := stated(a); got != "yes: web prod/eu live 0 1" || a.Commits[0].Commit != first || len(a.Excluded) != 0 {
			t.Errorf("%s: got %s, excluded %+v", tt.claim, got, a.Excluded)
		}
	}
	endless := &endless{world: w}
	w.config.Index = endless
	var err error
	if w.Resolver, err = resolvers.New(w.config); err != nil {
		t.Fatal(err)
	}
	a := must[*resolvers.FindCommit](t)(findCommit(t, w, arguments{"commit": first}))
	if got := stated(a); got != "unknown: web prod/eu unknown 0 1" || endless.pages != 10 || len(a.Excluded) != 1 || a.Excluded[0].Reason != resolvers.ReasonBeyondLimit || a.Excluded[0].Count != 100_000 {
		t.Errorf("beyond the bound: got %s of %d pages, excluded %+v", got, endless.pages, a.Excluded)
	}
}

// endless has 300,000 commits, which are the same 20,000 again and again.
type endless struct {
	*world
	pages int
}

func (e *endless) Changes(ctx context.Context, v whatchanged.View, s whatchanged.Selection) (whatchanged.Page, error) {
	commits := len(s.Kinds) == 1 && s.Kinds[0] == whatchanged.Commit
	if commits {
		s.After = nil
		e.pages++
	}
	page, err := e.world.Changes(ctx, v, s)
	if commits {
		page.Total = 300_000
	}
	return page, err
}

func TestFindCommitRefuses(t *testing.T) {
	other := landed("b", "", 100, attribute("pullRequest", "12"), func(e *whatchanged.Event) {
		e.ID, e.Entity, e.Version = "other", ref("repository:shop/cart"), "bbbbbbb1"+sha("0")[8:]
	})
	other.Commits = []string{other.Version}
	same := landed("a", "", 100, func(e *whatchanged.Event) { e.ID, e.Entity = "fork", ref("repository:fork/web") })
	w := newWorld(t, append(line(), other, same)...)
	for _, tt := range []struct {
		claim   string
		ask     arguments
		code    whatchanged.Code
		field   string
		suggest string
	}{
		{"two commits that begin so", arguments{"commit": "bbbbbbb"}, whatchanged.CodeAmbiguous, "commit", sha("b") + " " + other.Version},
		{"one commit in two repositories", arguments{"commit": sha("a")}, whatchanged.CodeAmbiguous, "commit", sha("a") + " " + sha("a")},
		{"a pull request of two repositories", arguments{"commit": "#12"}, whatchanged.CodeAmbiguous, "commit", "shop/cart#12 shop/web#12"},
		{"a repository of which there are two", arguments{"commit": "web#12"}, whatchanged.CodeAmbiguous, "repository", "repository:fork/web repository:shop/web"},
		{"a repository that is not known", arguments{"commit": "#12", "repository": "nobody"}, whatchanged.CodeNotFound, "repository", ""},
		{"a commit that is not known", arguments{"commit": "1234567"}, whatchanged.CodeNotFound, "commit", ""},
		{"a ticket that is not known", arguments{"commit": "OPS-70"}, whatchanged.CodeNotFound, "commit", ""},
		{"nothing", arguments{"commit": " "}, whatchanged.CodeInvalidArgument, "commit", ""},
		{"no limit", arguments{"commit": "abc", "limit": 0}, whatchanged.CodeInvalidArgument, "limit", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			_, err := findCommit(t, w, tt.ask)
			if e := refusal(t, err, tt.code, tt.field); strings.Join(e.Suggest, " ") != tt.suggest {
				t.Errorf("suggests %v", e.Suggest)
			}
		})
	}
	for _, ask := range []arguments{{"commit": "bbbbbbb", "repository": "shop/web"}, {"commit": sha("a"), "repository": "repository:shop/web"}, {"commit": "#12", "repository": "cart"}} {
		if _, err := findCommit(t, w, ask); err != nil {
			t.Errorf("%v with its repository: %v", ask, err)
		}
	}
}
