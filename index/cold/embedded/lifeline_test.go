package embedded

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestStandardInputStaysReplaced: what the engine finds as its standard input
// is empty for as long as it lives, in a process that collects garbage.
func TestStandardInputStaysReplaced(t *testing.T) {
	const inChild = "WHATCHANGED_TEST_LIFELINE"
	if os.Getenv(inChild) != "" {
		_, err := lifeline()
		for range 100 {
			runtime.GC()
			runtime.Gosched() // lets what closes collected files run
		}
		link, readErr := os.Readlink("/proc/self/fd/0")
		fmt.Println("standard input:", link, err, readErr)
		os.Exit(0)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStandardInputStaysReplaced$")
	cmd.Env = append(os.Environ(), inChild+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "standard input: /dev/null <nil> <nil>") {
		t.Errorf("%v: %s", err, out)
	}
}
