package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// TestEvalGit: the reverts of a repository are incidents, those that say why.
func TestEvalGit(t *testing.T) {
	repo := t.TempDir()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", repo, "-c", "user.name=Ann Miller", "-c", "user.email=ann@shop.example"}, args...)...)
		at = at.Add(20 * time.Minute)
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE="+at.Format(time.RFC3339), "GIT_COMMITTER_DATE="+at.Format(time.RFC3339))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
	}
	land := func(file, subject string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(repo, file), []byte(subject+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		git("add", ".")
		git("commit", "-q", "-m", subject)
	}
	git("init", "-q")
	land("pool.yaml", "Raise the pool of the checkout database")
	for _, file := range []string{"a", "b", "c"} {
		land(file+".txt", "Change "+file)
	}
	git("revert", "--no-edit", "HEAD~3")
	git("commit", "-q", "--amend", "-m", "Revert \"Raise the pool of the checkout database\"\n\nThis reverts commit "+revision(t, repo, "HEAD~4")+".\n\ncheckout ran out of database connections, pool exhausted")
	land("d.txt", "Change d")
	git("revert", "--no-edit", "HEAD") // says nothing
	exit, out, log := result(t, "eval", "git", repo, "--json")
	var scores map[string]struct {
		N    int
		Top1 float64
	}
	if err := json.Unmarshal([]byte(out), &scores); exit != 0 || err != nil || scores["text"].N != 1 || scores["text"].Top1 != 100 {
		t.Errorf("%d %v: %s\n%s", exit, err, out, log)
	}
	if !strings.Contains(log, "1 reverts say why, 1 do not") {
		t.Errorf("log: %s", log)
	}
	if exit := run([]string{"eval", "git", t.TempDir()}); exit == 0 {
		t.Error("a folder that is no repository was measured on")
	}
}

func revision(t *testing.T, repo, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "-C", repo, "rev-parse", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
