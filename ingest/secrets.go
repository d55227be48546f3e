package ingest

import (
	"regexp"
	"strings"
)

// What a secret is called and what it looks like. Both lists err on the side
// of hiding: a value that was hidden in error can still be compared.

// secretWords in a name, spelled without separators, make it a secret's name;
// secretEnds only at its end, because they are common elsewhere ("tokenizer",
// "keyboard").
var (
	secretWords = []string{"password", "passwd", "passphrase", "secret", "apikey", "privatekey", "accesskey", "signingkey",
		"encryptionkey", "credential", "connectionstring", "bearertoken", "accesstoken", "refreshtoken", "authtoken"}
	secretEnds = []string{"token", "tokens", "pwd", "authorization", "cookie", "cookies", "dsn", "routingkey", "integrationkey",
		"masterkey", "sharedkey", "hmackey", "sessionkey", "privkey", "sas", "jwt"}
	// plainEnds make it the name of something about a secret.
	plainEnds = []string{"name", "names", "ref", "keyref", "refs", "path", "version", "length", "policy", "ttl", "expiry", "expires",
		"expiresat", "expiration", "expiresin", "enabled", "required", "count", "type", "kind", "url", "uri", "provider", "store",
		"class", "namespace", "service", "server", "api", "worker", "controller", "operator", "agent", "proxy", "createdat", "updatedat", "rotation", "rotatedat", "manager", "scanning", "scanningstatus"}
)

var separators = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

// secretName reports whether a value of that name is taken for a secret. Of a
// path or a reference only the last part counts.
func secretName(name string) bool {
	if len(name) > 512 {
		name = name[len(name)-512:]
	}
	name = name[strings.LastIndexAny(name, "/:")+1:]
	name = separators.Replace(strings.ToLower(name))
	for _, end := range plainEnds {
		if strings.HasSuffix(name, end) {
			return false
		}
	}
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	name = strings.TrimRight(name, "0123456789")
	for _, end := range secretEnds {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// countable reports whether a number of that name is a count, as in
// "max_tokens".
func countable(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "tokens") || strings.HasSuffix(name, "token")
}

// naming are the fields that name a thing, valued those that hold its value,
// in the same object or deeper.
var (
	naming = set("name", "key", "field", "path", "entity", "property", "id", "subject", "variable", "setting")
	valued = set("value", "values", "before", "after", "old", "new", "oldValue", "newValue", "old_value", "new_value",
		"previous", "current", "from", "to", "fromString", "toString", "default", "was")
)

func set(words ...string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words {
		m[w] = true
	}
	return m
}

// A look is how secrets of one kind look. Text without any of the hints, in
// lower case, has none; looking for those first is many times faster.
type look struct {
	hints []string
	re    *regexp.Regexp
}

func looks(expression string, hints ...string) look {
	return look{hints, regexp.MustCompile(expression)}
}

func (l look) in(lower string) bool {
	for _, h := range l.hints {
		if strings.Contains(lower, h) {
			return true
		}
	}
	return false
}

// trigrams are the beginnings of all hints, three bytes each. Most text holds
// none of them, which one pass over it tells.
var trigrams = func() (set [1 << 15]bool) {
	for _, l := range secretLooks {
		for _, h := range l.hints {
			set[trigram(h[0], h[1], h[2])] = true
		}
	}
	return set
}()

// trigram maps three bytes to a number; letters of either case to the same.
func trigram(a, b, c byte) int { return int(a&31)<<10 | int(b&31)<<5 | int(c&31) }

// mayHide reports whether text may hold a hint, in any case. Of text that is
// not ASCII it says yes: other letters may fold to those of a hint.
func mayHide(s string) bool {
	found := false
	for i := range len(s) {
		if s[i] >= 0x80 {
			return true
		}
		found = found || i >= 2 && trigrams[trigram(s[i-2], s[i-1], s[i])]
	}
	return found
}

// secretLooks finds secrets by themselves, or by the words before them. Where
// an expression has a group, the group is the secret.
var secretLooks = []look{
	looks(`-----BEGIN [A-Z ]*PRIVATE KEY[A-Z ]*-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY[A-Z ]*-----|$)`, "private key"),
	looks(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`, "akia", "asia"),
	looks(`\bgh[pousr]_[A-Za-z0-9]{20,}`, "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
	looks(`\bgithub_pat_[A-Za-z0-9_]{20,}`, "github_pat_"),
	looks(`\bgl(?:pat|ptt|dt|rt|cbt|ft|soat|agent)-[A-Za-z0-9_-]{16,}`,
		"glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glft-", "glsoat-", "glagent-"),
	looks(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`, "xox"),
	looks(`hooks\.slack\.com/services/([A-Za-z0-9/]{20,})`, "hooks.slack.com"),
	looks(`\bAIza[0-9A-Za-z_-]{35}`, "aiza"),
	looks(`\bya29\.[0-9A-Za-z_-]{20,}`, "ya29."),
	looks(`\b[sr]k_(?:live|test)_[0-9A-Za-z]{16,}`, "k_live_", "k_test_"),
	looks(`\bnpm_[A-Za-z0-9]{36}`, "npm_"),
	looks(`\bpypi-[A-Za-z0-9_-]{40,}`, "pypi-"),
	looks(`\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{24,}`, "sk-"),
	looks(`\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`, "sg."),
	looks(`\bhv[sbr]\.[A-Za-z0-9_-]{20,}`, "hvs.", "hvb.", "hvr."),
	looks(`\bdo[opr]_v1_[a-f0-9]{64}`, "_v1_"),
	looks(`\b(?:sdk|api|mob)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`, "sdk-", "api-", "mob-"),
	looks(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`, "eyj"),
	looks(`://[^\s/:@"']*:([^\s/@"']+)@`, "://"),
	looks(`(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{12,})`, "bearer", "basic"),
	// "password=x", "password: x" and "\"password\":\"x\"", but not the
	// reference secret:default/x.
	looks(`(?i)(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key|credentials?|token|pwd)[0-9]*`+
		`(?:\\*["']?\s*=\s*|\\*["']\s*:\s*|\s*:\s+)\\*("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s"',;&}\]]+)`,
		"passw", "passphrase", "secret", "key", "credential", "token", "pwd"),
}
