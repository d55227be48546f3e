package ingest

import (
	"net/url"
	"path/filepath"
	"strings"
)

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
