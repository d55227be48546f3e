package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged/mcp"
)

func newMCP() *cobra.Command {
	var o options
	var url, token string
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Serve the Model Context Protocol on standard input and output",
		Long: "Serve the Model Context Protocol on standard input and output, for assistants that start their servers.\n" +
			"The answers are those of the server named by --server, else of the owner of the data folder, else of the folder itself.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			defer func() {
				if errors.Is(err, context.Canceled) {
					err = nil // told to stop
				}
			}()
			s, err := o.server(url, token)
			if err != nil {
				return err
			}
			if s != nil {
				return mcp.Bridge(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), mcp.Over(s.Open))
			}
			return o.alone(cmd.Context(), cmd, func(in *openInstance) error {
				ctx := localViewer(cmd.Context(), "stdio")
				return mcp.Bridge(ctx, cmd.InOrStdin(), cmd.OutOrStdout(), mcp.Within(mcp.NewHandler(mcp.NewServer(in.Resolver, version(), in.telemetry.Log), in.Resolver)))
			})
		},
	}
	o.instanceFlags(cmd.Flags())
	clientFlags(cmd.Flags(), &url, &token)
	return cmd
}
