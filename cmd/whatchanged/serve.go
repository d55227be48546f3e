package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/auth"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/graphiql"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/instance"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/telemetry"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/web"
)

func newServe() *cobra.Command {
	var o options
	var listen string
	var drain time.Duration
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Take deliveries and answer questions until told to stop",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.serve(cmd.Context(), cmd, listen, drain, func(context.Context, *instance.Instance, string) error { return nil })
		},
	}
	o.instanceFlags(cmd.Flags())
	o.serverFlags(cmd.Flags())
	o.issuerFlags(cmd.Flags())
	listenFlags(cmd, &listen, &drain)
	return cmd
}

func listenFlags(cmd *cobra.Command, listen *string, drain *time.Duration) {
	cmd.Flags().StringVar(listen, "listen", "127.0.0.1:8080", "address to listen on; beyond loopback only with --auth-token or --oidc-issuer")
	cmd.Flags().DurationVar(drain, "drain", 20*time.Second, "how long to finish what was begun, once told to stop")
}

// serve opens an instance, listens, and calls up once questions are answered.
// It returns when ctx has ended and all is closed, or when something failed.
func (o *options) serve(ctx context.Context, cmd *cobra.Command, listen string, drain time.Duration,
	up func(context.Context, *instance.Instance, string) error) error {
	who, err := o.auth()
	if err != nil {
		return err
	}
	if err := who.CheckListen(listen); err != nil {
		return err
	}
	return o.opened(ctx, cmd, func(in *openInstance) error {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
		if err != nil {
			return whatchanged.Errorf(whatchanged.CodeUnavailable, "cannot listen on %s: %v", listen, err).In("listen")
		}
		address := "http://" + l.Addr().String()
		if err := in.Folder.Announce(address); err != nil {
			return err
		}
		in.telemetry.Log.Info("listening", "address", address, "data", o.data)
		ctx, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		go o.watch(ctx, in.Instance, stop, func() error { return up(ctx, in.Instance, address) })
		server, err := o.web(in.Instance, in.telemetry, who)
		if err != nil {
			return err
		}
		if err := server.Serve(ctx, l, drain); err != nil {
			return err
		}
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			return cause
		}
		return nil
	})
}

// watch calls up once the index answers, and stops everything when the index
// or up fails.
func (o *options) watch(ctx context.Context, in *instance.Instance, stop context.CancelCauseFunc, up func() error) {
	err := in.Ready(ctx)
	if err == nil {
		err = up()
	}
	if err != nil {
		stop(err)
		return
	}
	if err := in.Wait(ctx); err != nil {
		stop(fmt.Errorf("the index stopped: %w", err))
	}
}

func (o *options) web(in *instance.Instance, t *telemetry.Telemetry, who auth.Config) (*web.Server, error) {
	allowed, err := o.allowed()
	if err != nil {
		return nil, err
	}
	page, err := graphiql.NewHandler(graphiql.Config{Guarded: who.Needed(), Log: t.Log})
	if err != nil {
		return nil, err
	}
	return web.New(web.Config{Instance: in, Auth: who, Metrics: t.Metrics, Version: version(), Log: t.Log,
		GraphiQL: page, Operations: allowed, Secrets: func(source string) bool { return o.secrets[source] != "" }}), nil
}

// closeTelemetry exports what is left, though the command was told to stop.
func closeTelemetry(ctx context.Context, t *telemetry.Telemetry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return t.Close(ctx)
}
