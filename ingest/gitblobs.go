package ingest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
)

// maxFile bounds the files that are read. How much of a value is kept, and how
// much only as its difference, is the pipeline's to say.
const maxFile = 1 << 20

// blobs reads the contents of files through one git cat-file process. One
// goroutine may ask while another takes the answers, in the same order.
type blobs struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	asking *bufio.Writer
	out    *bufio.Reader
	cancel context.CancelFunc
}

func (g *git) blobs(ctx context.Context) (*blobs, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := g.command(ctx, "cat-file", "--batch")
	in, err := cmd.StdinPipe()
	var out io.ReadCloser
	if err == nil {
		out, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, g.failed(ctx, err, "")
	}
	return &blobs{cmd, in, bufio.NewWriter(in), bufio.NewReaderSize(out, 1<<16), cancel}, nil
}

func (b *blobs) close() {
	b.cancel() // which ends the process, whatever it still has to say
	_ = b.in.Close()
	_ = b.cmd.Wait()
}

// ask asks for blobs; their contents follow from answer, in this order.
func (b *blobs) ask(names ...string) error {
	for _, name := range names {
		_, _ = b.asking.WriteString(name + "\n") // Flush tells
	}
	if err := b.asking.Flush(); err != nil {
		return fmt.Errorf("git cat-file: %w", err)
	}
	return nil
}

// answer returns the contents of the blob asked for next; ok is false when it
// is too large or not there, as in a partial clone.
func (b *blobs) answer() (content []byte, ok bool, err error) {
	header, err := b.out.ReadString('\n')
	if err != nil {
		return nil, false, fmt.Errorf("git cat-file: %w", err)
	}
	var size int64
	if _, err := fmt.Sscanf(header, "%s blob %d", new(string), &size); err != nil {
		return nil, false, nil // "missing"
	}
	if size > maxFile {
		_, err = io.CopyN(io.Discard, b.out, size+1)
		return nil, false, err
	}
	content = make([]byte, size+1) // a newline follows
	_, err = io.ReadFull(b.out, content)
	return content[:size], err == nil, err
}

// read asks for one blob and returns its contents.
func (b *blobs) read(name string) (content []byte, ok bool, err error) {
	if err := b.ask(name); err != nil {
		return nil, false, err
	}
	return b.answer()
}
