package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged/resolvers"
	"whatchanged.dev/whatchanged/resolvers/eval"
)

func newEvalIncidents() *cobra.Command {
	o := evalOptions()
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "incidents DIR",
		Short: "Ask which change did it, of incidents whose culprit is known",
		Long: "Take the changes of each organisation in DIR into an instance of its own that is removed afterwards, ask whatChanged about each\n" +
			"incident as of its moment, and count at which rank the culprit stood, beside other methods on the same cases. Every case is asked\n" +
			"twice: once more with the culprit hidden, to see whether somebody else is accused.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, words []string) error {
			return o.evalIncidents(cmd, words[0], asJSON)
		},
	}
	o.evalFlags(cmd, &asJSON, "print the scores as JSON")
	return cmd
}

func (o *options) evalIncidents(cmd *cobra.Command, dir string, asJSON bool) error {
	worlds, err := eval.ReadIncidents(dir)
	if err != nil {
		return err
	}
	return o.diagnose(cmd, worlds, asJSON)
}

// diagnose asks about every incident of some worlds, each in an instance of its
// own, and prints how well they were answered.
func (o *options) diagnose(cmd *cobra.Command, worlds []eval.World, asJSON bool) error {
	all := map[string][]eval.Verdict{}
	begun, asked, total := time.Now(), 0, 0
	for _, w := range worlds {
		total += 2 * len(w.Cases)
	}
	bar := progress(cmd.ErrOrStderr(), "asking")
	bar.ChangeMax(total)
	for _, w := range worlds {
		err := o.thrownAway(cmd, func(ctx context.Context, in *openInstance) error {
			if err := takeIn(ctx, cmd, in, w.Events); err != nil {
				return err
			}
			for _, tier := range []string{eval.TierText, eval.TierEntity} {
				some, err := w.Ask(localViewer(ctx, "eval"), tier, in.asker(), func() {
					asked++
					_ = bar.Set(asked) // it only draws
				})
				if err != nil {
					return err
				}
				all[tier] = append(all[tier], some...)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	_ = bar.Finish()
	out := cmd.OutOrStdout()
	if asJSON {
		scores := map[string]eval.Scoreboard{}
		for tier, some := range all {
			scores[tier] = eval.ScoreboardOf(some)
		}
		return json.NewEncoder(out).Encode(scores)
	}
	for _, tier := range []string{eval.TierText, eval.TierEntity} {
		if err := eval.Print(out, tier, all[tier]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(cmd.ErrOrStderr(), "%d cases asked, %.2f s each, taking in included\n", asked, time.Since(begun).Seconds()/float64(max(1, asked)))
	return err
}

// asker asks the instance, as if some changes had never been.
func (in *openInstance) asker() eval.Asker {
	return func(ctx context.Context, q resolvers.WhatChangedInput, hidden []string) (*resolvers.WhatChanged, error) {
		r := in.Resolver
		if len(hidden) > 0 {
			var err error
			if r, err = resolvers.New(resolvers.Config{Index: eval.Hiding{Index: in.Index, Changed: hidden}, Log: slog.New(slog.DiscardHandler),
				Tracer: in.telemetry.Tracer, Meter: in.telemetry.Meter}); err != nil {
				return nil, err
			}
		}
		return r.WhatChanged(ctx, q)
	}
}
