package changelog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
)

// appenderEnv makes this test binary a process that appends until it is
// killed, printing each sequence that was acknowledged.
const appenderEnv = "CHANGELOG_APPENDER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(appenderEnv); dir != "" {
		appendForEver(dir, changelog.Sync(os.Getenv("CHANGELOG_APPENDER_SYNC")))
	}
	os.Exit(m.Run())
}

func appendForEver(dir string, sync changelog.Sync) {
	ctx := context.Background()
	l, err := changelog.Open(ctx, changelog.Config{Dir: dir, Sync: sync})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		r, err := l.Append(ctx, of(fmt.Sprint(i)))
		if err != nil {
			os.Exit(1)
		}
		fmt.Println(r.Position.Sequence)
	}
}

func TestNothingAcknowledgedIsLostWhenTheProcessIsKilled(t *testing.T) {
	for _, sync := range []changelog.Sync{changelog.SyncAlways, changelog.SyncInterval} {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), appenderEnv+"="+dir, "CHANGELOG_APPENDER_SYNC="+string(sync))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acked := uint64(0)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if acked, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
				t.Fatal(lines.Text())
			}
			if acked == 300 {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		l := open(t, changelog.Config{Dir: dir})
		last, _, err := l.Last(t.Context())
		if err != nil || acked < 300 || last < acked {
			t.Fatalf("%s: acknowledged up to %d, stored up to %d: %v", sync, acked, last, err)
		}
		for i, d := range tail(t, l, 1, last) {
			if d.Sequence != uint64(i+1) || d.Events[0].ID != fmt.Sprint(i) {
				t.Fatalf("%s: %d holds %s", sync, d.Sequence, d.Events[0].ID)
			}
		}
		if r := add(t, l, of("0")); !r.Duplicate {
			t.Errorf("%s: a redelivery after the crash was stored again, at %v", sync, r.Position)
		}
	}
}

func TestItRefusesBeforeTheDiskIsFull(t *testing.T) {
	l := open(t, changelog.Config{Reserve: 1 << 62})
	if _, err := l.Append(t.Context(), of("a")); !errors.Is(err, whatchanged.ErrUnavailable) {
		t.Errorf("%v, want unavailable", err)
	}
}
