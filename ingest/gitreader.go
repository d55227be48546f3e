package ingest

import (
	"cmp"
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"whatchanged.dev/whatchanged"
)

// A gitReader turns landings into events. Four stages run at once: the log of
// landings, in which reverts are understood and contents asked for; the
// answers; the decoding, on all processors; and the handing over, in order.
type gitReader struct {
	repository string
	ref        string
	web        string // where commits can be read, "" if nowhere
	mapping    *Mapping
	message    func(id, author, message string)
	revision   int
	partial    bool // landings before these are not stored
	landed     *landed
	blobs      *blobs

	// known are the contents of the files read last: what a change put into a
	// file is what the next one finds there.
	known      map[string]*contents
	knownBytes atomic.Int64
}

// Bounds of what is underway.
const (
	maxKnown    = 64 << 20  // bytes of remembered contents; beyond it all are forgotten
	maxUnderway = 256 << 20 // bytes of contents that are not handed over yet
	gitQueue    = 512       // jobs between two stages
	jobFiles    = 64        // files of one job
)

// contents is a version of a file.
type contents struct {
	decode sync.Once
	file   string
	bytes  []byte
	ok     bool // it could be read
	says   fileReading
	of     *gitReader
}

// reading decodes the contents, once; those of no file say nothing.
func (c *contents) reading() fileReading {
	if c == nil {
		return fileReading{}
	}
	c.decode.Do(func() {
		c.says = c.of.mapping.readFile(c.of.repository, c.file, c.bytes)
		if !c.ok {
			c.says.whole.value, c.says.parts, c.says.empty = nil, nil, false
		}
		if c.says.parts == nil {
			c.bytes = nil
		}
	})
	return c.says
}

// whole returns the file as one, whatever parts it is told by.
func (c *contents) whole() part {
	says := c.reading()
	if says.parts != nil {
		says.whole.value = fileValue(c.file, c.bytes)
	}
	return says.whole
}

// A gitJob is a landing, or some of the files of a large one.
type gitJob struct {
	commit whatchanged.Event
	files  []changedFile
	last   bool        // of its landing
	asked  []*contents // to be answered, in this order
	bytes  int64
	events []whatchanged.Event
	done   chan struct{}
}

// run reads landings and hands the events of each to out, oldest first. The
// event of a landing itself comes after those of its files: where it is
// stored, so are they.
func (r *gitReader) run(ctx context.Context, g *git, s selection, out *gitBatch, done func()) error {
	group, ctx := errgroup.WithContext(ctx)
	var err error
	if r.blobs, err = g.blobs(ctx); err != nil {
		return err
	}
	defer r.blobs.close()
	asked, ready, work := make(chan *gitJob, gitQueue), make(chan *gitJob, gitQueue), make(chan *gitJob, gitQueue)
	underway := semaphore.NewWeighted(maxUnderway)
	group.Go(func() error {
		defer close(asked)
		return g.log(ctx, s, func(l landing) error { return r.landing(ctx, &l, asked) })
	})
	group.Go(func() error {
		defer close(ready)
		defer close(work)
		return r.answers(ctx, underway, asked, ready, work)
	})
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for job := range work {
				r.decode(job)
			}
			return nil
		})
	}
	group.Go(func() error {
		for job := range ready {
			select {
			case <-job.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := out.add(job.events); err != nil {
				return err
			}
			underway.Release(job.bytes)
			if job.last {
				done()
			}
		}
		return ctx.Err()
	})
	return group.Wait()
}

// landing makes the jobs of a landing and asks for what they need.
func (r *gitReader) landing(ctx context.Context, l *landing, to chan<- *gitJob) error {
	commit, err := r.commitEvent(l)
	if err != nil {
		return err
	}
	r.landed.add(l)
	job := &gitJob{commit: commit, done: make(chan struct{})}
	var names []string
	for _, f := range l.fileChanges {
		if len(job.files) == jobFiles {
			if err := r.hand(ctx, job, names, to); err != nil {
				return err
			}
			job, names = &gitJob{commit: commit, done: make(chan struct{})}, nil
		}
		names = append(names, r.file(job, f)...)
	}
	job.last = true
	return r.hand(ctx, job, names, to)
}

func (r *gitReader) hand(ctx context.Context, job *gitJob, names []string, to chan<- *gitJob) error {
	select {
	case to <- job:
		return r.blobs.ask(names...)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// file adds a changed file to a job, and returns the blobs to ask for.
func (r *gitReader) file(job *gitJob, f fileChange) (names []string) {
	old := cmp.Or(f.from, f.path)
	if f.status == 'C' {
		old, f.before = f.path, ""
	}
	if f.before == f.after && old == f.path {
		return nil // only its mode
	}
	c := changedFile{path: f.path, old: old}
	for _, side := range []struct {
		to         **contents
		file, blob string
		is         bool
	}{{&c.before, old, f.before, f.wasFile}, {&c.after, f.path, f.after, f.isFile}} {
		if side.blob == "" || !side.is || !r.mapping.reads(side.file) {
			continue
		}
		key := side.blob + "\x00" + side.file
		if *side.to = r.known[key]; *side.to != nil {
			continue
		}
		if r.known == nil || r.knownBytes.Load() > maxKnown {
			r.known = map[string]*contents{}
			r.knownBytes.Store(0)
		}
		*side.to = &contents{file: side.file, of: r}
		r.known[key] = *side.to
		job.asked, names = append(job.asked, *side.to), append(names, side.blob)
	}
	if c.before != nil || c.after != nil {
		job.files = append(job.files, c)
	}
	return names
}

// answers takes the contents that were asked for.
func (r *gitReader) answers(ctx context.Context, underway *semaphore.Weighted, asked <-chan *gitJob, ready, work chan<- *gitJob) error {
	for job := range asked {
		for _, c := range job.asked {
			var err error
			if c.bytes, c.ok, err = r.blobs.answer(); err != nil {
				return err
			}
			n := int64(len(c.bytes))
			if err := underway.Acquire(ctx, n); err != nil {
				return err
			}
			job.bytes += n
			r.knownBytes.Add(n)
		}
		for _, to := range []chan<- *gitJob{work, ready} {
			select {
			case to <- job:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// decode makes the events of a job.
func (r *gitReader) decode(job *gitJob) {
	defer close(job.done)
	for _, f := range job.files {
		job.events = append(job.events, r.fileEvents(&job.commit, f)...)
	}
	if job.last {
		job.events = append(job.events, job.commit)
	}
}
