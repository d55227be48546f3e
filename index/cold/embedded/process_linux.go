package embedded

import (
	"os"
	"syscall"
)

// executable returns a path of the program that runs now, even when its file
// was replaced by a newer version since.
func executable() (string, error) { return "/proc/self/exe", nil }

// attributes puts the child into a process group of its own, so that Ctrl-C in
// a terminal reaches us alone and we end it in good order, and has the kernel
// kill it when the thread that started it ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// title sets the name that tools show for this process, which is otherwise the
// last part of executable's path. They show at most 15 bytes of it. It is a
// convenience, so failing is nothing.
func title(name string) { _ = os.WriteFile("/proc/self/comm", []byte(name), 0) }
