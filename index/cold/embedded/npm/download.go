package npm

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// download reads a package from where it is published and writes the named
// files of it to a folder. They are worth nothing unless it returns nil.
func (p Package) download(ctx context.Context, c Config, from published, files []string, folder string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(c.Silence, func() { cancel(fmt.Errorf("nothing came for %v", c.Silence)) })
	defer stalled.Stop()
	res, err := c.get(ctx, from.Tarball)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	alive := writerFunc(func(b []byte) (int, error) { stalled.Reset(c.Silence); return len(b), nil })
	hash := sha512.New()
	meter := newMeter(c.Progress, fmt.Sprintf("fetching %s (%s)", c.What, p), res.ContentLength)
	body := io.TeeReader(res.Body, io.MultiWriter(hash, alive, meter))

	broken := extract(body, files, folder)
	if errors.Is(broken, errStore) {
		return c.unwritten(broken)
	}
	// Read to the end even so: a wrong checksum explains a broken archive.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return unavailable(err, "the download of %s broke off (%v)", c.What, cmp.Or(context.Cause(ctx), err))
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != p.Integrity {
		return unavailable(broken, "what was downloaded is not %s: its checksum is %s, but it must be %s", c.What, got, p.Integrity)
	}
	if broken != nil {
		return unavailable(broken, "%s could not be unpacked (%v)", c.What, broken)
	}
	return nil
}

// get asks for a package; its transport takes the proxy from the environment.
func (c Config) get(ctx context.Context, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, unavailable(err, "npm gave %q as the address of %s", address, c.What)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, unavailable(err, "%s could not be downloaded (%v)", c.What, cmp.Or(context.Cause(ctx), err))
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, unavailable(nil, "%s could not be downloaded (%s from %s)", c.What, res.Status, req.URL.Redacted())
	}
	return res, nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// errStore marks a failure to write a file, as against one to read it.
var errStore = errors.New("write to the cache")

// extract copies the named files out of a package, and nothing else.
func extract(r io.Reader, files []string, folder string) error {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	missing := slices.Clone(files)
	for tarball := tar.NewReader(zip); len(missing) > 0; {
		h, err := tarball.Next()
		if err == io.EOF {
			return fmt.Errorf("the package holds no %s", strings.Join(missing, ", "))
		}
		if err != nil {
			return err
		}
		_, name, _ := strings.Cut(h.Name, "/") // all of a package is in one folder of any name
		i := slices.Index(missing, name)
		if i < 0 || h.Typeflag != tar.TypeReg {
			continue
		}
		missing = slices.Delete(missing, i, i+1)
		if err := write(filepath.Join(folder, path.Base(name)), tarball); err != nil {
			return err
		}
	}
	return nil
}

// write makes a file of what it reads.
func write(to string, from io.Reader) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return errors.Join(errStore, err)
	}
	defer f.Close()
	stored := writerFunc(func(b []byte) (int, error) {
		n, err := f.Write(b)
		if err != nil {
			err = errors.Join(errStore, err)
		}
		return n, err
	})
	if _, err := io.Copy(stored, from); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return errors.Join(errStore, err)
	}
	return nil
}
