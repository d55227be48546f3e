// Package eval asks questions of which the right answers are known, and counts
// how many are answered right. It reads sets of evaluation data; it starts
// nothing and stores nothing.
//
// There are two sorts of sets: of settings as of past moments ([ReadState]) and
// of incidents whose culprit is known ([ReadIncidents]). What is told to the
// index, and what is asked, never comes from the files with the answers: those
// are the scorer's. Whoever calls brings an index that was told the events.
package eval

import (
	"fmt"
	"strconv"
	"time"

	"whatchanged.dev/whatchanged"
)

// A StateSet is the history of settings and of rollouts, and what is asked of
// the settings as of past moments. It does not hold the answers.
type StateSet struct {
	Events    []whatchanged.Event // in the order of the files
	Questions []StateQuestion

	keys map[string]string // the names of settings, by that of their entity
}

// A StateQuestion asks for the value of a setting at T ("value_at"), or which
// settings had another value at T2 than at T1 ("changed_keys_between").
type StateQuestion struct {
	ID      string    `json:"id"`
	Kind    string    `json:"q"`
	Service string    `json:"service"`
	Env     string    `json:"env"`
	Key     string    `json:"key"`
	T       time.Time `json:"t"`
	T1      time.Time `json:"t1"`
	T2      time.Time `json:"t2"`
}

// The kinds of questions.
const (
	valueAt     = "value_at"
	changedKeys = "changed_keys_between"
)

// The files of a set of states, each a JSON value on a line.
const (
	settingsFile  = "service_config_events.jsonl"
	rolloutsFile  = "train_rollouts.jsonl"
	questionsFile = "asof_questions.jsonl"
)

// A setting is a line of the settings file: a key of a service in an
// environment got another value; null is none.
type setting struct {
	Change  string    `json:"change"`
	T       time.Time `json:"t"`
	Service string    `json:"service"`
	Env     string    `json:"env"`
	Key     string    `json:"key"`
	Old     *string   `json:"old"`
	New     *string   `json:"new"`
	Actor   string    `json:"actor"`
}

// A move is a line of the rollouts file: so many wikis moved to a version.
type move struct {
	ID        string             `json:"id"`
	T         time.Time          `json:"t"`
	Rollout   string             `json:"rollout"`
	From      string             `json:"frm"`
	Moved     int                `json:"moved"`
	Total     int                `json:"total"`
	Direction string             `json:"direction"`
	Share     map[string]float64 `json:"share_after"`
}

// ReadState reads a set of states from a folder, or from the folder named
// state in it.
func ReadState(dir string) (*StateSet, error) {
	dir, err := stateFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &StateSet{keys: map[string]string{}}
	line := 0
	err = readLines(dir, settingsFile, func(l setting) error {
		line++
		s.keys[entityName(l.Key)] = l.Key
		s.Events = append(s.Events, l.event(line))
		return nil
	})
	if err != nil {
		return nil, err
	}
	line = 0
	err = readLines(dir, rolloutsFile, func(m move) error {
		line++
		s.Events = append(s.Events, m.event(line))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, readLines(dir, questionsFile, func(q StateQuestion) error {
		s.Questions = append(s.Questions, q)
		return nil
	})
}

// event is what a line tells. Lines of equal times take effect in their order.
func (l setting) event(line int) whatchanged.Event {
	e := whatchanged.Event{ID: "settings/" + strconv.Itoa(line), Kind: whatchanged.Config, Action: "changed", Entity: settingRef(l.Service, l.Key),
		Placement: whatchanged.Placement{Environment: l.Env}, Actor: &whatchanged.Actor{Name: l.Actor}, EffectiveAt: l.T, Clock: whatchanged.SourceClock,
		Attributes: map[string]string{"change": l.Change}, Summary: l.Service + ": " + l.Key}
	if l.Old != nil {
		e.Before = whatchanged.ValueOf(*l.Old)
	} else {
		e.Action = "created"
	}
	if l.New != nil {
		e.After = whatchanged.ValueOf(*l.New)
	} else {
		e.Action = "deleted"
	}
	return e
}

func (m move) event(line int) whatchanged.Event {
	share := m.Share[m.Rollout]
	phase := whatchanged.PhaseProgressing
	if share == 1 {
		phase = whatchanged.PhasePromoted
	}
	return whatchanged.Event{ID: "rollout/" + strconv.Itoa(line), Kind: whatchanged.RolloutKind, Action: "moved " + m.Direction, Entity: whatchanged.RefOf(whatchanged.KindService, "train"),
		EffectiveAt: m.T, Clock: whatchanged.SourceClock, Version: m.Rollout, PreviousVersion: m.From,
		Rollout:    &whatchanged.RolloutStep{ID: m.Rollout, Phase: phase, Share: &share},
		Attributes: map[string]string{"change": m.ID, "moved": strconv.Itoa(m.Moved), "total": strconv.Itoa(m.Total)},
		Summary:    fmt.Sprintf("%s: %d of %d moved %s", m.Rollout, m.Moved, m.Total, m.Direction)}
}

// settingRef names a setting. References have no case and keys have: of two
// keys of one service only the case differs.
func settingRef(service, key string) whatchanged.Ref {
	return whatchanged.Ref{Kind: whatchanged.KindConfig, Namespace: entityName(service), Name: entityName(key)}
}
