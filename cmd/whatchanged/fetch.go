package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/graphiql"
	"whatchanged.dev/whatchanged/index/cold/embedded"
)

func newFetch() *cobra.Command {
	return &cobra.Command{
		Use:   "fetch",
		Short: "Fetch the embedded ClickHouse and GraphiQL into the cache folder, and print where they are",
		Long: "Fetch what is not in the program, with npm, into the cache folder: the embedded ClickHouse (178 MB, 566 MB unpacked) and GraphiQL (6 MB).\n" +
			"What is there is not fetched again. Without this command the first start fetches the one, and the first look at /graphiql the other.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			library, err := embedded.Locate(cmd.Context(), embedded.LocateConfig{Progress: cmd.ErrOrStderr()})
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), library)
			files, err := graphiql.Fetch(cmd.Context(), "", cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), files)
			return nil
		},
	}
}
