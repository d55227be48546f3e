package ingest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// How much of each part of an event is kept, in bytes or entries. What is
// longer is cut, except for ids and references, which would then name another
// thing, and values, which are replaced by a hash.
const (
	maxID         = 512
	maxWord       = 200
	maxSummary    = 1000
	maxKept       = 256 << 10
	maxURL        = 2048
	maxLinks      = 50
	maxCommits    = 1000
	maxAttributes = 100
	maxChecks     = 100
)

// canonical brings the events of a delivery into the form in which they are
// stored. It does not depend on the time, so that a replay gives the same.
func (p *Pipeline) canonical(source string, events []whatchanged.Event) error {
	if len(events) > p.Limits.Events {
		return whatchanged.Errorf(whatchanged.CodeTooLarge, "the delivery holds %d events; send at most %d at once", len(events), p.Limits.Events)
	}
	for i := range events {
		if err := p.canonicalEvent(source, &events[i]); err != nil {
			if len(events) > 1 {
				err = err.In(fmt.Sprintf("events[%d].%s", i, err.Field))
			}
			return err
		}
	}
	return nil
}

func (p *Pipeline) canonicalEvent(source string, e *whatchanged.Event) *whatchanged.Error {
	e.Source, e.Position, e.SeenAt = source, whatchanged.Position{}, time.Time{}
	for _, check := range []func(*whatchanged.Event) *whatchanged.Error{canonicalName, canonicalTimes, p.canonicalValues} {
		if err := check(e); err != nil {
			return err
		}
	}
	p.canonicalTexts(e)
	return nil
}

func invalid(field, format string, args ...any) *whatchanged.Error {
	return whatchanged.Errorf(whatchanged.CodeInvalidArgument, format, args...).In(field)
}

// canonicalName checks what the event is called and what it is about.
func canonicalName(e *whatchanged.Event) *whatchanged.Error {
	switch {
	case e.ID == "":
		return invalid("id", "missing: without an id a redelivery could not be told from a second change")
	case len(e.ID) > maxID:
		return invalid("id", "%d bytes: want at most %d", len(e.ID), maxID)
	case plain(e.ID, maxID) != e.ID:
		return invalid("id", "%q: want no control or invisible characters", e.ID)
	case e.Revision < 0:
		return invalid("revision", "%d: want 0 or more", e.Revision)
	}
	if e.Entity = reference(e.Entity); !e.Entity.Valid() {
		return invalid("entity", "%q: want kind:namespace/name, such as service:acme/checkout", plain(e.Entity.String(), maxWord))
	}
	if d := e.Dependency; d != nil {
		if d.To = reference(d.To); !d.To.Valid() {
			return invalid("dependency.to", "%q: want kind:namespace/name, such as service:acme/checkout", plain(d.To.String(), maxWord))
		}
	}
	if e.Kind == "" {
		e.Kind = whatchanged.Other
	}
	return nil
}

func reference(r whatchanged.Ref) whatchanged.Ref {
	if r.IsZero() {
		return r
	}
	r.Namespace = cmp.Or(r.Namespace, whatchanged.DefaultNamespace)
	return r.Canonical()
}

// canonicalTimes checks the times. An event of which the source tells no time
// took effect when the log stored it, and the log will say so.
func canonicalTimes(e *whatchanged.Event) *whatchanged.Error {
	if w := e.WrittenAt; w != nil {
		t, err := canonicalTime("writtenAt", *w)
		if err != nil {
			return err
		}
		e.WrittenAt = &t
	}
	if e.EffectiveAt.IsZero() || e.Clock == whatchanged.ArrivalClock {
		e.EffectiveAt, e.Clock = time.Time{}, whatchanged.ArrivalClock
		return nil
	}
	e.Clock = whatchanged.SourceClock
	t, err := canonicalTime("effectiveAt", e.EffectiveAt)
	e.EffectiveAt = t
	return err
}

func canonicalTime(field string, t time.Time) (time.Time, *whatchanged.Error) {
	t = whatchanged.Canonical(t)
	if !whatchanged.Always.Contains(t) {
		return t, invalid(field, "%s: want a time from %s to before %s",
			t.Format(time.RFC3339), whatchanged.MinTime.Format(time.DateOnly), whatchanged.MaxTime.Format(time.DateOnly))
	}
	return t, nil
}

// canonicalValues redacts the values by the name of what they belong to: an
// importer hands over events that no redacted body stands behind.
func (p *Pipeline) canonicalValues(e *whatchanged.Event) *whatchanged.Error {
	name := e.Entity.Name
	for _, v := range []struct {
		field string
		value *whatchanged.Value
	}{{"before", &e.Before}, {"after", &e.After}} {
		parsed, err := whatchanged.ParseValue(*v.value)
		if err != nil {
			return invalid(v.field, "not a JSON value")
		}
		*v.value = shown(p.redact.value(parsed, name))
	}
	if e.Diff == nil {
		e.Diff = whatchanged.Diff(e.Before, e.After)
	}
	for i := range e.Diff {
		p.canonicalEdit(&e.Diff[i], name)
	}
	e.Before, e.After = capped(e.Before), capped(e.After)
	return nil
}

func (p *Pipeline) canonicalEdit(d *whatchanged.Edit, name string) {
	if d.Path = plain(d.Path, maxURL); secretName(d.Path) {
		name = d.Path
	}
	for _, v := range []*whatchanged.Value{&d.Value, &d.Was} {
		*v = capped(shown(p.redact.value(*v, name)))
	}
}

// capped replaces a value too long to keep, so that it can still be compared.
func capped(v whatchanged.Value) whatchanged.Value {
	if len(v) <= maxKept {
		return v
	}
	return whatchanged.ValueOf(fmt.Sprintf("too long to keep: sha256=%x:len=%d", sha256.Sum256(v), len(v)))
}

// canonicalTexts makes all that people and assistants will read plain.
func (p *Pipeline) canonicalTexts(e *whatchanged.Event) {
	e.Kind = whatchanged.EventKind(plain(string(e.Kind), maxWord))
	e.Summary = plain(p.redact.text(e.Summary), maxSummary)
	words := []*string{&e.Action, &e.Version, &e.PreviousVersion, &e.Reverts, &e.Parent,
		&e.Placement.Environment, &e.Placement.Region, &e.Placement.Cluster, &e.Placement.Cell}
	if a := e.Actor; a != nil {
		words = append(words, &a.Name)
	}
	if a := e.Approval; a != nil {
		words = append(words, &a.By, &a.Policy)
	}
	if v := e.Validation; v != nil {
		v.Checks = plains(v.Checks, maxChecks)
		words = append(words, &v.Result)
	}
	if r := e.Rollout; r != nil {
		words = append(words, &r.ID)
	}
	for _, w := range words {
		*w = plain(*w, maxID)
	}
	e.Commits = plains(e.Commits, maxCommits)
	e.Links = p.links(e.Links)
	e.Attributes = p.attributes(e.Attributes)
}

func plains(all []string, most int) []string {
	all = all[:min(len(all), most)]
	for i := range all {
		all[i] = plain(all[i], maxWord)
	}
	return all
}

// links keeps the links that a person can follow safely.
func (p *Pipeline) links(all []whatchanged.Link) []whatchanged.Link {
	all = slices.DeleteFunc(all, func(l whatchanged.Link) bool {
		u, err := url.Parse(l.URL)
		return err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(l.URL) > maxURL || plain(l.URL, maxURL) != l.URL
	})
	all = all[:min(len(all), maxLinks)]
	for i := range all {
		all[i] = whatchanged.Link{Rel: plain(all[i].Rel, maxWord), URL: p.redact.text(all[i].URL)}
	}
	return all
}

func (p *Pipeline) attributes(all map[string]string) map[string]string {
	if len(all) == 0 {
		return all
	}
	kept := make(map[string]string, len(all))
	for _, k := range slices.Sorted(maps.Keys(all))[:min(len(all), maxAttributes)] {
		v := all[k]
		if secretName(k) {
			v = p.redact.hash(v)
		}
		kept[plain(strings.TrimSpace(k), maxWord)] = plain(p.redact.text(v), maxSummary)
	}
	return kept
}
