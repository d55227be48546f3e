package cold

import (
	"flag"
	"os"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
	"whatchanged.dev/whatchanged/index/indextest"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// store is a migrated database of a test's own.
type store struct {
	writer, reader *clickhouse.Options
}

func newStore(t testing.TB) store {
	t.Helper()
	e := enginetest.Start(t)
	s := store{e.Writer(), e.Reader()}
	if err := Migrate(t.Context(), s.writer, Layout{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s store) openWriter(t testing.TB) *Writer {
	t.Helper()
	w, err := OpenWriter(t.Context(), Config{Options: s.writer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func (s store) openReader(t testing.TB) *Reader {
	t.Helper()
	r, err := OpenReader(t.Context(), Config{Options: s.reader})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func write(t testing.TB, w *Writer, batch []whatchanged.Delivery) {
	t.Helper()
	if err := w.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func TestReaderIsAnIndex(t *testing.T) {
	indextest.Run(t, func(t *testing.T, log []whatchanged.Delivery) indextest.Index {
		s := newStore(t)
		w := s.openWriter(t)
		for len(log) > 0 { // several batches, so that there are several parts
			n := min(70, len(log))
			write(t, w, log[:n])
			log = log[n:]
		}
		return s.openReader(t)
	}, indextest.Options{NoLists: true})
}
