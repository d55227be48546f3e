package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/instance"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/telemetry"
	"whatchanged.dev/whatchanged/resolvers"
)

// An openInstance is one that a command opened for itself, because nobody owns
// the data folder.
type openInstance struct {
	*instance.Instance
	telemetry *telemetry.Telemetry
}

// opened opens the data folder for the time of do.
func (o *options) opened(ctx context.Context, cmd *cobra.Command, do func(*openInstance) error) (err error) {
	t, err := o.telemetry(ctx, cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeTelemetry(ctx, t)) }()
	in, err := o.open(ctx, cmd, t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	return do(&openInstance{in, t})
}

// alone opens the data folder for the time of do, and first waits until all
// that its log holds has been seen.
func (o *options) alone(ctx context.Context, cmd *cobra.Command, do func(*openInstance) error) error {
	if !cmd.Flags().Changed("log-level") {
		o.logLevel = "warn" // the answer is what is wanted
	}
	return o.opened(ctx, cmd, func(in *openInstance) error {
		if err := in.Ready(ctx); err != nil {
			return err
		}
		if err := in.caughtUp(ctx); err != nil {
			return err
		}
		return do(in)
	})
}

// caughtUp waits until all that the log holds has been seen, however long that
// takes: there is nobody else to ask.
func (in *openInstance) caughtUp(ctx context.Context) error {
	last, _, err := in.Log.Last(ctx)
	if err != nil {
		return err
	}
	for {
		err := in.Index.Await(ctx, whatchanged.At(last))
		if !errors.Is(err, whatchanged.ErrStale) || ctx.Err() != nil {
			return err
		}
	}
}

// ask answers as the one who runs the command.
func (in *openInstance) ask(ctx context.Context, q resolvers.Question, args map[string]any) (resolvers.Answered, error) {
	return q.Ask(in.Resolver, localViewer(ctx, "cli"), args)
}

func localViewer(ctx context.Context, agent string) context.Context {
	return resolvers.WithViewer(ctx, resolvers.Viewer{Who: "local", Agent: agent})
}
