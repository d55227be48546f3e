package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/instance"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/remote"
	"whatchanged.dev/whatchanged/fixtures"
	"whatchanged.dev/whatchanged/ingest"
)

// demoLandings bounds how much of a repository the demo reads.
const demoLandings = 2000

func newDemo() *cobra.Command {
	var o options
	var listen, repo string
	var drain time.Duration
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Bring everything up, take in real input, ask three questions, and stay up",
		Long: "Bring everything up in a folder of its own that is removed afterwards: ClickHouse, the change log, the index and the HTTP surface.\n" +
			"Take in the deliveries of a small shop whose checkout is in trouble, and the history of a repository. Ask three questions\n" +
			"over GraphQL, MCP and the command line, compare the answers, print them, and stay up for more.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.demo(cmd, listen, repo, drain, once)
		},
	}
	o.instanceFlags(cmd.Flags())
	_ = cmd.Flags().MarkHidden("data") // it makes its own
	o.serverFlags(cmd.Flags())
	listenFlags(cmd, &listen, &drain)
	cmd.Flags().StringVar(&repo, "repo", ".", "repository whose history is taken in, at most its latest 2000 landings")
	cmd.Flags().BoolVar(&once, "once", false, "end after the answers instead of staying up")
	return cmd
}

func (o *options) demo(cmd *cobra.Command, listen, repo string, drain time.Duration, once bool) error {
	start := time.Now()
	folder, err := os.MkdirTemp("", "whatchanged-demo-")
	if err != nil {
		return fmt.Errorf("demo folder: %w", err)
	}
	defer os.RemoveAll(folder)
	o.data = folder
	if !cmd.Flags().Changed("log-level") {
		o.logLevel = "warn"
	}
	if !cmd.Flags().Changed("listen") {
		listen = freeUnlessTaken(cmd.Context(), listen)
	}
	secret := rand.Text()
	o.secrets = map[string]string{"github": secret}
	token := ""
	for _, t := range o.tokens {
		token = t
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, "Starting ClickHouse, the change log and the index …")
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	return o.serve(ctx, cmd, listen, drain, func(ctx context.Context, _ *instance.Instance, address string) error {
		s := &remote.Server{URL: address, Token: token, Agent: "whatchanged-demo"}
		fmt.Fprintf(out, "Up at %s after %.1f s.\n\n", address, time.Since(start).Seconds())
		position, err := sendEstate(ctx, out, s, time.Now().UTC(), secret)
		if err != nil {
			return err
		}
		last, err := sendHistory(ctx, out, cmd.ErrOrStderr(), s, repo)
		if err != nil {
			return err
		}
		if last.Compare(position) > 0 {
			position = last
		}
		if err := askThree(ctx, out, s, time.Now().UTC(), position); err != nil {
			return err
		}
		fmt.Fprintf(out, "%.1f s from start to here.\n%s", time.Since(start).Seconds(), addresses(address, once))
		if once {
			stop()
		}
		return nil
	})
}

// freeUnlessTaken returns an address with a free port when that of listen is
// in use: the demo should not fail because something else is running.
func freeUnlessTaken(ctx context.Context, listen string) string {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close()
	return listen
}

// sendEstate posts the deliveries of the shop as their senders would, signed.
func sendEstate(ctx context.Context, out io.Writer, s *remote.Server, now time.Time, secret string) (whatchanged.Position, error) {
	requests, err := fixtures.Estate(now)
	if err != nil {
		return whatchanged.Position{}, err
	}
	var last whatchanged.Position
	var events int
	for _, r := range requests {
		header := r.Header.Clone()
		if strings.HasSuffix(r.Path, "/github") {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write(r.Body)
			header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		}
		res, err := s.Post(ctx, r.Path, header, r.Body)
		if err != nil {
			return last, err
		}
		if res.Status != http.StatusAccepted {
			return last, fmt.Errorf("%s was answered %d: %s", r.Path, res.Status, res.Body)
		}
		a, err := accepted(res.Body)
		if err != nil {
			return last, err
		}
		last, events = a.Position, events+a.Events
	}
	fmt.Fprintf(out, "Took in %d deliveries of a small shop (GitHub webhooks, CDEvents, CloudEvents): %d change events.\n", len(requests), events)
	return last, nil
}

// sendHistory takes in the history of the repository at path, if it is one.
func sendHistory(ctx context.Context, out, progress io.Writer, s *remote.Server, path string) (whatchanged.Position, error) {
	var last whatchanged.Position
	if err := exec.CommandContext(ctx, "git", "-C", path, "rev-parse", "--verify", "--quiet", "HEAD").Run(); err != nil {
		fmt.Fprintf(out, "%s is no git repository with a commit: no history was taken in; name one with --repo.\n", path)
		return last, nil
	}
	config := ingest.GitConfig{Path: path, Limit: demoLandings}
	err := importGit(ctx, progress, config, func(ctx context.Context, source string, events []whatchanged.Event) (ingest.Accepted, error) {
		var a ingest.Accepted
		err := s.Call(ctx, "/v1/import/"+source, events, &a)
		if a.Position.Compare(last) > 0 {
			last = a.Position
		}
		return a, err
	})
	return last, err
}

func addresses(address string, once bool) string {
	if once {
		return ""
	}
	return fmt.Sprintf(`
Staying up. Try:
  GraphiQL   %[1]s/graphiql
  GraphQL    %[1]s/graphql
  MCP        %[1]s/mcp     (or: whatchanged mcp --server %[1]s)
  CLI        whatchanged ask whatChanged checkout --server %[1]s
  Metrics    %[1]s/metrics
Stop with Ctrl-C.
`, address)
}

var errDiffer = errors.New("the surfaces gave different answers")
