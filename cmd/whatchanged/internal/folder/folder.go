// Package folder keeps a data folder to one owner.
//
// The engine and the change log each need their folder for themselves, and the
// log does not check: two servers on one folder would both acknowledge, and
// lose events. So whoever opens the folder first holds a lock on one file in
// it until it ends, however it ends, and writes there at which address it can
// be asked. Others talk to that address instead.
package folder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"whatchanged.dev/whatchanged"
)

// An Owner is what the lock file says of who holds a folder.
type Owner struct {
	PID     int    `json:"pid"`
	Address string `json:"address"` // of its HTTP surface, as http://127.0.0.1:8080; "" until it listens
}

// A Folder is a data folder that this process owns.
type Folder struct {
	Path string
	file *os.File
}

const lockName = "owner.lock"

// Open takes the folder at path, and makes it if it is not there. If another
// process owns it the error is [*OwnedError].
func Open(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := lock(f); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			owner, _ := read(path) // it may be about to write it
			return nil, &OwnedError{Path: path, Owner: owner}
		}
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	folder := &Folder{Path: path, file: f}
	return folder, folder.Announce("")
}

// lock takes the lock. Whoever looks for an owner (Find) holds a shared lock
// for a moment, so one that is held is tried for a little longer.
func lock(f *os.File) error {
	var err error
	for range 10 {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// recordSize is the length of what the lock file holds, filled up with spaces:
// a record is replaced by one write, and nobody reads half of it.
const recordSize = 256

// Announce writes where this process can be asked.
func (f *Folder) Announce(address string) error {
	b, err := json.Marshal(Owner{PID: os.Getpid(), Address: address})
	if err != nil {
		return err
	}
	if n := recordSize - len(b); n > 0 {
		b = append(b, bytes.Repeat([]byte(" "), n)...)
	}
	if _, err := f.file.WriteAt(b, 0); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// Close gives the folder up.
func (f *Folder) Close() error { return f.file.Close() }

// Find returns who owns the folder at path; ok is false when nobody does.
func Find(path string) (owner Owner, ok bool, err error) {
	f, err := os.Open(filepath.Join(path, lockName))
	if errors.Is(err, os.ErrNotExist) {
		return Owner{}, false, nil
	}
	if err != nil {
		return Owner{}, false, fmt.Errorf("data folder: %w", err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return Owner{}, false, nil // closing gives the lock up again
	}
	owner, err = read(path)
	return owner, true, err
}

func read(path string) (Owner, error) {
	var o Owner
	b, err := os.ReadFile(filepath.Join(path, lockName))
	if err == nil && len(b) > 0 { // empty: its first owner is about to write it
		err = json.Unmarshal(b, &o)
	}
	if err != nil {
		return o, fmt.Errorf("read who owns %s: %w", path, err)
	}
	return o, nil
}

// An OwnedError says that another process owns a folder.
type OwnedError struct {
	Path  string
	Owner Owner
}

// Error says who, and what to do instead.
func (e *OwnedError) Error() string {
	at := "not listening yet"
	if e.Owner.Address != "" {
		at = "at " + e.Owner.Address
	}
	return fmt.Sprintf("the data folder %s is in use by process %d, %s: ask that one, or choose another folder with --data", e.Path, e.Owner.PID, at)
}

// As lets the error be read as one of the product's.
func (e *OwnedError) As(target any) bool {
	t, ok := target.(**whatchanged.Error)
	if ok {
		*t = whatchanged.Errorf(whatchanged.CodeUnavailable, "%s", e.Error()).In("data")
	}
	return ok
}
