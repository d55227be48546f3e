// Package npmtest publishes packages to tests, without a network: a program
// called npm, alone on the path, that says where they are, and a server that
// has them there.
package npmtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// A File is one of a package, named by its path in it.
type File struct{ Name, Content string }

// Pack returns a package as npm would publish it.
func Pack(t testing.TB, files ...File) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	tarball := tar.NewWriter(zip)
	for _, f := range files {
		if err := tarball.WriteHeader(&tar.Header{Name: "package/" + f.Name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(f.Content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tarball.Write([]byte(f.Content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tarball.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Integrity returns the checksum of a package as npm writes it.
func Integrity(b []byte) string {
	s := sha512.Sum512(b)
	return "sha512-" + base64.StdEncoding.EncodeToString(s[:])
}

// Install puts a program called npm alone on the path, which does what a shell
// script says and leaves its arguments in the file returned, a line for each
// time it was called.
func Install(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	args := filepath.Join(dir, "args")
	text := fmt.Sprintf("#!/bin/sh\necho \"$*\" >> %q\n%s\n", args, script)
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	return args
}

// Says is the script that answers every question with one package.
func Says(tarball, integrity string) string {
	return fmt.Sprintf(`echo '{"dist.tarball": %q, "dist.integrity": %q}'`, tarball, integrity)
}

// Serve publishes what a handler writes and returns its address.
func Serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/package.tgz"
}
