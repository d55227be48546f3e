package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// GitSource is the source name of imported git history.
const GitSource = "git"

// GitConfig says which history to import. It needs the git binary, 2.31 or
// newer.
type GitConfig struct {
	Path       string                // a work tree or a bare repository
	Repository string                // its name, as in acme/shop; "" takes it from remote.origin.url, or else the folder
	Ref        string                // the branch whose landings are read; "" is HEAD
	Since      time.Time             // only landings committed at or after; zero is all
	Limit      int                   // only the latest landings; 0 is all
	Progress   func(done, total int) // called after each landing; may be nil
}

// A batch is handed over at this many events, or this many bytes of values,
// so that it fits into one message of the change log.
const (
	gitBatchEvents = 500
	gitBatchBytes  = 1 << 20
)

// ReadGit hands the landings on a branch to yield, oldest first, in batches.
// A landing is a commit along first parents: what a merge brought landed with
// the merge. Each becomes one commit event on the repository, and one config
// event for each configuration file it changed, whose Parent is the commit
// event. WrittenAt is the author's time and EffectiveAt the committer's.
//
// Before and After of config events are what stands in the files, secrets
// included, and Diff is left out: [Pipeline.Import] redacts the values first
// and then compares them. Nobody else may store them.
func ReadGit(ctx context.Context, config GitConfig, yield func([]whatchanged.Event) error) error {
	g := &git{path: config.Path}
	total, err := g.count(ctx, config)
	if err != nil {
		return err
	}
	remote, _ := g.output(ctx, "config", "--get", "remote.origin.url") // a repository may have none
	blobs, err := g.blobs(ctx)
	if err != nil {
		return err
	}
	defer blobs.close()
	read := gitReader{repository: repositoryName(config, remote), web: webAddress(remote), blobs: blobs, landed: map[string]string{}}
	out := gitBatch{yield: yield}
	done := 0
	err = g.log(ctx, config, func(l landing) error {
		events, err := read.events(l)
		if err == nil {
			err = out.add(events)
		}
		if done++; config.Progress != nil {
			config.Progress(done, max(done, total))
		}
		return err
	})
	if err != nil {
		return err
	}
	return out.flush()
}

// A gitBatch gathers events until they are worth handing over.
type gitBatch struct {
	yield  func([]whatchanged.Event) error
	events []whatchanged.Event
	bytes  int
}

func (b *gitBatch) add(events []whatchanged.Event) error {
	for _, e := range events {
		n := len(e.Before) + len(e.After)
		if len(b.events) == gitBatchEvents || b.bytes+n > gitBatchBytes {
			if err := b.flush(); err != nil {
				return err
			}
		}
		b.events, b.bytes = append(b.events, e), b.bytes+n
	}
	return nil
}

func (b *gitBatch) flush() error {
	if len(b.events) == 0 {
		return nil
	}
	events := b.events
	b.events, b.bytes = nil, 0
	return b.yield(events)
}

// git runs the git binary on one repository.
type git struct{ path string }

// command never prompts, never fetches and takes no lock.
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

// selection returns the arguments that choose the landings.
func selection(config GitConfig) []string {
	args := []string{"--first-parent"}
	if config.Limit > 0 {
		args = append(args, "--max-count="+strconv.Itoa(config.Limit))
	}
	if !config.Since.IsZero() {
		args = append(args, "--since="+config.Since.UTC().Format(time.RFC3339))
	}
	ref := config.Ref
	if ref == "" {
		ref = "HEAD"
	}
	return append(args, "--end-of-options", ref, "--")
}

func (g *git) count(ctx context.Context, config GitConfig) (int, error) {
	out, err := g.output(ctx, append([]string{"rev-list", "--count"}, selection(config)...)...)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(out)
}

// log streams the landings, oldest first.
func (g *git) log(ctx context.Context, config GitConfig, each func(landing) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := g.command(ctx, append([]string{"log", "--reverse", "-m", "--raw", "-z", "-M", "--no-abbrev", "--format=" + logFormat}, selection(config)...)...)
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

// repositoryName returns owner/name from where the repository was cloned.
func repositoryName(config GitConfig, remote string) string {
	if config.Repository != "" {
		return plain(strings.Trim(config.Repository, "/"), maxWord)
	}
	if _, path, ok := splitRemote(remote); ok {
		parts := strings.Split(path, "/")
		return plain(strings.Join(parts[max(0, len(parts)-2):], "/"), maxWord)
	}
	path, err := filepath.Abs(config.Path)
	if err != nil {
		path = config.Path
	}
	return plain(strings.TrimSuffix(filepath.Base(path), ".git"), maxWord)
}

// splitRemote returns host and path of a remote's address, which may be a URL
// or of the form user@host:path, without credentials.
func splitRemote(remote string) (host, path string, ok bool) {
	u, err := url.Parse(remote)
	if err == nil && u.Host != "" {
		host, path = u.Hostname(), u.Path
	} else if before, after, scp := strings.Cut(remote, ":"); scp && !strings.Contains(before, "/") {
		_, host, _ = strings.Cut("@"+before[strings.LastIndex(before, "@")+1:], "@")
		path = after
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	return host, path, host != "" && path != ""
}

// webAddress returns where a commit can be read, without its name at the end;
// "" when the remote is no forge whose addresses are known.
func webAddress(remote string) string {
	host, path, ok := splitRemote(remote)
	switch {
	case !ok:
		return ""
	case strings.Contains(host, "github"):
		return "https://" + host + "/" + path + "/commit/"
	case strings.Contains(host, "gitlab"):
		return "https://" + host + "/" + path + "/-/commit/"
	}
	return ""
}
