package embedded

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
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// fetch downloads a release and puts its library at to. Whoever finds a file
// there finds it whole, checked and stored.
func fetch(ctx context.Context, c LocateConfig, r release, to string) error {
	p, err := r.ask(ctx)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(to), libraryName+".*")
	if err != nil {
		return unavailable(err, "the engine cannot be written to the cache (%v)", err)
	}
	defer os.Remove(temp.Name()) // fails once it is renamed
	defer temp.Close()
	if err := download(ctx, c, p, temp); err != nil {
		return err
	}
	if err := store(temp, to); err != nil {
		return unavailable(err, "the engine cannot be written to the cache (%v)", err)
	}
	return nil
}

// download reads a package from where it is published and writes its library
// to w. What is written is worth nothing unless it returns nil.
func download(ctx context.Context, c LocateConfig, p published, w io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(c.silence, func() { cancel(fmt.Errorf("nothing came for %v", c.silence)) })
	defer stalled.Stop()
	res, err := get(ctx, p.Tarball)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	alive := writerFunc(func(b []byte) (int, error) { stalled.Reset(c.silence); return len(b), nil })
	hash := sha512.New()
	body := io.TeeReader(res.Body, io.MultiWriter(hash, alive, newMeter(c.Progress, res.ContentLength)))

	broken := extract(body, w)
	if errors.Is(broken, errStore) {
		return unavailable(broken, "the engine cannot be written to the cache (%v)", broken)
	}
	// Read to the end even so: a wrong checksum explains a broken archive.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return unavailable(err, "the download of the engine broke off (%v)", cmp.Or(context.Cause(ctx), err))
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != p.Integrity {
		return unavailable(broken, "what was downloaded is not the engine: its checksum is %s, but it must be %s", got, p.Integrity)
	}
	if broken != nil {
		return unavailable(broken, "the engine could not be unpacked (%v)", broken)
	}
	return nil
}

// get asks for a package; its transport takes the proxy from the environment.
func get(ctx context.Context, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, unavailable(err, "npm gave %q as the address of the engine", address)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, unavailable(err, "the engine could not be downloaded (%v)", cmp.Or(context.Cause(ctx), err))
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, unavailable(nil, "the engine could not be downloaded (%s from %s)", res.Status, req.URL.Redacted())
	}
	return res, nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// errStore marks a failure to write the library, as against one to read it.
var errStore = errors.New("write to the cache")

// extract copies the library out of a package, and nothing else.
func extract(r io.Reader, w io.Writer) error {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	files := tar.NewReader(zip)
	for {
		h, err := files.Next()
		if err == io.EOF {
			return fmt.Errorf("the package holds no %s", libraryName)
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || path.Base(h.Name) != libraryName {
			continue
		}
		stored := writerFunc(func(b []byte) (int, error) {
			n, err := w.Write(b)
			if err != nil {
				err = errors.Join(errStore, err)
			}
			return n, err
		})
		_, err = io.Copy(stored, files)
		return err
	}
}

// store makes what was written to temp durable and visible as to, at once.
func store(temp *os.File, to string) error {
	if err := temp.Chmod(0o644); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), to); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// newMeter returns what shows the progress of a download of so many bytes (-1
// if unknown) on w, which may be nil.
func newMeter(w io.Writer, total int64) io.Writer {
	if w == nil {
		return io.Discard
	}
	const title = "fetching the ClickHouse engine"
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(title),
			progressbar.OptionShowBytes(true),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionOnCompletion(func() { fmt.Fprintln(w) }))
	}
	var done, said int64
	return writerFunc(func(b []byte) (int, error) {
		done += int64(len(b))
		if tenth := done * 10 / max(total, 1); total > 0 && tenth > said {
			said = tenth
			fmt.Fprintf(w, "%s: %d%% of %d MB\n", title, tenth*10, total/1_000_000)
		}
		return len(b), nil
	})
}
