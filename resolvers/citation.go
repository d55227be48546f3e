package resolvers

import (
	"fmt"
	"strings"

	"whatchanged.dev/whatchanged"
)

// A Standing is what became of a change that was cited.
type Standing string

// The standings of a citation.
const (
	Stands   Standing = "STANDS"   // it is told as it was when it was cited
	Repaired Standing = "REPAIRED" // its source corrected it since
	Unknown  Standing = "UNKNOWN"  // nothing of that id was known when it was cited, or is
)

// A Citation is a change as an earlier answer told of it: its id, and the
// position up to which that answer had seen the log, written id@position.
type Citation struct {
	Cited    string                `json:"cited"`
	ID       string                `json:"id"`
	Standing Standing              `json:"standing"`
	Position *whatchanged.Position `json:"position"` // of the revision that is told now; nil when there is none
	Text     string                `json:"text"`
}

// A cited is an id as it was asked.
type cited struct {
	text string
	id   string
	at   whatchanged.Position
	then bool // cited with a position
}

// citedOf reads id@position. An id may hold an @ of its own, so what follows
// the last one must be a position.
func citedOf(text string) cited {
	at := strings.LastIndexByte(text, '@')
	if at <= 0 {
		return cited{text: text, id: text}
	}
	p, err := whatchanged.ParsePosition(text[at+1:])
	if err != nil {
		return cited{text: text, id: text}
	}
	return cited{text, text[:at], p, true}
}

// citations reads the events that are asked for, in that order, and tells what
// became of those that were cited. Of ids without a position each must be known.
func (a *asking) citations(asked []string) ([]whatchanged.Event, []Citation, error) {
	var all []cited
	var ids []string
	for _, text := range asked {
		all = append(all, citedOf(text))
		ids = append(ids, all[len(all)-1].id)
	}
	now, err := a.revisions(a.view.KnownAt, ids)
	if err != nil {
		return nil, nil, err
	}
	var events []whatchanged.Event
	found := []Citation{}
	for _, c := range all {
		e, known := now[c.id]
		if !known && !c.then {
			return nil, nil, whatchanged.Errorf(whatchanged.CodeNotFound, "change %q is not known; take ids from the items of another answer", c.id).In("ids")
		}
		if known {
			events = append(events, presentable(*e))
		}
		if !c.then {
			continue
		}
		of, err := a.became(c, e)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, of)
	}
	return events, found, nil
}

// revisions returns the revisions of ids that were known at a position.
func (a *asking) revisions(at whatchanged.Position, ids []string) (map[string]*whatchanged.Event, error) {
	if len(ids) == 0 {
		return nil, nil // no ids select nothing out
	}
	v := a.seeing(whatchanged.MaxTime)
	v.KnownAt = at
	page, err := a.index.Changes(a.ctx, v, whatchanged.Selection{IDs: ids, Interval: whatchanged.Always, Limit: len(ids)})
	if err != nil {
		return nil, err
	}
	out := map[string]*whatchanged.Event{}
	for _, e := range page.Events {
		out[e.ID] = e
	}
	return out, nil
}

// became says what became of a citation, e being the revision that is known
// now, nil if there is none.
func (a *asking) became(c cited, e *whatchanged.Event) (Citation, error) {
	out := Citation{Cited: c.text, ID: c.id, Standing: Unknown, Text: "nothing of this id is known"}
	if e == nil {
		return out, nil
	}
	out.Position = &e.Position
	if e.Position.Compare(c.at) <= 0 {
		out.Standing, out.Text = Stands, fmt.Sprintf("it is told as it was at %v", c.at)
		return out, nil
	}
	then, err := a.revisions(c.at, []string{c.id})
	if err != nil {
		return out, err
	}
	if was, ok := then[c.id]; ok {
		out.Standing = Repaired
		out.Text = fmt.Sprintf("its source corrected it at %v; at %v revision %d was told", e.Position, c.at, was.Revision)
	} else {
		out.Text = fmt.Sprintf("nothing of it was known at %v; the first of it came at or before %v", c.at, e.Position)
	}
	return out, nil
}

// standings is what the verdict says of citations.
func standings(all []Citation) string {
	var parts []string
	for _, s := range []Standing{Stands, Repaired, Unknown} {
		n := 0
		for _, c := range all {
			if c.Standing == s {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, map[Standing]string{Stands: "as it was told", Repaired: "corrected since", Unknown: "not known"}[s]))
		}
	}
	return fmt.Sprintf("Of %s: %s.", count(len(all), "citation"), strings.Join(parts, ", "))
}
