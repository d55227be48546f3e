package cold

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

// An eventRow is an event as the events table holds it, its fields in the
// order of the columns in sql/conditions.sql. What is a document of its own is
// JSON text there, and empty text when it is absent.
type eventRow struct {
	sequence                       uint64
	ordinal, revision              uint32
	id, source, kind, action       string
	entity                         string
	environment, region            string
	cluster, cell                  string
	actor, actorIs                 string
	writtenAt                      *time.Time
	effectiveAt, seenAt            time.Time
	clock                          string
	before, after, diff            string
	version, previousVersion       string
	commits                        []string
	reverts, summary               string
	approval, validation, links    string
	rollout, phase                 string
	share                          *float64
	dependency, dependencyEvidence string
	dependencyRemoved              bool
	parent                         string
	attributes                     map[string]string
}

// fields returns pointers to r's fields in the order of the columns.
func (r *eventRow) fields() []any {
	return []any{&r.sequence, &r.ordinal, &r.id, &r.revision, &r.source, &r.kind, &r.action, &r.entity,
		&r.environment, &r.region, &r.cluster, &r.cell, &r.actor, &r.actorIs, &r.writtenAt, &r.effectiveAt, &r.seenAt, &r.clock,
		&r.before, &r.after, &r.diff, &r.version, &r.previousVersion, &r.commits, &r.reverts,
		&r.summary, &r.approval, &r.validation, &r.links, &r.rollout, &r.phase, &r.share,
		&r.dependency, &r.dependencyEvidence, &r.dependencyRemoved, &r.parent, &r.attributes}
}

// values returns r's fields in the order of the columns.
func (r *eventRow) values() []any {
	return []any{r.sequence, r.ordinal, r.id, r.revision, r.source, r.kind, r.action, r.entity,
		r.environment, r.region, r.cluster, r.cell, r.actor, r.actorIs, r.writtenAt, r.effectiveAt, r.seenAt, r.clock,
		r.before, r.after, r.diff, r.version, r.previousVersion, r.commits, r.reverts,
		r.summary, r.approval, r.validation, r.links, r.rollout, r.phase, r.share,
		r.dependency, r.dependencyEvidence, r.dependencyRemoved, r.parent, r.attributes}
}

// Who an actor is, in the column actor_is.
const (
	actorUnknown    = "unknown"
	actorHuman      = "human"
	actorAutomation = "automation"
)

func rowOf(e *whatchanged.Event) (*eventRow, error) {
	r := &eventRow{
		sequence: e.Position.Sequence, ordinal: e.Position.Index, id: e.ID, revision: uint32(e.Revision),
		source: e.Source, kind: string(e.Kind), action: e.Action, entity: e.Entity.String(),
		environment: e.Placement.Environment, region: e.Placement.Region, cluster: e.Placement.Cluster, cell: e.Placement.Cell,
		actorIs: actorUnknown, writtenAt: e.WrittenAt, effectiveAt: e.EffectiveAt, seenAt: e.SeenAt, clock: string(e.Clock),
		before: string(e.Before), after: string(e.After), version: e.Version, previousVersion: e.PreviousVersion,
		commits: e.Commits, reverts: e.Reverts, summary: e.Summary, parent: e.Parent, attributes: e.Attributes,
	}
	if a := e.Actor; a != nil {
		r.actor, r.actorIs = a.Name, actorHuman
		if a.Automation {
			r.actorIs = actorAutomation
		}
	}
	if s := e.Rollout; s != nil {
		r.rollout, r.phase, r.share = s.ID, string(s.Phase), s.Share
	}
	if d := e.Dependency; d != nil {
		r.dependency, r.dependencyEvidence, r.dependencyRemoved = d.To.String(), string(d.Evidence), d.Removed
	}
	return r, r.encode(e)
}

// encode writes e's documents as JSON text.
func (r *eventRow) encode(e *whatchanged.Event) (err error) {
	document := func(present bool, v any) string {
		if !present || err != nil {
			return ""
		}
		var b []byte
		b, err = json.Marshal(v)
		return string(b)
	}
	r.diff = document(len(e.Diff) > 0, e.Diff)
	r.approval = document(e.Approval != nil, e.Approval)
	r.validation = document(e.Validation != nil, e.Validation)
	r.links = document(len(e.Links) > 0, e.Links)
	if err != nil {
		return fmt.Errorf("event %s: %w", e.Identity(), err)
	}
	return nil
}

func scanEvent(rows driver.Rows) (whatchanged.Event, error) {
	var r eventRow
	if err := rows.Scan(r.fields()...); err != nil {
		return whatchanged.Event{}, fmt.Errorf("read an event: %w", err)
	}
	return r.event()
}

func (r *eventRow) event() (whatchanged.Event, error) {
	e := whatchanged.Event{
		ID: r.id, Revision: int(r.revision), Position: whatchanged.Position{Sequence: r.sequence, Index: r.ordinal},
		Source: r.source, Kind: whatchanged.EventKind(r.kind), Action: r.action,
		Placement:   whatchanged.Placement{Environment: r.environment, Region: r.region, Cluster: r.cluster, Cell: r.cell},
		EffectiveAt: r.effectiveAt.UTC(), SeenAt: r.seenAt.UTC(), Clock: whatchanged.Clock(r.clock),
		Before: value(r.before), After: value(r.after), Version: r.version, PreviousVersion: r.previousVersion,
		Reverts: r.reverts, Summary: r.summary, Parent: r.parent,
	}
	if r.writtenAt != nil {
		at := r.writtenAt.UTC()
		e.WrittenAt = &at
	}
	if len(r.commits) > 0 {
		e.Commits = r.commits
	}
	if len(r.attributes) > 0 {
		e.Attributes = r.attributes
	}
	if r.actorIs != actorUnknown {
		e.Actor = &whatchanged.Actor{Name: r.actor, Automation: r.actorIs == actorAutomation}
	}
	if r.rollout != "" || r.phase != "" {
		e.Rollout = &whatchanged.RolloutStep{ID: r.rollout, Phase: whatchanged.Phase(r.phase), Share: r.share}
	}
	return e, r.decode(&e)
}

// decode reads what is parsed: references and documents.
func (r *eventRow) decode(e *whatchanged.Event) (err error) {
	if e.Entity, err = whatchanged.ParseRef(r.entity); err != nil {
		return fmt.Errorf("event %s: %w", r.id, err)
	}
	if r.dependency != "" {
		to, err := whatchanged.ParseRef(r.dependency)
		if err != nil {
			return fmt.Errorf("event %s: %w", r.id, err)
		}
		e.Dependency = &whatchanged.Dependency{To: to, Evidence: whatchanged.Evidence(r.dependencyEvidence), Removed: r.dependencyRemoved}
	}
	for _, d := range []struct {
		text string
		into any
	}{{r.diff, &e.Diff}, {r.approval, &e.Approval}, {r.validation, &e.Validation}, {r.links, &e.Links}} {
		if d.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(d.text), d.into); err != nil {
			return fmt.Errorf("event %s: %w", r.id, err)
		}
	}
	return nil
}

func value(text string) whatchanged.Value {
	if text == "" {
		return nil
	}
	return whatchanged.Value(text)
}
