package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/remote"
	"whatchanged.dev/whatchanged/ingest"
)

func newIngest() *cobra.Command {
	cmd := &cobra.Command{Use: "ingest", Short: "Bring in what a source already holds"}
	cmd.AddCommand(newIngestGit())
	for _, c := range catalogs {
		cmd.AddCommand(c.command())
	}
	return cmd
}

// An importer takes decoded events to an instance, ours or a server's.
type importer func(ctx context.Context, source string, events []whatchanged.Event) (ingest.Accepted, error)

// An intake is an instance, ours or a server's, as readers need it.
type intake struct {
	send   importer
	report func(ctx context.Context, source, what string) error // what a reader says of itself
	stored ingest.Stored
}

func newIngestGit() *cobra.Command {
	var o options
	var server, token, since, mapping string
	var every time.Duration
	config := ingest.GitConfig{}
	cmd := &cobra.Command{
		Use:   "git PATH...",
		Short: "Bring in the history of repositories",
		Long: "Bring in the history of repositories: one change event for each landing on the branch along first parents, and one for\n" +
			"each flag, object of Kubernetes or configuration file it changed, with a structured diff. Only what landed since the last\n" +
			"time is read. What the files are about is taken from their paths and contents, or from a mapping: a file named by --map,\n" +
			"or else " + ingest.MappingFile + " at the root of the repository. With --every it goes on reading what lands, as the repository\n" +
			"has it, until it is ended, and answers say so within seconds when it dies. With --fetch it runs git fetch before each\n" +
			"reading, without ever asking for a password, and reads what the remote has: the upstream of --ref or of the branch that is\n" +
			"checked out, or else the remote's default branch. Answers say that it is lost while the remote cannot be fetched.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if every <= 0 {
				return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s: want a positive duration such as 10s", every).In("every")
			}
			w, err := whatchanged.ParseWhen(since)
			if since != "" && err != nil {
				return whatchanged.AsError(err).In("since")
			}
			if t, ok := w.Absolute(time.Now()); ok {
				config.Since = t
			}
			if mapping != "" {
				if config.Mapping, err = readMapping(mapping); err != nil {
					return err
				}
			}
			return o.withImporter(cmd, server, token, func(in intake) error {
				config.Stored = in.stored
				if cmd.Flags().Changed("every") {
					return followGit(cmd.Context(), cmd.ErrOrStderr(), config, paths, in, every)
				}
				for _, path := range paths {
					config.Path = path
					if err := importGit(cmd.Context(), cmd.ErrOrStderr(), config, in.send); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	o.instanceFlags(f)
	clientFlags(f, &server, &token)
	f.StringVar(&config.Repository, "repository", "", "name of the repository, as acme/shop; default: from its remote, or its folder")
	f.StringVar(&config.Ref, "ref", "", "branch or commit whose landings are read; default: HEAD")
	f.BoolVar(&config.Fetch, "fetch", false, "fetch first, and read the remote's branch: the upstream of --ref or of HEAD, or else its default")
	f.StringVar(&mapping, "map", "", "file that says what the files are about; default: "+ingest.MappingFile+" at the root of the repository")
	f.StringVar(&since, "since", "", "only landings from then on: a time, or an offset such as -90d")
	f.DurationVar(&every, "every", 10*time.Second, "go on, and read what landed since so often; without it, once")
	f.IntVar(&config.Limit, "limit", 0, "only the latest landings; 0 is all")
	return cmd
}

// importGit reads one repository and sends its events, with a progress bar on
// a terminal, and says what became of them.
func importGit(ctx context.Context, w io.Writer, config ingest.GitConfig, send importer) error {
	got, sum, err := readGit(ctx, w, config, send)
	if err != nil {
		return err
	}
	if err := sum.ran(ctx, send, ingest.GitSource); err != nil {
		return err
	}
	if got.Landings == 0 {
		_, err = fmt.Fprintf(w, "%s: nothing landed since the last time; %d landings are stored\n", config.Path, got.Before)
		return err
	}
	return tellGit(w, config, got, sum)
}

// followGit reads repositories until ctx ends, and says what landed.
func followGit(ctx context.Context, w io.Writer, config ingest.GitConfig, paths []string, in intake, every time.Duration) error {
	reads, renewals := time.NewTicker(every), time.NewTicker(whatchanged.Lease/3)
	defer reads.Stop()
	defer renewals.Stop()
	f := ingest.Follower{
		Source: ingest.GitSource, Report: in.report, Reads: reads.C, Renewals: renewals.C,
		Failed: func(err error) { fmt.Fprintf(w, "it goes on after: %v\n", err) },
		Read: func(ctx context.Context) error {
			var failed error
			for _, config.Path = range paths { // one that is lost does not hide what landed in the others
				got, sum, err := readGit(ctx, w, config, in.send)
				if err == nil && got.Landings > 0 {
					err = tellGit(w, config, got, sum)
				}
				failed = errors.Join(failed, err)
			}
			return failed
		},
	}
	return f.Follow(ctx)
}

// readGit reads what landed in one repository since the last time.
func readGit(ctx context.Context, w io.Writer, config ingest.GitConfig, send importer) (ingest.GitReading, *tally, error) {
	bar := progress(w, "reading "+config.Path)
	config.Progress = func(done, total int) {
		bar.ChangeMax(total)
		_ = bar.Set(done) // it only draws
	}
	sum := &tally{start: time.Now()}
	got, err := ingest.ReadGit(ctx, config, sum.through(ctx, send, ingest.GitSource))
	_ = bar.Finish()
	for _, note := range got.Notes {
		fmt.Fprintf(w, "%s: %s\n", config.Path, note)
	}
	return got, sum, err
}

// tellGit says what became of what landed.
func tellGit(w io.Writer, config ingest.GitConfig, got ingest.GitReading, sum *tally) error {
	_, err := fmt.Fprintf(w, "%s: %d landings, %.0f a second: %v\n", config.Path, got.Landings, float64(got.Landings)/sum.took().Seconds(), sum)
	return err
}

func readMapping(file string) (*ingest.Mapping, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeNotFound, "%q cannot be read", file).In("map").Hiding(err)
	}
	m, err := ingest.ReadMapping(file, content)
	if err != nil {
		return nil, whatchanged.AsError(err).In("map")
	}
	return m, nil
}

// A tally says what became of the events that were sent.
type tally struct {
	ingest.Accepted
	start time.Time
}

// through sends events and counts them.
func (t *tally) through(ctx context.Context, send importer, source string) func([]whatchanged.Event) error {
	return func(events []whatchanged.Event) error {
		a, err := send(ctx, source, events)
		t.Events, t.Duplicates = t.Events+a.Events, t.Duplicates+a.Duplicates
		if !a.Position.IsZero() {
			t.Position = a.Position
		}
		return err
	}
}

// ran says that all there was has been read and stored.
func (t *tally) ran(ctx context.Context, send importer, source string) error {
	return t.through(ctx, send, source)([]whatchanged.Event{})
}

func (t *tally) took() time.Duration { return time.Since(t.start) }

// String is the sum as a line for a person.
func (t *tally) String() string {
	text := fmt.Sprintf("%d change events stored, %d known before, in %.1f s", t.Events, t.Duplicates, t.took().Seconds())
	if t.Position.IsZero() {
		return text
	}
	return text + fmt.Sprintf("; up to %v", t.Position)
}

// catalogs are the formats of catalogs that are read from files.
var catalogs = []catalog{
	{name: "backstage", source: ingest.BackstageSource, what: "Backstage catalogs", files: "catalog-info*.yaml",
		read: ingest.ReadBackstage, history: ingest.ReadBackstageHistory},
	{name: "topology", source: ingest.TopologySource, what: "topology files", files: "topology*.yaml",
		read: ingest.ReadTopology, history: ingest.ReadTopologyHistory},
}

type catalog struct {
	name, source, what, files string
	read, history             func(context.Context, ingest.CatalogConfig, func([]whatchanged.Event) error) (ingest.Catalog, error)
}

func (c catalog) command() *cobra.Command {
	var o options
	var server, token, effective string
	var history bool
	config := ingest.CatalogConfig{}
	cmd := &cobra.Command{
		Use:   c.name + " PATH...",
		Short: "Bring in what " + c.what + " declare",
		Long: "Bring in what " + c.what + " declare: entities, their owners and what they depend on. PATH is a file, or a folder in\n" +
			"which " + c.files + " is looked for. What was brought in before is passed over. With --history, PATH is a repository,\n" +
			"and each of its landings on the branch tells what it changed, and when.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			read := c.read
			if history {
				read = c.history
			}
			if effective != "" {
				w, err := whatchanged.ParseWhen(effective)
				if err != nil {
					return whatchanged.AsError(err).In("effective-at")
				}
				t, ok := w.Absolute(time.Now())
				if !ok {
					return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want a time, or an offset such as -90d", effective).In("effective-at")
				}
				config.EffectiveAt = t
			}
			return o.withImporter(cmd, server, token, func(in intake) error {
				config.Stored = in.stored
				refused := 0
				for _, path := range paths {
					config.Path = path
					n, err := c.bringIn(cmd.Context(), cmd.ErrOrStderr(), config, read, in.send)
					if err != nil {
						return err
					}
					refused += n
				}
				if refused > 0 {
					return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "refused in %d places, as said above; everything else is stored", refused).In(c.name)
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	o.instanceFlags(f)
	clientFlags(f, &server, &token)
	f.BoolVar(&history, "history", false, "read the history of the repository at PATH")
	f.StringVar(&config.Ref, "ref", "", "with --history: branch or commit whose landings are read; default: HEAD")
	f.StringVar(&config.Files, "files", "", "pattern of the names of files that are looked for; default: "+c.files)
	f.StringVar(&effective, "effective-at", "", "since when what the files declare has held: a time, or an offset such as -90d; default: from now on")
	cmd.MarkFlagsMutuallyExclusive("history", "effective-at") // a history has its own times
	return cmd
}

// bringIn reads one catalog and sends its events, with a progress bar on a
// terminal, says what became of them and what was not understood, and returns
// in how many places it was refused.
func (c catalog) bringIn(ctx context.Context, w io.Writer, config ingest.CatalogConfig,
	read func(context.Context, ingest.CatalogConfig, func([]whatchanged.Event) error) (ingest.Catalog, error), send importer) (refused int, err error) {
	bar := progress(w, "reading "+config.Path)
	config.Progress = func(done, total int) {
		bar.ChangeMax(total)
		_ = bar.Set(done) // it only draws
	}
	sum := tally{start: time.Now()}
	got, err := read(ctx, config, sum.through(ctx, send, c.source))
	_ = bar.Finish()
	if err == nil {
		err = sum.ran(ctx, send, c.source)
	}
	if err != nil {
		return 0, err
	}
	for _, n := range got.Notes {
		word := "passed over"
		if n.Refused {
			word = "refused"
			refused++
		}
		fmt.Fprintf(w, "%s: %v\n", word, n)
	}
	for _, circle := range got.Circles {
		fmt.Fprintf(w, "circle: %s\n", whatchanged.CircleText(circle))
	}
	_, err = fmt.Fprintf(w, "%s: %d entities in %d files: %v\n", config.Path, got.Entities, got.Files, &sum)
	return refused, err
}

// progress draws on a terminal and nowhere else.
func progress(w io.Writer, what string) *progressbar.ProgressBar {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		w = io.Discard
	}
	return progressbar.NewOptions(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetSpinnerChangeInterval(0), // it would draw from a goroutine of its own, unguarded
		progressbar.OptionClearOnFinish())
}

// withImporter calls do with whoever can store events and say which are stored:
// a server, or an instance of our own.
func (o *options) withImporter(cmd *cobra.Command, server, token string, do func(intake) error) error {
	s, err := o.server(server, token)
	if err != nil {
		return err
	}
	if s != nil {
		return do(intake{func(ctx context.Context, source string, events []whatchanged.Event) (ingest.Accepted, error) {
			var a ingest.Accepted
			err := s.Call(ctx, "/v1/import/"+source, events, &a)
			return a, err
		}, func(ctx context.Context, source, what string) error {
			return s.Call(ctx, "/v1/import/"+source+"/report", what, &ingest.Accepted{})
		}, remoteStored{s}})
	}
	return o.alone(cmd.Context(), cmd, func(in *openInstance) error {
		return do(intake{in.Pipeline.Import, func(ctx context.Context, source, what string) error {
			_, err := in.Pipeline.Report(ctx, source, what)
			return err
		}, ingest.StoredIn(in.Index)})
	})
}

// remoteStored asks a server what it has stored.
type remoteStored struct{ *remote.Server }

// Stored implements [ingest.Stored].
func (s remoteStored) Stored(ctx context.Context, source string, selection whatchanged.Selection) (whatchanged.Page, error) {
	var p whatchanged.Page
	err := s.Call(ctx, "/v1/import/"+source+"/stored", selection, &p)
	return p, err
}
