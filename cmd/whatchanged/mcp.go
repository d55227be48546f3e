package main

import (
	"context"
	"errors"
	"io"
	"log"

	"github.com/mark3labs/mcp-go/server"
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.server(url, token)
			if err != nil {
				return err
			}
			if s != nil {
				return mcp.Bridge(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), s.Exchange)
			}
			return o.alone(cmd.Context(), cmd, func(in *openInstance) error {
				stdio := server.NewStdioServer(mcp.NewServer(in.Resolver, version(), in.telemetry.Log))
				stdio.SetErrorLogger(log.New(cmd.ErrOrStderr(), "", 0))
				stdio.SetContextFunc(func(ctx context.Context) context.Context { return localViewer(ctx, "stdio") })
				err := stdio.Listen(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
				if errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
					return nil
				}
				return err
			})
		},
	}
	o.instanceFlags(cmd.Flags())
	clientFlags(cmd.Flags(), &url, &token)
	return cmd
}
