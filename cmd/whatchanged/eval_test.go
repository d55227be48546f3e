package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func evalState(t *testing.T, words ...string) string {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetArgs(append([]string{"eval", "state"}, words...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// One answer of the small set is such that its history does not lead to it.
func TestEvalStateCountsWhatIsRight(t *testing.T) {
	got := evalState(t, filepath.Join("..", "..", "fixtures"))
	if !strings.HasPrefix(got, "13 of 14 answered right, ") || !strings.HasSuffix(got, "\nwrong: not told\n") {
		t.Errorf("got %s", got)
	}
}

func TestEvalStateOfRealHistory(t *testing.T) {
	set, want := filepath.Join("..", "..", "fixtures", "state"), `{"total":14,"right":13}`
	if dir := os.Getenv("WHATCHANGED_TESTDATA"); dir != "" {
		set, want = filepath.Join(dir, "incidents"), `{"total":160,"right":158}`
	} else {
		t.Log("WHATCHANGED_TESTDATA is not set: asking of the fixtures of the project")
	}
	if got := evalState(t, set, "--json"); got != want+"\n" {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEvalStateRefuses(t *testing.T) {
	if exit := run([]string{"eval", "state", t.TempDir()}); exit != 3 {
		t.Errorf("a folder without a set: exit status %d, want 3", exit)
	}
}

// TestScoreboardOfTheFixtures: a worse diagnosis of the small hand-written set
// must show in review.
func TestScoreboardOfTheFixtures(t *testing.T) {
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetArgs([]string{"eval", "incidents", filepath.Join("..", "..", "fixtures", "incidents", "shop")})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "incidents", "shop.golden"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("make scoreboard writes it anew (-want +got):\n%s", diff)
	}
}

func TestEvalIncidentsRefuses(t *testing.T) {
	if exit := run([]string{"eval", "incidents", t.TempDir()}); exit != 3 {
		t.Errorf("a folder without a set: exit status %d, want 3", exit)
	}
}
