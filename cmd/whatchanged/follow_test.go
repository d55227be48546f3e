package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAFollowerThatIsKilledIsLost follows a repository, kills the follower, and
// asks of what it told and of what another source told.
func TestAFollowerThatIsKilledIsLost(t *testing.T) {
	server, folder := serving(t, t.TempDir()), history(t, 20)
	server.taken(ce("apart", time.Now()))
	ask := func(question string, args ...string) string {
		_, stdout, stderr := result(t, append(append([]string{"ask", question}, args...), "--json", "--server", server.url)...)
		return strings.ReplaceAll(stdout, `": `, `":`) + stderr
	}
	follow := func() *exec.Cmd {
		cmd := command("ingest", "git", folder, "--every", "100ms", "--server", server.url)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		return cmd
	}
	says := func(state string) func() bool {
		of := regexp.MustCompile(`"source":"git",\s*"state":"` + state + `"`)
		return func() bool { return of.MatchString(ask("dataHealth")) }
	}
	cmd := follow()
	until(t, "the follower is heard", says("heard"))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	until(t, "it is lost", says("lost"))
	commit := ask("timeline", "--kinds", "commit", "--since", "2019-01-01T00:00:00Z", "--limit", "1")
	_, entity, _ := strings.Cut(commit, `"entity":"`)
	entity, _, _ = strings.Cut(entity, `"`)
	if got := ask("timeline", entity, "--hops", "0"); !strings.Contains(got, "lost: git (connection lost ") {
		t.Errorf("what git told of %s is not said to be missed: %s", entity, got)
	}
	if got := ask("timeline", "service:shop/checkout", "--hops", "0"); strings.Contains(got, "lost:") || !strings.Contains(got, `"state":"heard"`) {
		t.Errorf("what another source told is said to be missed: %s", got)
	}

	cmd = follow()
	until(t, "it is heard again", says("heard"))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !says("stopped")() {
		t.Errorf("one that was ended is not said to be stopped: %s", ask("dataHealth"))
	}
}

// TestAFollowerBringsWhatLands makes a commit while the follower runs.
func TestAFollowerBringsWhatLands(t *testing.T) {
	server, folder := serving(t, t.TempDir()), history(t, 3)
	cmd := command("ingest", "git", folder, "--every", "50ms", "--server", server.url)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	total := func(n string) func() bool {
		return func() bool {
			_, stdout, _ := result(t, "ask", "timeline", "--kinds", "commit", "--since", "2019-01-01T00:00:00Z", "--limit", "1", "--json", "--server", server.url)
			return strings.Contains(strings.ReplaceAll(stdout, `": `, `":`), `"total":`+n+",")
		}
	}
	until(t, "its history is there", total("3"))
	tree := strings.TrimSpace(git(t, folder, "rev-parse", "main^{tree}"))
	landed := strings.TrimSpace(git(t, folder, "-c", "user.name=ann", "-c", "user.email=ann@example.com", "commit-tree", tree, "-p", "main", "-m", "one more"))
	git(t, folder, "update-ref", "refs/heads/main", landed)
	until(t, "what landed is there", total("4"))
}

// TestAFollowerWhoseRemoteIsAwayIsLost follows a clone, moves its remote away
// and back, and asks of what it told and of what another source told.
func TestAFollowerWhoseRemoteIsAwayIsLost(t *testing.T) {
	server, remote, clone := serving(t, t.TempDir()), history(t, 3), t.TempDir()
	server.taken(ce("apart", time.Now()))
	git(t, clone, "clone", "-q", remote, ".")
	cmd := command("ingest", "git", clone, "--repository", "shop/config", "--every", "50ms", "--fetch", "--server", server.url)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	ask := func(entity string) string {
		_, stdout, _ := result(t, "ask", "timeline", entity, "--since", "2019-01-01T00:00:00Z", "--hops", "0", "--json", "--server", server.url)
		return strings.ReplaceAll(stdout, `": `, `":`)
	}
	answers := func(what string) func() bool {
		return func() bool { return strings.Contains(ask("repository:shop/config"), what) }
	}
	lands := func() {
		tree := strings.TrimSpace(git(t, remote, "rev-parse", "main^{tree}"))
		git(t, remote, "update-ref", "refs/heads/main", strings.TrimSpace(git(t, remote,
			"-c", "user.name=ann", "-c", "user.email=ann@example.com", "commit-tree", tree, "-p", "main", "-m", "one more")))
	}
	until(t, "its history is there", answers(`"total":3,`))
	lands()
	until(t, "what landed at the remote is there", answers(`"total":4,`))
	if err := os.Rename(remote, remote+".away"); err != nil {
		t.Fatal(err)
	}
	until(t, "it is said to be lost", answers("lost: git (connection lost "))
	if got := ask("service:shop/checkout"); strings.Contains(got, "lost:") || !strings.Contains(got, `"state":"heard"`) {
		t.Errorf("what another source told is said to be missed: %s", got)
	}
	if err := os.Rename(remote+".away", remote); err != nil {
		t.Fatal(err)
	}
	until(t, "it is heard again", answers(`"text":"heard: git`))
	lands()
	until(t, "what landed since is there", answers(`"total":5,`))
	if got := git(t, clone, "rev-list", "--count", "HEAD"); strings.TrimSpace(got) != "3" {
		t.Errorf("the branch of the clone has %s landings", got)
	}
}

func git(t *testing.T, folder string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", folder}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}
