package embedded

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// childName is the name (argument 0) under which our executable is started to
// be the engine. It is a name and not a variable of the environment so that
// nothing inherits it, and so that it can be read in a list of processes.
const childName = "whatchanged-engine"

// Child runs the engine, and never returns, in a process that [Start] made for
// it; in every other process it returns at once. It must be the first call of
// main in every program that calls [Start], tests included.
func Child() {
	if len(os.Args) < 2 || os.Args[0] != childName {
		return
	}
	runtime.LockOSThread()
	title(childName)
	parent, err := lifeline()
	if err == nil {
		go exitWith(parent)
		err = runLibrary(os.Args[1], append([]string{"clickhouse"}, os.Args[2:]...))
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// lifeline moves the standard input out of the engine's reach, which would
// take what can be read there for a table, and returns it. What stands in its
// place is kept: were it garbage, descriptor 0 would be closed when it is
// collected, and the next file that is opened would be read as that table.
func lifeline() (*os.File, error) {
	fd, err := syscall.Dup(0)
	if err != nil {
		return nil, fmt.Errorf("keep the pipe to the parent: %w", err)
	}
	syscall.CloseOnExec(fd)
	if err := os.Stdin.Close(); err != nil {
		return nil, fmt.Errorf("close the standard input: %w", err)
	}
	if os.Stdin, err = os.Open(os.DevNull); err != nil { // becomes descriptor 0, the lowest free one
		return nil, fmt.Errorf("replace the standard input: %w", err)
	}
	return os.NewFile(uintptr(fd), "parent"), nil
}

// exitWith ends this process when the parent's end of the pipe is closed,
// which the kernel does for a parent that was killed.
func exitWith(parent io.Reader) {
	_, _ = io.Copy(io.Discard, parent) // however it ends, the parent is gone
	os.Exit(0)
}

// runLibrary runs the engine of a library as its command line would. It
// returns when the engine has ended, always with an error: while all is well
// it does not end.
func runLibrary(path string, args []string) error {
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("load the engine: %w", err)
	}
	for _, name := range []string{"chdb_query_cmdline", "chdb_result_error"} {
		if _, err := purego.Dlsym(library, name); err != nil {
			return fmt.Errorf("%s is not an engine library we know: %w", path, err)
		}
	}
	var commandLine func(argc int32, argv unsafe.Pointer) uintptr
	var resultError func(result uintptr) string
	purego.RegisterLibFunc(&commandLine, library, "chdb_query_cmdline")
	purego.RegisterLibFunc(&resultError, library, "chdb_result_error")

	argv := make([]*byte, 0, len(args)+1)
	for _, a := range args {
		text := append([]byte(a), 0)
		argv = append(argv, &text[0])
	}
	argv = append(argv, nil)
	result := commandLine(int32(len(args)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	return fmt.Errorf("the engine ended: %s", strings.TrimSpace(resultError(result)))
}
