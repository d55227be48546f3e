package eval

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A Reason is what the author of a landing wrote: its whole message.
type Reason struct{ Author, Message string }

// gitWindow is how long before a revert its target may have landed. What is
// taken back later is rarely taken back for what it broke.
const gitWindow = 7 * 24 * time.Hour

// GitWorld makes a set of incidents of the histories of one organisation's
// repositories, as they were read: a landing that takes back another one labels
// it the culprit, the moment is when it was written, and the text is the reason
// that it states. reasons has the message of each landing by the id of its
// event. Left out are undos that were planned, landings that are taken back
// again after they had come back, and those that state no reason, which are
// counted.
func GitWorld(name string, events []whatchanged.Event, reasons map[string]Reason) (w World, unsaid int) {
	landed := map[string]*whatchanged.Event{}
	for i := range events {
		if e := &events[i]; e.Kind == whatchanged.Commit && e.Parent == "" {
			landed[e.ID] = e
		}
	}
	w = World{Name: name, Events: slices.Clone(events)}
	slices.SortStableFunc(w.Events, func(a, b whatchanged.Event) int { return a.EffectiveAt.Compare(b.EffectiveAt) })
	for i := range w.Events {
		e := &w.Events[i]
		target := landed[e.Reverts]
		if landed[e.ID] == nil || target == nil || target.Reverts != "" {
			continue // no revert, or of what is not here, or of a revert
		}
		delay := e.EffectiveAt.Sub(target.EffectiveAt)
		if delay <= 0 || delay > gitWindow {
			continue
		}
		text := reasonOf(reasons[e.ID].Message, target.Summary, reasons[e.ID].Author, reasons[target.ID].Author)
		if planned.MatchString(text) {
			continue
		}
		if len(strings.Fields(text)) < fewWords {
			unsaid++
			continue
		}
		w.Cases = append(w.Cases, Case{Name: e.ID, At: e.EffectiveAt, Window: gitWindow, Text: text, Truth: []string{target.ID}, Delay: delay})
	}
	return w, unsaid
}

// fewWords is how many words say too little to be a reason.
const fewWords = 3

var (
	// planned are the words of undos that nothing had gone wrong before.
	planned = regexp.MustCompile(`(?i)\b(no longer (needed|necessary|required)|as planned|was temporary|temporar(y|ily)|(test|experiment|maintenance|migration|event|sale|freeze) (is |has )?(over|done|finished|complete[d]?|ended)|revert(ing)? after|un-?pause|re-?enable after)\b`)

	// Lines and words that name the culprit, or tell nothing of the trouble.
	trailer = regexp.MustCompile(`^[A-Z][A-Za-z-]*(-[Bb]y|-[Ii][Dd]|-[Oo]n|-[Tt]o)?:\s`)
	naming  = regexp.MustCompile(`(?i)\bthis reverts (commit|merge request)\b|^reverts? [\w.-]+/[\w.-]+[#!]\d+|^(revert|reapply) "`)
	links   = regexp.MustCompile(`\bhttps?://\S+`)
	hashes  = regexp.MustCompile(`\b[0-9a-f]{7,40}\b`)
	tickets = regexp.MustCompile(`\b[A-Z][A-Z0-9]+-\d+\b|\b[TB]\d{3,}\b|[\w./-]*[#!]\d+\b`)
	mention = regexp.MustCompile(`@[\w-]+|\S+@\S+`)
)

// reasonOf is what a revert says of the trouble: its message without the title
// of what it takes back, and without what else names that, or people.
func reasonOf(message, target string, people ...string) string {
	_, body, _ := strings.Cut(strings.TrimSpace(message), "\n")
	var kept []string
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if line == "" || naming.MatchString(line) || trailer.MatchString(line) {
			continue
		}
		kept = append(kept, line)
	}
	text := strings.Join(kept, " ")
	if title := strings.TrimSpace(target); title != "" {
		text = strings.ReplaceAll(text, title, " ")
	}
	for _, r := range []*regexp.Regexp{links, mention, hashes, tickets} {
		text = r.ReplaceAllString(text, " ")
	}
	for _, name := range people {
		for _, part := range strings.Fields(name) {
			if len(part) > 2 {
				text = regexp.MustCompile(`(?i)\b`+regexp.QuoteMeta(part)+`\b`).ReplaceAllString(text, " ")
			}
		}
	}
	return strings.Join(strings.Fields(text), " ")
}
