package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemo runs the demo on a repository of one landing: it compares the three
// surfaces itself, and fails if they differ.
func TestDemo(t *testing.T) {
	repo := t.TempDir()
	if err := os.WriteFile(filepath.Join(repo, "values.yaml"), []byte("replicas: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."},
		{"-c", "user.name=ann", "-c", "user.email=ann@shop.example", "commit", "-q", "-m", "Two replicas"}} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", repo}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
	}
	exit, stdout, stderr := result(t, "demo", "--once", "--listen", "127.0.0.1:0", "--repo", repo)
	if exit != 0 || strings.Count(stdout, "GraphQL, MCP and CLI gave the same answer.") != 3 {
		t.Errorf("exit %d, %s\n%s", exit, stderr, stdout)
	}
	for _, want := range []string{"2 change events stored", "; likely to blame: flag changed of flag:payments/deep-fraud-check", "replace /percentage 5 → 100"} {
		if !strings.Contains(stdout+stderr, want) {
			t.Errorf("nothing says %q:\n%s", want, stdout)
		}
	}
}
