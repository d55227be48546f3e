package whatchanged_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
)

// A trainMove is one move of a staged rollout: some of the instances went from
// one version to another.
type trainMove struct {
	ID         string             `json:"id"`
	At         time.Time          `json:"t"`
	To         string             `json:"rollout"`
	From       string             `json:"frm"`
	Direction  string             `json:"direction"`
	ShareAfter map[string]float64 `json:"share_after"`
}

func (m trainMove) back() bool { return m.Direction == "back" }

// steps tells a move as a deployer would: how much runs the one version, and
// how much is left of the other. The newer of the two is what goes out.
func (m trainMove) steps() []*whatchanged.Event {
	step := func(what, version, before string, phase whatchanged.Phase) *whatchanged.Event {
		share := m.ShareAfter[version]
		if share == 1 {
			phase = whatchanged.PhasePromoted
		}
		return &whatchanged.Event{ID: m.ID + "/" + what, Source: "test", Kind: whatchanged.RolloutKind, Action: "stepped", Entity: whatchanged.RefOf(whatchanged.KindService, "wiki"),
			EffectiveAt: m.At, Version: version, PreviousVersion: before, Rollout: &whatchanged.RolloutStep{ID: version, Phase: phase, Share: &share}}
	}
	left := whatchanged.PhaseSuperseded
	if m.back() {
		left = whatchanged.PhaseProgressing
	}
	return []*whatchanged.Event{step("to", m.To, m.From, whatchanged.PhaseProgressing), step("from", m.From, "", left)}
}

// TestTrain follows the real moves of a staged rollout, in the folder that
// WHATCHANGED_TESTDATA names, or two of our own: at every move the shares are
// what the deployer says, and what moves backwards is rolled back.
func TestTrain(t *testing.T) {
	moves := train(t)
	by := map[string][]*whatchanged.Event{}
	backwards := 0
	var last time.Time
	for _, m := range moves {
		if !m.At.After(last) { // listed in order, told to the second
			m.At = last.Add(time.Microsecond)
		}
		last = m.At
		for _, e := range m.steps() {
			steps := append(by[e.Rollout.ID], e)
			rand.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
			by[e.Rollout.ID] = steps
		}
		for _, version := range []string{m.To, m.From} {
			r := whatchanged.RolloutOf(by[version])
			if want := m.ShareAfter[version]; r.Share == nil || math.Abs(*r.Share-want) > 1e-9 {
				t.Fatalf("%s at %v: share %v, want %v", version, m.At, r.Share, want)
			}
			if !r.UpdatedAt.Equal(m.At) {
				t.Fatalf("%s was updated at %v, want %v", version, r.UpdatedAt, m.At)
			}
		}
		if !m.back() {
			continue
		}
		backwards++
		r := whatchanged.RolloutOf(by[m.From])
		partly := m.ShareAfter[m.From] > 0
		if partly && !r.Back || !partly && r.Phase != whatchanged.PhaseRolledBack {
			t.Errorf("%s went back to %v at %v: got %s", m.From, m.ShareAfter[m.From], m.At, spelled(r))
		}
	}
	t.Logf("%d moves, %d of them backwards", len(moves), backwards)
	if backwards == 0 {
		t.Error("nothing went back")
	}
}

func train(t *testing.T) (moves []trainMove) {
	dir := os.Getenv("WHATCHANGED_TESTDATA")
	if dir == "" {
		t.Log("WHATCHANGED_TESTDATA is not set: following moves of our own only")
		return []trainMove{
			{"a", began, "2", "1", "forward", map[string]float64{"2": 0.1, "1": 0.9}},
			{"b", began.Add(time.Hour), "2", "1", "forward", map[string]float64{"2": 1}},
			{"c", began.Add(2 * time.Hour), "1", "2", "back", map[string]float64{"1": 0.75, "2": 0.25}},
			{"d", began.Add(3 * time.Hour), "1", "2", "back", map[string]float64{"1": 1}},
		}
	}
	file, err := os.Open(filepath.Join(dir, "incidents", "state", "train_rollouts.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(unzipped); lines.Scan(); {
		var m trainMove
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		moves = append(moves, m)
	}
	return moves
}
