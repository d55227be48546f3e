package embedded

import "syscall"

// executable returns a path of the program that runs now, even when its file
// was replaced by a newer version since.
func executable() (string, error) { return "/proc/self/exe", nil }

// attributes puts the child into a process group of its own, so that Ctrl-C in
// a terminal reaches us alone and we end it in good order, and has the kernel
// kill it when the thread that started it ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
