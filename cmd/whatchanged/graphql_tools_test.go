package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/remote"
	"whatchanged.dev/whatchanged/fixtures/node"
)

// outside are scripts that ask a server as outside tools do.
const outside = "testdata/graphql"

// script runs one of the scripts and fails the test if it does not end well.
func script(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := outsideCommand(t, name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func outsideCommand(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join(outside, name)}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_DEPS="+node.Install(t, outside))
	return cmd
}

// shop starts a server that has taken in the deliveries of the demo's shop.
func shop(t testing.TB, args ...string) (*process, *remote.Server) {
	t.Helper()
	s := serving(t, t.TempDir(), append([]string{"--webhook-secret", "github=secret"}, args...)...)
	server := &remote.Server{URL: s.url, Agent: "test"}
	var out strings.Builder
	if _, err := sendEstate(t.Context(), &out, server, time.Now().UTC(), "secret"); err != nil {
		t.Fatal(err)
	}
	return s, server
}

// TestOutsideToolsFindNothingWrong: the audits of GraphQL over HTTP, a walk over
// all that is a Relay connection, and the clients in use.
func TestOutsideToolsFindNothingWrong(t *testing.T) {
	s, _ := shop(t)
	for _, tt := range []struct{ claim, script, want string }{
		{"the schema that it tells of is the committed one", "introspect.mjs", "lines agree"},
		{"every audit of graphql-http passes", "audit.mjs", "61 audits passed, 0 failed"},
		{"connections and global ids are as Relay wants them", "relay.mjs", ", 0 failed"},
		{"the clients in use ask and subscribe", "clients.mjs", "\n0 failed"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if out := script(t, tt.script, s.url+"/graphql", schemaFile); !strings.Contains(out, tt.want) {
				t.Errorf("nothing says %q:\n%s", tt.want, out)
			}
		})
	}
}

// TestClientsThatAreCutOffMissNothing: while senders send, a client whose
// connection is cut after every few changes is told each once.
func TestClientsThatAreCutOffMissNothing(t *testing.T) {
	const senders, each = 4, 50
	s, _ := shop(t)
	var sending sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for n := range each {
				body := fmt.Sprintf(`{"specversion":"1.0","id":"%d-%d","source":"ci","type":"com.example.service.changed","subject":"x","time":%q,`+
					`"data":{"entity":"service:resume/s%[1]d","version":"%[2]d"}}`, sender, n, time.Now().UTC().Format(time.RFC3339Nano))
				if r := send(t.Context(), s.url+"/v1/events", "application/cloudevents+json", body); r.Status != http.StatusAccepted {
					t.Errorf("refused: %+v", r)
				}
			}
		})
	}
	for _, client := range []string{"graphql-ws", "graphql-sse"} {
		t.Run(client, func(t *testing.T) {
			told := strings.Fields(script(t, "resume.mjs", s.url+"/graphql", client, strconv.Itoa(senders*each)))
			if len(told) != senders*each {
				t.Fatalf("%d were told, want %d", len(told), senders*each)
			}
			if slices.Sort(told); len(slices.Compact(told)) != senders*each {
				t.Error("some were told twice, and others not at all")
			}
		})
	}
	sending.Wait()
}

// TestOnlyListedOperationsAreServed: with a list, which is checked at the start,
// the command line still asks, and others what is on it.
func TestOnlyListedOperationsAreServed(t *testing.T) {
	list := filepath.Join(t.TempDir(), "operations.graphql")
	write := func(text string) {
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("query A { nobody }")
	if exit, _, stderr := result(t, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--graphql-operations", list); exit != 2 || !strings.Contains(stderr, `graphql-operations: operation`) {
		t.Errorf("exit %d: %s", exit, stderr)
	}
	write("query A { timeline(input: {}) { total } }")
	s, _ := shop(t, "--graphql-operations", list)
	if exit, _, stderr := result(t, "ask", "timeline", "--server", s.url); exit != 0 {
		t.Errorf("ask: exit %d: %s", exit, stderr)
	}
	for query, want := range map[string]string{"query A{timeline(input:{}){total}}": `"total"`, "{timeline(input:{}){verdict}}": "not on the list"} {
		b, _ := json.Marshal(map[string]string{"query": query})
		res, err := http.Post(s.url+"/graphql", "application/json", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if res.Body.Close(); err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s, want %s in it", query, body, want)
		}
	}
}

// The schema as it is, and as clients were last promised it.
const (
	schemaFile   = "../../graph/schema.graphql"
	releasedFile = "../../graph/released.graphql"
)

// TestTheSchemaBreaksNoClient: what was released can still be asked. Who breaks
// it on purpose releases anew: make release-schema, in a commit that says why.
func TestTheSchemaBreaksNoClient(t *testing.T) {
	t.Log(script(t, "diff.mjs", releasedFile, schemaFile))
}

// TestTheSchemaIsLinted: by graphql-eslint, as written in lint.mjs.
func TestTheSchemaIsLinted(t *testing.T) {
	file, err := filepath.Abs(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	script(t, "lint.mjs", file)
}

// TestWhatIsFoundInASchema: the tools see what they are there for.
func TestWhatIsFoundInASchema(t *testing.T) {
	was := `"All." type Query { "One." thing("Which." id: ID!): Thing } "A thing." type Thing { "Its name." name: String! "How many." count: Int "Where." page: PageInfo }
"A page." type PageInfo { "More." hasNextPage: Boolean! "Before." hasPreviousPage: Boolean! "First." startCursor: String "Last." endCursor: String }`
	for _, tt := range []struct{ claim, tool, from, to, says string }{
		{"a field that is gone", "diff.mjs", ` "How many." count: Int`, "", "BREAKING Field 'count' was removed from object type 'Thing'"},
		{"a field of another type", "diff.mjs", "count: Int", "count: String", "BREAKING Field 'Thing.count' changed type from 'Int' to 'String'"},
		{"an argument that must be given now", "diff.mjs", `"Which." id: ID!`, `"Which." id: ID! "Of." of: ID!`, "BREAKING Argument 'of: ID!' added to field 'Query.thing'"},
		{"one that may be given breaks nothing", "diff.mjs", `"Which." id: ID!`, `"Which." id: ID! "Of." of: ID`, ""},
		{"a field more breaks nothing", "diff.mjs", "count: Int", `count: Int "And." more: Int`, ""},
		{"a field without a description", "lint.mjs", `"How many." count`, "count", `Description is required for field "count" in type "Thing"`},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			dir := t.TempDir()
			older, newer := filepath.Join(dir, "older.graphql"), filepath.Join(dir, "newer.graphql")
			for file, text := range map[string]string{older: was, newer: strings.Replace(was, tt.from, tt.to, 1)} {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			args := []string{older, newer}
			if tt.tool == "lint.mjs" {
				args = args[1:]
			}
			out, err := outsideCommand(t, tt.tool, args...).CombinedOutput()
			if (err != nil) != (tt.says != "") || !strings.Contains(string(out), tt.says) {
				t.Errorf("%v %s, want %q", err, out, tt.says)
			}
		})
	}
}

// TestSubscribersAreToldWhenTheServerStops: and where to go on, and the server
// ends in time though they stay.
func TestSubscribersAreToldWhenTheServerStops(t *testing.T) {
	s, _ := shop(t)
	body := strings.NewReader(`{"query":"subscription{changes(after:\"pos:0\"){id}}"}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"text/event-stream"}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), `"id":`) {
	}
	s.stop()
	var rest strings.Builder
	for lines.Scan() {
		rest.WriteString(lines.Text() + "\n")
	}
	for _, want := range []string{`"code":"UNAVAILABLE","position":"pos:`, "the server is stopping", "event: complete"} {
		if !strings.Contains(rest.String(), want) {
			t.Errorf("nothing says %s:\n%s", want, rest.String())
		}
	}
}
