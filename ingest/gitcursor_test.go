package ingest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whatchanged.dev/whatchanged"
)

// An importing reads a repository again and again, as an index that remembers
// what it was told would see it.
type importing struct {
	*repo
	stored storedBefore
}

// run reads what is new, of which the index hears so many events, and all if
// that is 0. It returns the summaries of the landings that were read.
func (i *importing) run(config GitConfig, heard int) (read []string, got GitReading) {
	i.t.Helper()
	config.Path, config.Stored = i.dir, i.stored
	var all []whatchanged.Event
	got, err := ReadGit(i.t.Context(), config, func(events []whatchanged.Event) error {
		all = append(all, events...)
		return nil
	})
	if err != nil {
		i.t.Fatal(err)
	}
	for _, e := range all {
		if e.Kind == whatchanged.Commit {
			read = append(read, e.Summary)
		}
	}
	if heard > 0 {
		all = all[:heard]
	}
	for _, e := range all {
		known := slices.ContainsFunc(i.stored, func(k whatchanged.Event) bool { return k.Identity() == e.Identity() })
		if !known {
			i.stored = append(i.stored, e)
		}
	}
	return read, got
}

func newImporting(t *testing.T, landings int) *importing {
	i := &importing{repo: newRepo(t)}
	for n := range landings {
		i.write("a.yaml", fmt.Sprintf("a: %d\n", n))
		i.write("b.yaml", fmt.Sprintf("b: %d\n", n))
		i.commit(fmt.Sprintf("landing %d (#%d)", n, n))
	}
	return i
}

func TestOnlyWhatLandedSinceIsRead(t *testing.T) {
	i := newImporting(t, 70)
	if read, _ := i.run(GitConfig{}, 0); len(read) != 70 {
		t.Fatalf("at first: %d landings, want 70", len(read))
	}
	read, got := i.run(GitConfig{}, 0)
	if len(read) != 0 || got.Before != 70 || got.Notes != nil {
		t.Errorf("unchanged: read %q, %+v", read, got)
	}
	i.commit(`Revert "landing 3 (#3)"`)
	i.commit("Undo\n\nReverts shop/config#5")
	read, _ = i.run(GitConfig{}, 0)
	if diff := cmp.Diff([]string{`Revert "landing 3 (#3)"`, "Undo"}, read); diff != "" {
		t.Errorf("two more landings: -want +got:\n%s", diff)
	}
	for n, undone := range []int{3, 5} {
		e := i.stored[len(i.stored)-2+n]
		want := fmt.Sprintf("landing %d (#%d)", undone, undone)
		if at := slices.IndexFunc(i.stored, func(k whatchanged.Event) bool { return k.ID == e.Reverts }); at < 0 || i.stored[at].Summary != want {
			t.Errorf("%q undoes %q, want the event of %q", e.Summary, e.Reverts, want)
		}
	}
}

func TestAReadingThatWasCutGoesOnWhereItWas(t *testing.T) {
	for _, heard := range []int{1, 2, 3, 4, 100, 101, 102, 208, 209} {
		i := newImporting(t, 70) // three events each
		i.run(GitConfig{}, heard)
		read, got := i.run(GitConfig{}, 0)
		if len(read) != 70-heard/3 || got.Before != heard/3 || len(i.stored) != 210 {
			t.Errorf("%d events heard: read %d, %+v, then stored %d", heard, len(read), got, len(i.stored))
		}
	}
}

func TestAPartOfAHistoryIsNoneToGoOnFrom(t *testing.T) {
	i := newImporting(t, 10)
	i.run(GitConfig{Limit: 3}, 0)
	if read, got := i.run(GitConfig{}, 0); len(read) != 10 || got.Before != 0 {
		t.Errorf("all of it after the last three: read %d, %+v", len(read), got)
	}
	i.commit("one more")
	i.run(GitConfig{}, 0)
	if read, _ := i.run(GitConfig{}, 0); len(read) != 0 {
		t.Errorf("once all is stored: read %q", read)
	}
	j := newImporting(t, 10)
	j.run(GitConfig{Limit: 10}, 0)
	if read, _ := j.run(GitConfig{}, 0); len(read) != 0 {
		t.Errorf("a limit that holds nothing back: read %q", read)
	}
}

func TestARewrittenHistoryIsSaidAndReadFromWhereItParted(t *testing.T) {
	i := newImporting(t, 10)
	i.run(GitConfig{}, 0)
	i.git("reset", "-q", "--hard", "HEAD~3")
	i.commit("another way")
	read, got := i.run(GitConfig{}, 0)
	if !cmp.Equal(read, []string{"another way"}) || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "main was rewritten") {
		t.Errorf("read %q, %+v", read, got)
	}
	i.commit("and on")
	i.commit("and on")
	i.commit("and on")
	i.run(GitConfig{}, 0)
	if read, got := i.run(GitConfig{}, 0); read != nil || got.Notes != nil {
		t.Errorf("after it was read: read %q, %+v", read, got)
	}
}

func TestABranchGoesOnFromWhatItShares(t *testing.T) {
	i := newImporting(t, 10)
	i.run(GitConfig{}, 0)
	i.git("checkout", "-q", "-b", "release", "HEAD~2")
	i.commit("a fix")
	read, got := i.run(GitConfig{Ref: "release"}, 0)
	if !cmp.Equal(read, []string{"a fix"}) || got.Notes != nil {
		t.Errorf("read %q, %+v", read, got)
	}
}

func TestAnotherMappingCorrectsWhatWasRead(t *testing.T) {
	mapping := func(entity string) *Mapping {
		m, err := ReadMapping("map.yaml", []byte(`paths: [{path: "a.yaml", entity: "`+entity+`"}]`))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	i := newImporting(t, 40)
	i.run(GitConfig{}, 0)
	read, got := i.run(GitConfig{Mapping: mapping("service:shop/a")}, 60) // which is cut
	if len(read) != 40 || len(got.Notes) != 1 || i.stored[len(i.stored)-1].Revision != 1 {
		t.Fatalf("another mapping: read %d, %+v", len(read), got)
	}
	if read, got := i.run(GitConfig{Mapping: mapping("service:shop/a")}, 0); len(read) != 20 || got.Notes != nil {
		t.Errorf("on after the cut: read %d, %+v", len(read), got)
	}
	if read, _ := i.run(GitConfig{Mapping: mapping("service:shop/a")}, 0); read != nil {
		t.Errorf("unchanged: read %q", read)
	}
	i.run(GitConfig{Mapping: mapping("service:shop/b")}, 30) // cut, and back
	if read, _ := i.run(GitConfig{Mapping: mapping("service:shop/a")}, 0); len(read) != 40 || i.stored[len(i.stored)-1].Revision != 3 {
		t.Errorf("back to the mapping before: read %d, to revision %d", len(read), i.stored[len(i.stored)-1].Revision)
	}
}

func TestARevertOfACommitOfABranchNamesItsMerge(t *testing.T) {
	i := newImporting(t, 2)
	i.git("checkout", "-q", "-b", "side")
	i.write("c.yaml", "c: 1")
	undone := i.commit("on the side")
	i.write("c.yaml", "c: 2")
	i.commit("and on")
	i.git("checkout", "-q", "main")
	i.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
	merge := i.git("rev-parse", "HEAD")
	i.commit("Back out\n\nThis reverts commit " + undone + ".")
	for _, config := range []GitConfig{{}, {Limit: 1}, {Limit: 2}} {
		events := i.read(config)
		want := "git/shop/config/" + merge
		if config.Limit == 1 {
			want = undone // its landing is not read
		}
		if got := events[len(events)-1].Reverts; got != want {
			t.Errorf("%+v: got %q, want %q", config, got, want)
		}
	}
}
