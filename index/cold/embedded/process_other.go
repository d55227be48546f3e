//go:build !linux

package embedded

import (
	"os"
	"syscall"
)

// executable returns the path of the program that runs now.
func executable() (string, error) { return os.Executable() }

// attributes puts the child into a process group of its own, so that Ctrl-C in
// a terminal reaches us alone and we end it in good order.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// title has no counterpart here: tools show the name of the executable.
func title(string) {}
