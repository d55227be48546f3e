package resolvers

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"whatchanged.dev/whatchanged"
)

// maxShown bounds a value in a sentence, in characters.
const maxShown = 60

// short is a value as a sentence shows it.
func short(v whatchanged.Value, version string) string {
	text := v.String()
	if utf8.RuneCountInString(text) > maxShown {
		text = string([]rune(text)[:maxShown]) + "…"
	}
	text = Fence(text)
	if v == nil {
		text = "a value that is not told"
		if version != "" {
			return "version " + Fence(version)
		}
	}
	if version != "" {
		text += " (version " + Fence(version) + ")"
	}
	return text
}

// verdict says what is set, or that nothing is.
func (c *configuration) verdict(s *ConfigState, none []whatchanged.Ref, future series) string {
	var parts []string
	at := stamp(c.view.AsOf)
	if n := len(c.held); n > 1 {
		parts = append(parts, fmt.Sprintf("%d values of %s hold at %s", n, countOf(len(c.entities(c.held)), "key", "keys"), at))
		parts = append(parts, c.tally()...)
	}
	for i := range s.Items[:min(3, len(s.Items))] {
		parts = append(parts, c.sentence(&s.Items[i], len(c.held) == 1, at))
	}
	if len(none) > 0 {
		text := fmt.Sprintf("%s: nothing was set at %s%s%s", join(none[:min(5, len(none))]), at, c.asked(), besides(s.Excluded))
		if first := c.first(none, future); first != nil {
			text += fmt.Sprintf("; the next to set it is %s at %s", first.ID, stamp(first.EffectiveAt))
		}
		parts = append(parts, text+". Coverage: "+s.Coverage.Text)
	}
	if len(parts) == 0 {
		parts = append(parts, fmt.Sprintf("Nothing was set at %s%s%s. Coverage: %s", at, c.asked(), besides(s.Excluded), s.Coverage.Text))
	}
	return strings.Join(parts, "; ") + "."
}

// asked names the place that was asked.
func (c *configuration) asked() string {
	if !c.where.asksPlacement() {
		return ""
	}
	return " in " + strings.Trim(c.where.Environment+"/"+strings.Join(c.where.Regions, ","), "/")
}

// first returns the first change to come of keys where it was asked.
func (c *configuration) first(refs []whatchanged.Ref, future series) (first *whatchanged.Event) {
	for _, ref := range refs {
		for k, events := range future {
			if k.Entity == ref && c.where.match(k.Placement) != whatchanged.Outside && (first == nil || events[0].Key().Compare(first.Key()) < 0) {
				first = events[0]
			}
		}
	}
	return first
}

// tally counts what one wants to know first of many values.
func (c *configuration) tally() (parts []string) {
	deleted, observed := 0, 0
	for _, h := range c.held {
		switch {
		case h.event == nil:
			observed++
		case h.event.Deletes():
			deleted++
		}
	}
	for _, n := range []struct {
		count int
		what  string
	}{{deleted, "deleted"}, {observed, "observed and not declared"}} {
		if n.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	return parts
}

// sentence tells of one value; whole when it is the only one.
func (c *configuration) sentence(v *ConfigValue, whole bool, at string) string {
	text := v.Key.String()
	if place := v.Place.String(); place != "" {
		text += " in " + Fence(place)
	}
	if whole {
		text += " at " + at
	}
	switch v.Status {
	case StatusDeleted:
		text += ": deleted"
	case StatusObserved:
		text += ": declared nowhere, observed as " + short(v.Value, v.Version)
	default:
		text += ": " + short(v.Value, v.Version)
	}
	text += " since " + stamp(v.EffectiveAt)
	if v.Actor != nil && v.Actor.Name != "" {
		text += " by " + Fence(actor(v.Actor))
	}
	if p := v.Previous; p != nil && p.Deleted {
		text += ", before that deleted"
	} else if p != nil {
		text += ", before that " + short(p.Value, p.Version)
	}
	for _, o := range v.Observed {
		if o.Differs != nil && *o.Differs {
			text += ", but observed as " + short(o.Value, o.Version)
			break
		}
	}
	return text
}

// afterConfig proposes what is worth asking next.
func (c *configuration) afterConfig(in ConfigInput, s *ConfigState) []Call {
	next := []Call{}
	if len(s.Items) == 0 {
		return append(next, c.call("dataHealth", "whether the sources were heard", map[string]any{}))
	}
	v := &s.Items[0]
	next = append(next, c.call("change", "everything on the change that set the first", map[string]any{"ids": []string{v.ID}}))
	if !in.History {
		next = append(next, c.call("config", "its whole history", map[string]any{"key": []string{v.Key.String()}, "history": true, "asOf": c.view.AsOf}))
	}
	return append(next, c.call("whatChanged", "what else changed around it", map[string]any{"scope": []string{v.Key.String()}, "until": c.view.AsOf}))
}

// Len implements [Paged].
func (s *ConfigState) Len() int { return len(s.Items) + len(s.History) }

// Cut implements [Paged].
func (s *ConfigState) Cut(n int) {
	items := min(n, len(s.Items))
	s.Items, s.History = s.Items[:items:items], s.History[:n-items:n-items]
	s.Readers = s.readOnPage()
	s.cutAt(n)
}

// IDs implements [Answered].
func (s *ConfigState) IDs() []string {
	ids := []string{}
	for i := range s.Items {
		v := &s.Items[i]
		ids = append(ids, v.ID)
		for _, b := range []*ConfigVersion{v.Previous, v.Next} {
			if b != nil && b.ID != nil {
				ids = append(ids, *b.ID)
			}
		}
		for _, o := range v.Observed {
			ids = append(ids, o.ID)
		}
	}
	for i := range s.History {
		ids = append(ids, s.History[i].ID)
	}
	for _, e := range s.Readers {
		ids = append(ids, e.ID)
	}
	return ids
}

// Table implements [Answered]: the values, each with what was before, what is
// next and what was observed; then the history; then who reads the keys.
func (s *ConfigState) Table() Table {
	t := Table{Header: []string{"what", "key", "place", "value", "version", "since", "by", "ticket", "id", "variant", "percentage", "targeting", "why or diff"}, Ours: []string{"what", "since", "why or diff"}}
	row := func(cells ...string) {
		t.Rows = append(t.Rows, append(cells, make([]string, len(t.Header)-len(cells))...))
	}
	for i := range s.Items {
		v := &s.Items[i]
		percentage := ""
		if v.Percentage != nil {
			percentage = strconv.FormatFloat(*v.Percentage, 'g', -1, 64)
		}
		key, place := v.Key.String(), v.Place.String()
		row(v.Status, key, place, v.Value.String(), v.Version, stamp(v.EffectiveAt), actor(v.Actor), v.Ticket, v.ID, v.Variant, percentage, v.Targeting.String(), v.Why)
		versionRow(row, "before", key, place, v.Previous)
		versionRow(row, "next", key, place, v.Next)
		for _, o := range v.Observed {
			row("observed", key, o.Placement.String(), o.Value.String(), o.Version, stamp(o.EffectiveAt), "", "", o.ID, "", "", "", lagText(o))
		}
	}
	for _, ref := range s.Unset {
		row("not set", ref.String())
	}
	for i := range s.History {
		h := &s.History[i]
		row(Fence(h.Action), h.Key.String(), h.Placement.String(), h.Value.String(), h.Version, stamp(h.EffectiveAt), actor(h.Actor), h.Ticket, h.ID, "", "", "", Fence(editsText(h.Diff)))
	}
	for _, e := range s.Readers {
		row("read by", e.To.String(), "", e.From.String(), "", stamp(e.Since), "", "", e.ID)
	}
	return t
}

func versionRow(row func(...string), what, key, place string, v *ConfigVersion) {
	if v == nil {
		return
	}
	since, why := "", ""
	if v.EffectiveAt != nil {
		since = stamp(*v.EffectiveAt)
	}
	if v.Deleted {
		why = "deleted"
	}
	row(what, key, place, v.Value.String(), v.Version, since, actor(v.Actor), "", deref(v.ID), "", "", "", why)
}

func lagText(o ConfigObservation) string {
	if o.Differs == nil {
		return ""
	}
	lag := strconv.FormatFloat(*o.LagSeconds, 'f', 0, 64) + " s"
	if *o.Differs {
		return "differs since " + lag
	}
	return "seen after " + lag
}

func editsText(edits []whatchanged.Edit) string {
	var parts []string
	for _, d := range edits {
		parts = append(parts, editText(d))
	}
	return strings.Join(parts, "; ")
}

func editText(d whatchanged.Edit) string {
	return strings.TrimSpace(d.Op + " " + d.Path + " " + d.Was.String() + " → " + d.Value.String())
}
