package eval

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

func TestNamesThatDifferInCaseStayApart(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "Http_Proxy", "^h", "H", "a b", "a^20;b", "ä", "Ä", "a/b.[0].c"} {
		ref := settingRef("Cart", name)
		if !ref.Valid() || ref != ref.Canonical() {
			t.Errorf("%q becomes %q, which is not canonical", name, ref)
		}
		if was, ok := seen[ref.Name]; ok {
			t.Errorf("%q and %q are both %q", was, name, ref.Name)
		}
		seen[ref.Name] = name
	}
}

func TestAWholeSetIsRead(t *testing.T) {
	s, err := ReadState(filepath.Join("..", "..", "fixtures"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Events) != 14 || len(s.Questions) != 14 {
		t.Errorf("%d events and %d questions", len(s.Events), len(s.Questions))
	}
	gone, moved := s.Events[8], s.Events[11]
	if !gone.Deletes() || gone.Before.String() != `"7"` || gone.Placement.Environment != "all" || gone.Entity.String() != "config:cart/limits.rate" {
		t.Errorf("a null is a deletion: %+v", gone)
	}
	if moved.Rollout == nil || *moved.Rollout.Share != 0.3 || moved.Rollout.Phase != whatchanged.PhaseProgressing {
		t.Errorf("a move is a step of a rollout: %+v", moved)
	}
}

func TestAFileThatIsNotWhatWasWantedIsRefused(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{questionsFile: "", settingsFile: "{}\n{\"t\":1}\n", rolloutsFile: ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := ReadState(dir)
	if whatchanged.CodeOf(err) != whatchanged.CodeInvalidArgument || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v", err)
	}
}
