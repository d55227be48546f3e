package resolvers

import (
	"encoding/base64"
	"encoding/json"

	"whatchanged.dev/whatchanged"
)

// Bounds on one page of a connection.
const (
	defaultPage = 20
	maxPage     = 100
)

// A PageInfo says where a page stands in its connection.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// Paging are the arguments by which Relay asks for a page.
type Paging struct {
	First  *int
	After  *string
	Last   *int
	Before *string
}

// Check returns the size of the page asked for, or why it cannot be asked for.
func (p Paging) Check() (size int, err error) {
	for field, n := range map[string]*int{"first": p.First, "last": p.Last} {
		if n != nil && (*n < 0 || *n > maxPage) {
			return 0, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%d: want 0 to %d, such as 20", *n, maxPage).In(field)
		}
	}
	switch {
	case p.First != nil && p.Last != nil:
		return 0, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "want first or last, not both").In("last")
	case p.First != nil:
		return *p.First, nil
	case p.Last != nil:
		return *p.Last, nil
	}
	return defaultPage, nil
}

// bounds cuts the page out of n items, of which after ends before item from
// and before begins at item to.
func (p Paging) bounds(from, to, size, n int) (int, int) {
	to = min(to, n)
	from = min(from, to)
	if p.Last != nil {
		return max(from, to-size), to
	}
	return from, min(to, from+size)
}

// infoOf says where the items [from, to) of n stand.
func infoOf(from, to, n int, cursor func(i int) string) PageInfo {
	p := PageInfo{HasPreviousPage: from > 0, HasNextPage: to < n}
	if from < to {
		start, end := cursor(from), cursor(to-1)
		p.StartCursor, p.EndCursor = &start, &end
	}
	return p
}

// opaque spells what a cursor or an id stands for. It is not signed: all that
// it says is checked again, and it opens nothing that the viewer could not
// ask for.
func opaque(v any) string {
	b, _ := json.Marshal(v) // plain data
	return base64.RawURLEncoding.EncodeToString(b)
}

// clear reads what opaque spelled.
func clear(text string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && json.Unmarshal(b, v) == nil
}

func errCursor(field string) error {
	return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "not a cursor of this connection: want one of its own, unchanged").In(field)
}
