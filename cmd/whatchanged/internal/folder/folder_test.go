package folder_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/folder"
)

// TestMain lets the test binary stand in for another process that owns a
// folder until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("OWN_FOLDER"); path != "" {
		own(path)
	}
	os.Exit(m.Run())
}

func own(path string) {
	f, err := folder.Open(path)
	if err == nil {
		err = f.Announce("http://127.0.0.1:4711")
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("owned")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // for ever
	os.Exit(0)
}

// owner starts another process that owns path, and returns how to kill it.
func owner(t *testing.T, path string) (pid int, kill func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "OWN_FOLDER="+path)
	if _, err := cmd.StdinPipe(); err != nil { // kept open
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(kill)
	if line, _ := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "owned" {
		t.Fatalf("the other process says %q", line)
	}
	return cmd.Process.Pid, kill
}

func TestAFolderHasOneOwnerAcrossProcesses(t *testing.T) {
	path := t.TempDir()
	pid, kill := owner(t, path)

	_, err := folder.Open(path)
	var owned *folder.OwnedError
	if !errors.As(err, &owned) || owned.Owner != (folder.Owner{PID: pid, Address: "http://127.0.0.1:4711"}) {
		t.Fatalf("got %v, want that %d owns it", err, pid)
	}
	if whatchanged.CodeOf(err) != whatchanged.CodeUnavailable || !strings.Contains(err.Error(), "http://127.0.0.1:4711") {
		t.Errorf("refused with %s: %v", whatchanged.CodeOf(err), err)
	}
	if o, ok, err := folder.Find(path); err != nil || !ok || o != owned.Owner {
		t.Errorf("found %+v, %t, %v", o, ok, err)
	}

	kill() // as a crash would
	if o, ok, err := folder.Find(path); err != nil || ok {
		t.Errorf("found %+v, %t, %v though the owner is gone", o, ok, err)
	}
	f, err := folder.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if o, ok, err := folder.Find(path); err != nil || !ok || o != (folder.Owner{PID: os.Getpid()}) {
		t.Errorf("found %+v, %t, %v: want us, without the address of the one before", o, ok, err)
	}
}

func TestAFolderHasOneOwnerWithinAProcess(t *testing.T) {
	path := t.TempDir() + "/a/b"
	f, err := folder.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Announce("http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	if err := f.Announce("http://1:2"); err != nil { // shorter than before
		t.Fatal(err)
	}
	_, err = folder.Open(path)
	if owned := (*folder.OwnedError)(nil); !errors.As(err, &owned) || owned.Owner.Address != "http://1:2" {
		t.Errorf("got %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := folder.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Announce(""); err != nil {
		t.Fatal(err)
	}
	if err := (&folder.OwnedError{Path: path}).Error(); !strings.Contains(err, "not listening yet") {
		t.Error(err)
	}
}

func TestNobodyOwnsWhatIsNotThere(t *testing.T) {
	if o, ok, err := folder.Find(t.TempDir()); ok || err != nil {
		t.Errorf("found %+v, %v", o, err)
	}
	if _, err := folder.Open("/dev/null/x"); err == nil {
		t.Error("opened a folder below a device")
	}
}

// TestLookingForAnOwnerDoesNotKeepOneOut: ask looks while serve starts.
func TestLookingForAnOwnerDoesNotKeepOneOut(t *testing.T) {
	path := t.TempDir()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if _, _, err := folder.Find(path); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	for range 50 {
		f, err := folder.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-stopped
}
