package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"github.com/ClickHouse/clickhouse-go/v2"
	"net"
	"os"
	osexec "os/exec"
	"testing"
	"time"

	"whatchanged.dev/whatchanged/index/cold/embedded"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
)

// parentOf names, in the environment, the data folder of an engine that this
// binary is to start and hold until it is killed.
const parentOf = "EMBEDDED_TEST_PARENT_OF"

func TestMain(m *testing.M) {
	embedded.Child()
	if data := os.Getenv(parentOf); data != "" {
		os.Exit(parent(data))
	}
	os.Exit(enginetest.Main(m))
}

// parent starts an engine, says where it listens, and waits for its death.
func parent(data string) int {
	e, err := embedded.Start(context.Background(), embedded.Config{Data: data, Library: os.Getenv(enginetest.Variable)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	w, err := clickhouse.Open(e.Writer())
	if err == nil {
		err = w.Exec(context.Background(), "CREATE TABLE t ORDER BY number AS SELECT number FROM numbers(1000)")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(e.Writer().Addr[0])
	<-e.Done()
	return 0
}

func TestNoOrphanIsLeftAndNothingLostWhenTheParentIsKilled(t *testing.T) {
	data := t.TempDir()
	cmd := osexec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), parentOf+"="+data)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	witness, err := net.Dial("tcp", line[:len(line)-1]) // the kernel closes it when the engine is gone
	if err != nil {
		t.Fatal(err)
	}
	defer witness.Close()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if err := witness.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := witness.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the engine outlived its parent")
	}
	e := own(t, embedded.Config{Data: data}) // refused while anyone holds the folder
	if got := ask[uint64](t, open(t, e.Reader()), "SELECT count() FROM t"); got != 1000 {
		t.Errorf("%d rows, want the 1000 of the killed parent", got)
	}
}
