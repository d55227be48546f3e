package npm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"time"
)

// A published package is what npm says of one.
type published struct {
	Tarball   string `json:"dist.tarball"`
	Integrity string `json:"dist.integrity"`
}

// ask asks npm for a package. The integrity must be the pinned one.
func (p Package) ask(ctx context.Context, c Config) (published, error) {
	cmd := exec.CommandContext(ctx, "npm", "view", p.String(), "dist.tarball", "dist.integrity", "--json")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // what npm started may hold its output open
	var out published
	switch err := cmd.Run(); {
	case errors.Is(err, exec.ErrNotFound):
		return out, unavailable(err, "%s %s is not in the cache and is fetched with npm, which is not installed", c.What, p)
	case ctx.Err() != nil:
		return out, unavailable(ctx.Err(), "npm view %s did not answer in time", p)
	case err != nil:
		return out, unavailable(err, "npm view %s failed (%s)", p, complaint(stderr.String(), err))
	}
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil || out.Tarball == "" {
		return out, unavailable(err, "npm view %s does not say where the package is", p)
	}
	if out.Integrity != p.Integrity {
		return out, unavailable(nil, "npm says that the checksum of %s is %s, but it must be %s", p, out.Integrity, p.Integrity)
	}
	return out, nil
}

// complaint returns the first error that npm printed, or err.
func complaint(stderr string, err error) string {
	for line := range strings.Lines(stderr) {
		for _, prefix := range []string{"npm error ", "npm ERR! "} { // newer and older npm
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
				return text
			}
		}
	}
	return err.Error()
}
