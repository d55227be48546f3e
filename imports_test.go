package whatchanged_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "whatchanged.dev/whatchanged"

// mayImport is the map of the house: which packages of the module each folder
// may import. Anything not listed is not allowed. "" is the root package.
var mayImport = map[string][]string{
	// The vocabulary imports nothing.
	"": {},

	// Writing: ingest names what it needs of the index with interfaces.
	"ingest":   {""},
	"fixtures": {},

	// Programs of others, for tests.
	"fixtures/node": {},

	// Fixtures through the sources, for tests without a server.
	"fixtures/received": {"", "fixtures", "index/hot", "ingest"},

	// The index knows neither who writes nor who asks.
	"index":                           {"", "index/changelog", "index/cold", "index/hot"},
	"index/changelog":                 {""},
	"index/cold":                      {""},
	"index/cold/embedded":             {"", "index/cold/embedded/npm"},
	"index/cold/embedded/enginetest":  {"", "index/cold/embedded"},
	"index/cold/embedded/npm":         {""},
	"index/cold/embedded/npm/npmtest": {},
	"index/hot":                       {""},
	"index/indextest":                 {"", "resolvers"},

	// Reading: resolvers know neither stores nor transports, and nothing that
	// they reach can write.
	"resolvers":      {""},
	"resolvers/eval": {"", "resolvers"},

	// Surfaces translate.
	"graph/schema": {""},
	"graph":        {"", "graph/schema", "resolvers"},
	"mcp":          {"", "graph/schema", "resolvers"},

	// Putting it together.
	"cmd/whatchanged":                    everything,
	"cmd/whatchanged/internal/auth":      {"", "resolvers"},
	"cmd/whatchanged/internal/folder":    {""},
	"cmd/whatchanged/internal/graphiql":  {"", "index/cold/embedded/npm"},
	"cmd/whatchanged/internal/instance":  everything,
	"cmd/whatchanged/internal/remote":    {"", "graph/schema", "resolvers"},
	"cmd/whatchanged/internal/settings":  {""},
	"cmd/whatchanged/internal/telemetry": {},
	"cmd/whatchanged/internal/web":       everything,
}

var everything = []string{"*"}

func TestPackagesImportOnlyWhatTheMapAllows(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		pkg := rel(f[0])
		seen[pkg] = true
		allowed, ok := mayImport[pkg]
		if !ok {
			t.Errorf("package %q is not on the map", pkg)
		}
		for _, imp := range f[1:] {
			if ours(imp) && !slices.Contains(allowed, rel(imp)) && !slices.Contains(allowed, "*") {
				t.Errorf("%q imports %q", pkg, rel(imp))
			}
		}
	}
	for pkg := range mayImport {
		if !seen[pkg] {
			t.Errorf("the map lists %q, which is not there", pkg)
		}
	}
}

// TestReadPathCannotWrite follows what resolvers and the surfaces reach.
func TestReadPathCannotWrite(t *testing.T) {
	for _, pkg := range []string{"resolvers", "graph", "mcp"} {
		out, err := exec.Command("go", "list", "-deps", module+"/"+pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		for imp := range strings.FieldsSeq(string(out)) {
			if r := rel(imp); ours(imp) && (r == "ingest" || strings.HasPrefix(r, "index")) || strings.Contains(imp, "clickhouse-go") || strings.Contains(imp, "nats.go") {
				t.Errorf("%s reaches %s", pkg, imp)
			}
		}
	}
}

// TestVocabularyNeedsOnlyTheStandardLibrary keeps the root package cheap to
// import for everybody.
func TestVocabularyNeedsOnlyTheStandardLibrary(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{join .Imports \"\\n\"}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	for imp := range strings.FieldsSeq(string(out)) {
		if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") {
			t.Errorf("the vocabulary imports %s", imp)
		}
	}
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

func rel(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "/") }
