package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

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

// alone opens the data folder for the time of do.
func (o *options) alone(ctx context.Context, cmd *cobra.Command, do func(*openInstance) error) (err error) {
	if !cmd.Flags().Changed("log-level") {
		o.logLevel = "warn" // the answer is what is wanted
	}
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
	if err := in.Ready(ctx); err != nil {
		return err
	}
	// What the log holds is what there is: wait until it is all seen.
	last, _, err := in.Log.Last(ctx)
	if err != nil {
		return err
	}
	if err := in.Index.Await(ctx, positionAt(last)); err != nil {
		return err
	}
	return do(&openInstance{in, t})
}

// ask answers as the one who runs the command.
func (in *openInstance) ask(ctx context.Context, q resolvers.Question, args map[string]any) (resolvers.Answered, error) {
	return q.Ask(in.Resolver, localViewer(ctx, "cli"), args)
}

func localViewer(ctx context.Context, agent string) context.Context {
	return resolvers.WithViewer(ctx, resolvers.Viewer{Who: "local", Agent: agent})
}
