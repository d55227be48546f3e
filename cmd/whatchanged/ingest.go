package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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
	return cmd
}

// An importer takes decoded events to an instance, ours or a server's.
type importer func(ctx context.Context, source string, events []whatchanged.Event) (ingest.Accepted, error)

func newIngestGit() *cobra.Command {
	var o options
	var server, token, since string
	config := ingest.GitConfig{}
	cmd := &cobra.Command{
		Use:   "git PATH...",
		Short: "Bring in the history of repositories",
		Long: "Bring in the history of repositories: one change event for each landing on the branch along first parents, and one for\n" +
			"each configuration file it changed, with a structured diff for YAML and JSON. What was brought in before is passed over.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			w, err := whatchanged.ParseWhen(since)
			if since != "" && err != nil {
				return whatchanged.AsError(err).In("since")
			}
			if t, ok := w.Absolute(time.Now()); ok {
				config.Since = t
			}
			return o.withImporter(cmd, server, token, func(send importer) error {
				for _, path := range paths {
					config.Path = path
					if err := importGit(cmd.Context(), cmd.ErrOrStderr(), config, send); err != nil {
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
	f.StringVar(&since, "since", "", "only landings from then on: a time, or an offset such as -90d")
	f.IntVar(&config.Limit, "limit", 0, "only the latest landings; 0 is all")
	return cmd
}

// importGit reads one repository and sends its events, with a progress bar on
// a terminal, and says what became of them.
func importGit(ctx context.Context, w io.Writer, config ingest.GitConfig, send importer) error {
	bar := progress(w, "reading "+config.Path)
	config.Progress = func(done, total int) {
		bar.ChangeMax(total)
		_ = bar.Set(done) // it only draws
	}
	var sum ingest.Accepted
	start := time.Now()
	err := ingest.ReadGit(ctx, config, func(events []whatchanged.Event) error {
		a, err := send(ctx, "git", events)
		sum.Events, sum.Duplicates = sum.Events+a.Events, sum.Duplicates+a.Duplicates
		if !a.Position.IsZero() {
			sum.Position = a.Position
		}
		return err
	})
	_ = bar.Finish()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s: %d change events stored, %d known before, in %.1f s; up to %v\n",
		config.Path, sum.Events, sum.Duplicates, time.Since(start).Seconds(), sum.Position)
	return err
}

// progress draws on a terminal and nowhere else.
func progress(w io.Writer, what string) *progressbar.ProgressBar {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		w = io.Discard
	}
	return progressbar.NewOptions(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish())
}

// withImporter calls do with whoever can store events.
func (o *options) withImporter(cmd *cobra.Command, server, token string, do func(importer) error) error {
	s, err := o.server(server, token)
	if err != nil {
		return err
	}
	if s != nil {
		return do(func(ctx context.Context, source string, events []whatchanged.Event) (ingest.Accepted, error) {
			return importRemotely(ctx, s, source, events)
		})
	}
	return o.alone(cmd.Context(), cmd, func(in *openInstance) error {
		return do(in.Pipeline.Import)
	})
}

// importRemotely sends events to a server.
func importRemotely(ctx context.Context, s *remote.Server, source string, events []whatchanged.Event) (ingest.Accepted, error) {
	var a ingest.Accepted
	body, err := json.Marshal(events)
	if err != nil {
		return a, err
	}
	res, err := s.Post(ctx, "/v1/import/"+source, http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return a, err
	}
	if res.Status == http.StatusAccepted {
		return a, json.Unmarshal(res.Body, &a)
	}
	var problem struct {
		Code   whatchanged.Code `json:"code"`
		Detail string           `json:"detail"`
	}
	if json.Unmarshal(res.Body, &problem) != nil || problem.Code == "" {
		return a, fmt.Errorf("the server answered %d", res.Status)
	}
	return a, &whatchanged.Error{Code: problem.Code, Message: problem.Detail}
}
