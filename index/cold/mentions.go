package cold

import (
	"context"
	"fmt"
	"strings"

	"whatchanged.dev/whatchanged"
)

// mentionsQuery is what sql/mentions.sql may be asked.
type mentionsQuery struct {
	Words    []string
	Commit   bool // the text may be the start of a commit
	Interval bool
	Count    bool
}

// minCommit is how many hexadecimal digits may name a commit.
const minCommit = 7

func composeMentions(v whatchanged.View, m whatchanged.Mention, count bool) *query {
	words := strings.Fields(m.Text)
	text := strings.TrimSpace(m.Text)
	commit := len(text) >= minCommit && strings.Trim(text, "0123456789abcdefABCDEF") == ""
	bounded := m.Interval != whatchanged.Interval{}
	q := compose("mentions", mentionsQuery{words, commit, bounded, count}).view(v).set("text", text)
	for i, w := range words {
		q.set(fmt.Sprintf("word%d", i), w)
	}
	if bounded {
		q.interval(m.Interval)
	}
	if !count {
		q.set("limit", uint64(m.Limit))
	}
	return q
}

// Mentions returns the events that carry a text and took effect by v.AsOf,
// latest first. A text without words is carried by none.
func (r *Reader) Mentions(ctx context.Context, v whatchanged.View, m whatchanged.Mention) (whatchanged.Page, error) {
	if strings.TrimSpace(m.Text) == "" {
		return whatchanged.Page{}, r.reached(ctx, v)
	}
	read := func() ([]*whatchanged.Event, error) {
		return r.events(ctx, "mentions", composeMentions(v, m, false))
	}
	return r.page(ctx, "mentions", v, m.Limit, true, read, func() *query { return composeMentions(v, m, true) })
}
