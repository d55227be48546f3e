//go:build linux || darwin

package changelog

import (
	"math"
	"syscall"
)

// diskFree returns how many bytes a folder's file system has left. The log
// refuses before that is nothing: once a write has failed for lack of room,
// JetStream stores nothing more until it is started again, even when there is
// room (seen with nats-server 2.15.2).
func diskFree(dir string) uint64 {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return math.MaxUint64 // let the log itself find out
	}
	return s.Bavail * uint64(s.Bsize)
}
