package npm

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// quick is a download so small that its lines would come all at once.
const quick = 10_000_000

// newMeter returns what shows the progress of a download of so many bytes (-1
// if unknown) on w, which may be nil.
func newMeter(w io.Writer, title string, total int64) io.Writer {
	if w == nil {
		return io.Discard
	}
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
		tenth := done * 10 / max(total, 1)
		if total > 0 && tenth > said && (total > quick || tenth == 10) {
			said = tenth
			fmt.Fprintf(w, "%s: %d%% of %d MB\n", title, tenth*10, total/1_000_000)
		}
		return len(b), nil
	})
}
