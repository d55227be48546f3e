package ingest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

// TestCorpus reads every delivery it can find through its source: those of the
// folder that WHATCHANGED_TESTDATA names, laid out as deliveries/github,
// deliveries/cdevents and deliveries/captured, or else our own fixtures.
// Whatever real senders sent must be accepted, or ignored with a reason.
func TestCorpus(t *testing.T) {
	corpus, whole := corpusFolder(t), true
	if corpus == nil {
		corpus, whole = ownCorpus(t), false
	}
	counts := map[string]map[string]int{}
	for _, f := range corpus {
		group, _, _ := strings.Cut(f.name, "__")
		decoded, err := f.source.Decode(f.delivery)
		what := "accepted"
		switch {
		case err != nil:
			what = "refused"
			if whole {
				t.Errorf("%s: refused: %v", f.name, err)
			}
		case len(decoded.Events) == 0:
			what = "ignored"
			if decoded.Ignored == "" {
				t.Errorf("%s: ignored without a reason", f.name)
			}
		}
		for _, e := range decoded.Events {
			if fault := unfit(e); fault != "" {
				t.Errorf("%s: %s: %+v", f.name, fault, e)
			}
		}
		if counts[group] == nil {
			counts[group] = map[string]int{}
		}
		counts[group][what]++
	}
	for _, group := range slices.Sorted(maps.Keys(counts)) {
		c := counts[group]
		t.Logf("%-40s accepted %3d  ignored %3d  refused %3d", group, c["accepted"], c["ignored"], c["refused"])
	}
}

// unfit says what keeps an event from being stored, "" for nothing.
func unfit(e whatchanged.Event) string {
	switch {
	case e.ID == "":
		return "no id"
	case !e.Entity.Valid() || e.Entity != e.Entity.Canonical():
		return fmt.Sprintf("entity %q", e.Entity)
	case e.Kind == "" || e.Action == "":
		return "no kind or action"
	case e.Revision < 0:
		return "negative revision"
	case !e.EffectiveAt.IsZero() && (!whatchanged.Always.Contains(e.EffectiveAt) || e.EffectiveAt != whatchanged.Canonical(e.EffectiveAt)):
		return "time " + e.EffectiveAt.String()
	case e.Dependency != nil && !e.Dependency.To.Valid():
		return "dependency on nothing"
	case e.Rollout != nil && (e.Rollout.ID == "" || e.Rollout.Phase == ""):
		return "rollout without id or phase"
	}
	return ""
}

// corpusFolder reads the folder that the environment names, nil if none.
func corpusFolder(t *testing.T) []fixture {
	dir := os.Getenv("WHATCHANGED_TESTDATA")
	if dir == "" {
		return nil
	}
	var all []fixture
	for _, pattern := range []string{"github/*.json", "cdevents/*/*.json", "captured/cdevents-*.json"} {
		files, err := filepath.Glob(filepath.Join(dir, "deliveries", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files in %s: %v", pattern, dir, err)
		}
		for _, file := range files {
			all = append(all, corpusFile(t, pattern, file))
		}
	}
	return all
}

func corpusFile(t *testing.T, pattern, file string) fixture {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name, header, source := filepath.Base(file), map[string]string{"content-type": "application/json"}, cloudEvents
	switch {
	case strings.HasPrefix(pattern, "github"):
		event, _, _ := strings.Cut(name, "__")
		source = github
		header["x-github-event"] = event
		name = "github " + name
	case strings.HasPrefix(pattern, "captured"):
		b, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".headers")
		if err != nil {
			t.Fatal(err)
		}
		header = headersOf(b)
		name = "captured__" + name
	default:
		name = "cdevents " + filepath.Base(filepath.Dir(file)) + "__" + name
	}
	return fixture{name: name, source: source, delivery: received(source, header, body)}
}

func ownCorpus(t *testing.T) []fixture {
	t.Log("WHATCHANGED_TESTDATA is not set: reading the fixtures of the project")
	all := allFixtures(t)
	for i, f := range all {
		all[i].name = f.source.Name + "__" + f.name
	}
	return all
}

// FuzzSources checks that no delivery makes a source panic, and that whatever
// a source accepts is fit to store.
func FuzzSources(f *testing.F) {
	for _, x := range allFixtures(f) {
		f.Add(x.source.Name, x.delivery.Header["content-type"], x.delivery.Header["x-github-event"], x.delivery.Body)
	}
	f.Fuzz(func(t *testing.T, name, contentType, event string, body []byte) {
		source, ok := Lookup(name)
		if !ok {
			return
		}
		header := map[string]string{"content-type": contentType, "x-github-event": event}
		if contentType == "" {
			header["ce-specversion"], header["ce-id"], header["ce-source"], header["ce-type"] = "1.0", "1", event, event
		}
		decoded, err := source.Decode(received(source, header, body))
		switch {
		case err != nil && whatchanged.CodeOf(err) != whatchanged.CodeInvalidArgument && whatchanged.CodeOf(err) != whatchanged.CodeTooLarge:
			t.Errorf("refused with %s: %v", whatchanged.CodeOf(err), err)
		case err == nil && len(decoded.Events) == 0 && decoded.Ignored == "":
			t.Error("neither events nor a reason")
		}
		for _, e := range decoded.Events {
			if fault := unfit(e); fault != "" {
				t.Errorf("accepted, but %s: %+v", fault, e)
			}
		}
	})
}

// BenchmarkDecode decodes one typical delivery of each kind.
func BenchmarkDecode(b *testing.B) {
	typical := []string{
		"github-deployment-status-success", "github-push-branch", "cloudevents-service-upgraded-binary",
		"cloudevents-service-upgraded", "cloudevents-flag-changed", "cloudevents-generic",
	}
	for _, f := range allFixtures(b) {
		if !slices.Contains(typical, f.name) {
			continue
		}
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(int64(len(f.delivery.Body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.source.Decode(f.delivery); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
