package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/ingest"
	"whatchanged.dev/whatchanged/resolvers/eval"
)

func newEvalGit() *cobra.Command {
	o := evalOptions()
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "git PATH…",
		Short: "Ask which change did it, of the reverts in your own repositories",
		Long: "Read the histories of repositories, as ingest git does, and make an incident of every landing that takes back another one and says\n" +
			"why: the moment is when the revert was written, the text is the reason it states, without titles, hashes, links, tickets and\n" +
			"names, and the culprit is what it takes back, which landed in the seven days before. Then ask whatChanged about each, among all\n" +
			"that landed in all the repositories, and count at which rank the culprit stood, beside other methods on the same cases.\n" +
			"Only changes that were taken back are seen this way, not those that were fixed forward: read differences, not absolutes.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			return o.evalGit(cmd, paths, asJSON)
		},
	}
	o.evalFlags(cmd, &asJSON, "print the scores as JSON")
	return cmd
}

func (o *options) evalGit(cmd *cobra.Command, paths []string, asJSON bool) error {
	var events []whatchanged.Event
	reasons := map[string]eval.Reason{}
	for _, path := range paths {
		config := ingest.GitConfig{Path: path, Message: func(id, author, message string) { reasons[id] = eval.Reason{Author: author, Message: message} }}
		_, _, err := readGit(cmd.Context(), cmd.ErrOrStderr(), config, func(_ context.Context, _ string, some []whatchanged.Event) (ingest.Accepted, error) {
			events = append(events, some...)
			return ingest.Accepted{}, nil
		})
		if err != nil {
			return err
		}
	}
	w, unsaid := eval.GitWorld("git", events, reasons)
	fmt.Fprintf(cmd.ErrOrStderr(), "%d changes; %d reverts say why, %d do not and are left out\n", len(events), len(w.Cases), unsaid)
	if len(w.Cases) == 0 {
		return whatchanged.Errorf(whatchanged.CodeNotFound, "no landing takes back another one of the seven days before and says why: there is nothing to measure on")
	}
	return o.diagnose(cmd, []eval.World{w}, asJSON)
}
