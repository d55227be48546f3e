package ingest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"whatchanged.dev/whatchanged"
)

// fetchFor is how long one fetch may take. A remote that does not answer is
// known as lost long before, by the lease; this is when it is tried anew.
const fetchFor = 5 * time.Minute

// fetch brings what the remote of a branch has, and returns which ref holds it
// now: that branch's upstream, or else the remote's branch of that name, or else
// what was named. Of no name it is what HEAD follows, or else the branch that is
// the remote's default. Neither the work tree nor a branch of the clone is
// touched, unless it is a mirror, whose branches are the remote's.
func (g *git) fetch(ctx context.Context, ref string) (string, error) {
	remote, upstream, err := g.upstream(ctx, ref)
	if err != nil {
		return "", err
	}
	if _, err := g.output(ctx, "config", "--get-all", "remote."+remote+".fetch"); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", whatchanged.Errorf(whatchanged.CodeInvalidArgument,
			"%s keeps no branches of a remote %s: want a clone, such as one made by git clone or git clone --mirror", quote(g.path), quote(remote)).In("fetch").Hiding(err)
	}
	if err := g.pull(ctx, remote); err != nil {
		return "", err
	}
	for _, name := range []string{upstream, "refs/remotes/" + remote + "/" + cmp.Or(ref, "HEAD")} {
		if held := g.held(ctx, name); held != "" {
			return held, nil
		}
	}
	if mirror, _ := g.output(ctx, "config", "--get", "--type=bool", "remote."+remote+".mirror"); ref != "" || mirror == "true" { // it may not be set
		return ref, ctx.Err()
	}
	return "", cmp.Or(ctx.Err(), error(whatchanged.Errorf(whatchanged.CodeInvalidArgument,
		"%s is on no branch that follows one of %s, which names no default: want a ref, such as %s/main", quote(g.path), quote(remote), remote).In("ref")))
}

// upstream returns what a branch follows, or that HEAD is at if none is named:
// a remote, and the ref that holds its branch, "" if it follows none.
func (g *git) upstream(ctx context.Context, ref string) (remote, upstream string, err error) {
	out, err := g.output(ctx, "for-each-ref", "--format=%(upstream:remotename) %(upstream)", "refs/heads/"+strings.TrimPrefix(g.branch(ctx, ref), "refs/heads/"))
	if err != nil {
		return "", "", err
	}
	if remote, upstream, _ = strings.Cut(out, " "); remote == "" || remote == "." {
		first, _, _ := strings.Cut(ref, "/") // as in origin/main
		if _, err := g.output(ctx, "config", "--get", "remote."+first+".url"); first != "" && err == nil {
			return first, "", nil
		}
		return "origin", "", ctx.Err()
	}
	return remote, upstream, nil
}

// held returns what a ref is or stands for, "" if there is no such.
func (g *git) held(ctx context.Context, ref string) string {
	full, err := g.output(ctx, "rev-parse", "--symbolic-full-name", "--verify", "--quiet", "--end-of-options", ref)
	if err != nil {
		return ""
	}
	return full[strings.LastIndex(full, "\n")+1:] // some versions repeat --end-of-options
}

// pull runs git fetch. Nobody is there to be asked for a password: it has no
// terminal, also where ssh or a helper would open one. It leaves FETCH_HEAD to
// whoever works in the clone.
func (g *git) pull(ctx context.Context, remote string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchFor)
	defer cancel()
	cmd := g.command(ctx, "fetch", "--quiet", "--no-write-fetch-head", "--no-recurse-submodules", "--end-of-options", remote)
	cmd.Env = append(cmd.Env, "GIT_ASKPASS=", "SSH_ASKPASS=", "SSH_ASKPASS_REQUIRE=never", "GCM_INTERACTIVE=never")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // ssh and helpers too
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil:
		return whatchanged.Errorf(whatchanged.CodeUnavailable, "%s cannot be fetched from remote %s: it did not end in time", quote(g.path), quote(remote)).In("fetch").Hiding(err)
	case !errors.As(err, new(*exec.ExitError)):
		return g.failed(ctx, err, "")
	}
	return whatchanged.Errorf(whatchanged.CodeUnavailable, "%s cannot be fetched from remote %s: %s", quote(g.path), quote(remote), said(stderr.String())).In("fetch").Hiding(err)
}

// said returns the line of git's in which it says what went wrong.
func said(stderr string) string {
	for line := range strings.Lines(stderr) {
		if why, ok := strings.CutPrefix(strings.TrimSpace(line), "fatal: "); ok {
			return plain(why, maxWord)
		}
	}
	return plain(stderr, maxWord)
}
