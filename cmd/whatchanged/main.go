// Command whatchanged tells what changed in production, what is true now and
// what was true then: it takes change events from other systems, keeps them,
// and answers questions about them over GraphQL, MCP and on the command line.
//
// The command puts the parts together and translates; it decides nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/settings"
	"whatchanged.dev/whatchanged/index/cold/embedded"
)

func main() {
	embedded.Child() // never returns in the engine's own process
	os.Exit(run(os.Args[1:]))
}

// run runs the command and returns its exit status: 0, or that of the error's
// code in [whatchanged.Codes].
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var usage *usageError
	var known *whatchanged.Error
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "whatchanged: %v\n", err)
		return whatchanged.Codes[whatchanged.CodeInvalidArgument].Exit
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return 130 // interrupted, as shells say it
	case errors.As(err, &known):
		fmt.Fprintf(os.Stderr, "whatchanged: %s: %v\n", known.Code, err)
		return whatchanged.Codes[known.Code].Exit
	}
	fmt.Fprintf(os.Stderr, "whatchanged: %v\n", err)
	return whatchanged.Codes[whatchanged.CodeInternal].Exit
}

// A usageError is a command line that could not be read.
type usageError struct{ error }

// newRoot returns the command with all its subcommands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "whatchanged",
		Short:         "What changed in production, what is true now, what was true then",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.PersistentFlags().String("config", "", "YAML file with settings: the flags of every command, without the dashes")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{settings.Hushed(err)} })
	root.AddCommand(newServe(), newDemo(), newAsk(), newIngest(), newMCP(), newEval(), newMigrate(), newFetch(), newSource(), newVersion())
	strict(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		file, _ := cmd.Flags().GetString("config")
		if file == "" {
			file = os.Getenv(settings.Variable("config"))
		}
		return settings.Fill(cmd.Flags(), file, allFlags(root))
	}
	return root
}

// strict makes words that a command has no use for a usage error, in it and in
// all under it. A command that only holds others shows its help when none is
// named.
func strict(cmd *cobra.Command) {
	check := cmd.Args
	if !cmd.Runnable() {
		check = noSuchCommand
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	cmd.Args = func(cmd *cobra.Command, words []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, words); err != nil {
			return &usageError{err}
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}

func noSuchCommand(cmd *cobra.Command, words []string) error {
	if len(words) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return fmt.Errorf("%q is no command of %s: want one of %s", words[0], cmd.CommandPath(), strings.Join(names, ", "))
}

// allFlags lists the flags of every command, so that one file can serve all.
func allFlags(cmd *cobra.Command) []string {
	var names []string
	collect(cmd, &names)
	return names
}

// version is the module's version and commit, as the Go tool stamped them.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v, commit := info.Main.Version, ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			commit = " (" + s.Value[:12] + ")"
		}
	}
	return v + commit
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and that of the embedded engine",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "whatchanged %s\nengine ClickHouse %s\n", version(), embedded.Version)
			return err
		},
	}
}
