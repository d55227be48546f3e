package ingest

import (
	"context"
	"time"

	"whatchanged.dev/whatchanged"
)

// GitSource is the source name of imported git history.
const GitSource = "git"

// GitConfig says which history to import. It needs the git binary, 2.31 or
// newer.
type GitConfig struct {
	Path       string    // a work tree or a bare repository
	Repository string    // its name, as in acme/shop; "" takes it from remote.origin.url, or else the folder
	Ref        string    // the branch whose landings are read; "" is HEAD
	Fetch      bool      // from the remote first, and read its branch: the upstream of Ref, or the remote's default
	Since      time.Time // only landings committed at or after; zero is all
	Limit      int       // only the latest landings; 0 is all

	// Mapping says what the files are about. If it is nil, that is what
	// MappingFile at the root of Ref says, or else the default.
	Mapping *Mapping

	// Stored says what is stored already, so that only what landed since is
	// read; nil reads everything.
	Stored Stored

	Progress func(done, total int) // called after each landing; may be nil

	// Message is told the whole message of each landing and who wrote it, by the
	// id of its event, which keeps the first line only; may be nil.
	Message func(id, author, message string)
}

// A GitReading is what was read of a history.
type GitReading struct {
	Landings int      // read now
	Before   int      // landings before these, which were stored already
	Notes    []string // for whoever asked for it
}

// A batch is handed over at this many events, or this many bytes of values,
// so that it fits into one message of the change log.
const (
	gitBatchEvents = 1000
	gitBatchBytes  = 1 << 20
)

// ReadGit hands the landings on a branch to yield, oldest first, in batches.
// A landing is a commit along first parents: what a merge brought landed with
// the merge. Each becomes one event for each part of a configuration file that
// it changed (schemas/mapping.md says what the parts are), and after these one
// commit event on the repository, which is their Parent. WrittenAt is the
// author's time and EffectiveAt the committer's.
//
// Landings that are stored are passed over, with all before them: where the
// commit event is stored, so is everything until then. When the mapping is
// another than that by which they were read, all are read again, and their
// events are revisions.
//
// Before and After of events are what stands in the files, secrets included,
// and Diff is left out: [Pipeline.Import] redacts the values first and then
// compares them. Nobody else may store them.
func ReadGit(ctx context.Context, config GitConfig, yield func([]whatchanged.Event) error) (GitReading, error) {
	reading, err := readGit(ctx, config, yield)
	if ctx.Err() != nil && err != nil {
		err = ctx.Err() // what broke then broke of it
	}
	return reading, err
}

func readGit(ctx context.Context, config GitConfig, yield func([]whatchanged.Event) error) (reading GitReading, err error) {
	g := &git{path: config.Path}
	if config.Fetch {
		if config.Ref, err = g.fetch(ctx, config.Ref); err != nil {
			return reading, err
		}
	}
	s := selection{ref: config.Ref, since: config.Since, limit: config.Limit}
	c, err := g.chain(ctx, s)
	if err != nil || len(c.names) == 0 {
		return reading, err
	}
	remote, _ := g.output(ctx, "config", "--get", "remote.origin.url") // a repository may have none
	r := &gitReader{repository: repositoryName(config, remote), ref: g.branch(ctx, config.Ref), web: webAddress(remote), mapping: config.Mapping, message: config.Message}
	if r.mapping == nil {
		if r.mapping, err = g.mapping(ctx, c.names[0]); err != nil {
			return reading, err
		}
	}
	r.landed = newLanded(r.repository)
	r.landed.brought = func() (map[string]string, error) { return g.brought(ctx, c) }
	from, err := r.resume(ctx, config.Stored, c)
	if err != nil {
		return reading, err
	}
	reading.Notes, reading.Before = from.notes, len(c.names)-from.fresh
	if from.fresh == 0 {
		return reading, nil
	}
	s.ref, s.limit = c.names[0], from.fresh
	if reading.Before > 0 {
		r.landed.before = func() (*landed, error) { return g.landedBefore(ctx, r.repository, c.names[from.fresh]) }
	}
	out := gitBatch{yield: yield}
	if err := r.run(ctx, g, s, &out, func() {
		if reading.Landings++; config.Progress != nil {
			config.Progress(reading.Landings, max(reading.Landings, from.fresh))
		}
	}); err != nil {
		return reading, err
	}
	return reading, out.flush()
}

// mapping returns the mapping that a repository keeps, nil if it keeps none.
func (g *git) mapping(ctx context.Context, commit string) (*Mapping, error) {
	b, err := g.blobs(ctx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	content, ok, err := b.read(commit + ":" + MappingFile)
	if !ok || err != nil {
		return nil, err
	}
	m, err := ReadMapping(MappingFile, content)
	if err != nil {
		return nil, whatchanged.AsError(err).In("map")
	}
	return m, nil
}

// landedBefore returns the names of a landing and of those before it.
func (g *git) landedBefore(ctx context.Context, repository, commit string) (*landed, error) {
	old := newLanded(repository)
	return old, g.names(ctx, selection{ref: commit}, func(l landing) error {
		old.add(&l)
		return nil
	})
}

// A gitBatch gathers events until they are worth handing over.
type gitBatch struct {
	yield  func([]whatchanged.Event) error
	events []whatchanged.Event
	bytes  int
}

func (b *gitBatch) add(events []whatchanged.Event) error {
	for _, e := range events {
		n := len(e.Before) + len(e.After)
		if len(b.events) == gitBatchEvents || b.bytes+n > gitBatchBytes {
			if err := b.flush(); err != nil {
				return err
			}
		}
		b.events, b.bytes = append(b.events, e), b.bytes+n
	}
	return nil
}

func (b *gitBatch) flush() error {
	if len(b.events) == 0 {
		return nil
	}
	events := b.events
	b.events, b.bytes = nil, 0
	return b.yield(events)
}
