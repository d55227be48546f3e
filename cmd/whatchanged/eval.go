package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/resolvers/eval"
)

func newEval() *cobra.Command {
	cmd := &cobra.Command{Use: "eval", Short: "Count how many questions with known answers are answered right"}
	cmd.AddCommand(newEvalIncidents(), newEvalGit(), newEvalState())
	return cmd
}

// evalOptions are those of an instance that lasts for one measurement.
func evalOptions() options {
	return options{logSync: "interval", logMaxBytes: 8 << 30, keep: 48 * time.Hour}
}

// evalFlags are those of every measurement.
func (o *options) evalFlags(cmd *cobra.Command, asJSON *bool, what string) {
	cmd.Flags().StringVar(&o.engine, "engine", "", "path of libchdb.so for the embedded ClickHouse; default: fetched once with npm and kept in the cache folder")
	cmd.Flags().BoolVar(asJSON, "json", false, what)
}

func newEvalState() *cobra.Command {
	o := evalOptions()
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "state DIR",
		Short: "Ask what settings were at past moments, of a history with known answers",
		Long: "Take the history of settings in DIR, or in the folder state in it, into an instance of its own that is removed afterwards,\n" +
			"ask what the settings were at past moments and which changed between two, and compare with the answers.\n" +
			"Prints how many questions there are, how many were answered right, and which were not.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, words []string) error {
			return o.evalState(cmd, words[0], asJSON)
		},
	}
	o.evalFlags(cmd, &asJSON, "print the score as JSON")
	return cmd
}

func (o *options) evalState(cmd *cobra.Command, dir string, asJSON bool) error {
	set, err := eval.ReadState(dir)
	if err != nil {
		return err
	}
	var answers []eval.StateAnswer
	var took time.Duration
	err = o.thrownAway(cmd, func(ctx context.Context, in *openInstance) error {
		if err := takeIn(ctx, cmd, in, set.Events); err != nil {
			return err
		}
		bar := progress(cmd.ErrOrStderr(), "asking")
		start := time.Now()
		answers, err = set.Ask(localViewer(ctx, "eval"), in.Resolver, func(done, total int) {
			bar.ChangeMax(total)
			_ = bar.Set(done) // it only draws
		})
		_ = bar.Finish()
		took = time.Since(start)
		return err
	})
	if err != nil {
		return err
	}
	score, err := eval.ScoreState(dir, answers)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if asJSON {
		return json.NewEncoder(out).Encode(score)
	}
	_, err = fmt.Fprintf(out, "%d of %d answered right, %.3f s each\n", score.Right, score.Total, took.Seconds()/float64(max(1, score.Total)))
	if err == nil && len(score.Wrong) > 0 {
		_, err = fmt.Fprintf(out, "wrong: %s\n", strings.Join(score.Wrong, " "))
	}
	return err
}

// takeIn sends events on the way of all imported ones.
func takeIn(ctx context.Context, cmd *cobra.Command, in *openInstance, events []whatchanged.Event) error {
	bar := progress(cmd.ErrOrStderr(), "taking in")
	defer func() { _ = bar.Finish() }()
	bar.ChangeMax(len(events))
	const batch = 5000
	for from := 0; from < len(events); from += batch {
		to := min(from+batch, len(events))
		if _, err := in.Pipeline.Import(ctx, "eval", events[from:to]); err != nil {
			return err
		}
		_ = bar.Set(to) // it only draws
	}
	return in.caughtUp(ctx)
}

// thrownAway opens an instance in a folder of its own that is removed after
// do.
func (o *options) thrownAway(cmd *cobra.Command, do func(context.Context, *openInstance) error) error {
	folder, err := os.MkdirTemp("", "whatchanged-eval-")
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	defer os.RemoveAll(folder)
	o.data, o.logLevel = folder, "warn"
	return o.opened(cmd.Context(), cmd, func(in *openInstance) error {
		if err := in.Ready(cmd.Context()); err != nil {
			return err
		}
		return do(cmd.Context(), in)
	})
}
