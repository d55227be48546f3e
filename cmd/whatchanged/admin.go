package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged/index/cold"
	"whatchanged.dev/whatchanged/ingest"
)

func newMigrate() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the tables in ClickHouse up to date and stop (serve does it too)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.clickhouse == "" {
				return o.alone(cmd.Context(), cmd, func(*openInstance) error { return nil })
			}
			options, err := cold.ParseDSN(o.clickhouse)
			if err != nil {
				return err
			}
			return cold.Migrate(cmd.Context(), options, cold.Layout{Cluster: o.cluster})
		},
	}
	o.instanceFlags(cmd.Flags())
	return cmd
}

func newSource() *cobra.Command {
	cmd := &cobra.Command{Use: "source", Short: "What is understood"}
	cmd.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "List the sources: their names are paths of webhooks and labels of metrics",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range ingest.Sources {
				signed := "unsigned"
				if s.Verify != nil {
					signed = "signed: set --webhook-secret " + s.Name + "=…"
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%-16s %s\n", s.Name, signed); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return cmd
}
