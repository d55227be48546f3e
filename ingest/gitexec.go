package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// git runs the git binary on one repository.
type git struct{ path string }

// command never prompts, fetches nothing that is missing and takes no lock
// that it can do without.
func (g *git) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"--no-pager", "-c", "i18n.logOutputEncoding=UTF-8", "-c", "log.showSignature=false"}, args...)...)
	cmd.Dir = g.path
	cmd.Env = append(cmd.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "LC_ALL=C")
	cmd.WaitDelay = time.Second
	return cmd
}

func (g *git) output(ctx context.Context, args ...string) (string, error) {
	cmd := g.command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", g.failed(ctx, err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// failed says what a failed command means to whoever named the repository.
func (g *git) failed(ctx context.Context, err error, stderr string) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return whatchanged.Errorf(whatchanged.CodeUnavailable, "git is not installed: install git 2.31 or newer")
	case strings.Contains(stderr, "unknown revision"), strings.Contains(stderr, "bad revision"), strings.Contains(stderr, "ambiguous argument"):
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s has no such branch, or no commits yet", quote(g.path)).Hiding(err)
	case strings.Contains(stderr, "not a git repository"), !errors.As(err, new(*exec.ExitError)):
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s is not a git repository", quote(g.path)).In("path").Hiding(err)
	}
	return fmt.Errorf("git in %s: %w: %s", g.path, err, strings.TrimSpace(stderr))
}

// A selection chooses landings along first parents.
type selection struct {
	ref   string
	since time.Time // zero is all
	limit int       // only the latest; 0 is all
}

func (s selection) args() []string {
	args := []string{"--first-parent"}
	if s.limit > 0 {
		args = append(args, "--max-count="+strconv.Itoa(s.limit))
	}
	if !s.since.IsZero() {
		args = append(args, "--since="+s.since.UTC().Format(time.RFC3339))
	}
	ref := s.ref
	if ref == "" {
		ref = "HEAD"
	}
	return append(args, "--end-of-options", ref, "--")
}

// A chain is the names of landings, the latest first.
type chain struct {
	names  []string
	before string // what the last stands on, "" if that is not there
	root   bool   // the last has nothing before it
}

func (g *git) chain(ctx context.Context, s selection) (c chain, err error) {
	out, err := g.output(ctx, append([]string{"rev-list", "--parents"}, s.args()...)...)
	if err != nil {
		return c, err
	}
	for line := range strings.Lines(out) {
		name, parents, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		c.names = append(c.names, name)
		c.before, _, _ = strings.Cut(parents, " ")
	}
	if c.before == "" {
		shallow, err := g.output(ctx, "rev-parse", "--is-shallow-repository")
		c.root = err == nil && shallow == "false"
	}
	return c, nil
}

// brought returns which landing of a chain brought each commit.
func (g *git) brought(ctx context.Context, c chain) (map[string]string, error) {
	args := []string{"rev-list", "--parents", c.names[0]}
	if c.before != "" {
		args = append(args, "--not", c.before)
	}
	out, err := g.output(ctx, args...)
	if err != nil {
		return nil, err
	}
	parents := map[string][]string{}
	for line := range strings.Lines(out) {
		name, of, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		parents[name] = strings.Fields(of)
	}
	by := make(map[string]string, len(parents))
	for _, landing := range slices.Backward(c.names) {
		for reached := []string{landing}; len(reached) > 0; {
			name := reached[len(reached)-1]
			reached = reached[:len(reached)-1]
			if _, here := parents[name]; here && by[name] == "" {
				by[name] = landing
				reached = append(reached, parents[name]...)
			}
		}
	}
	return by, nil
}

// branch returns the name of what is read, as a person would give it.
func (g *git) branch(ctx context.Context, ref string) string {
	if held, ok := strings.CutPrefix(ref, "refs/remotes/"); ok {
		_, name, _ := strings.Cut(held, "/")
		return name
	}
	if ref != "" {
		return ref
	}
	name, err := g.output(ctx, "symbolic-ref", "--short", "-q", "HEAD")
	if err != nil {
		return "HEAD" // a commit is checked out, and no branch
	}
	return name
}

// log streams the landings, oldest first.
func (g *git) log(ctx context.Context, s selection, each func(landing) error) error {
	return g.landings(ctx, append([]string{"log", "--reverse", "-m", "--raw", "-z", "-M", "--no-abbrev", "--format=" + logFormat}, s.args()...), each)
}

// names streams the landings, oldest first, without the files they changed.
func (g *git) names(ctx context.Context, s selection, each func(landing) error) error {
	return g.landings(ctx, append([]string{"log", "--reverse", "--no-patch", "-z", "--format=" + logFormat}, s.args()...), each)
}

func (g *git) landings(ctx context.Context, args []string, each func(landing) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := g.command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return g.failed(ctx, err, "")
	}
	if err := parseLog(stdout, each); err != nil {
		cancel()
		_, _ = io.Copy(io.Discard, stdout) // the cause is err
		_ = cmd.Wait()
		return err
	}
	if err := cmd.Wait(); err != nil {
		return g.failed(ctx, err, stderr.String())
	}
	return nil
}
