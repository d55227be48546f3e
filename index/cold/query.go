package cold

import (
	"strings"
	"text/template"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"whatchanged.dev/whatchanged"
)

// queries are the templates under sql that are not migrations. What varies in
// their text is only which conditions stand there; values are always
// parameters.
var queries = template.Must(template.ParseFS(sqlFiles, "sql/[a-z]*.sql"))

// A query is the text of a query and its named parameters.
type query struct {
	text string
	args []any
}

// compose renders the template sql/name.sql with what its conditions ask.
func compose(name string, with any) *query {
	var b strings.Builder
	if err := queries.ExecuteTemplate(&b, name+".sql", with); err != nil {
		panic(err) // a template does not fit its own data: no input can cause it
	}
	return &query{text: b.String()}
}

// set gives a parameter its value.
func (q *query) set(name string, value any) *query {
	q.args = append(q.args, clickhouse.Named(name, value))
	return q
}

// at gives a parameter a time, drawn into what the stores can hold.
func (q *query) at(name string, t time.Time) *query {
	switch {
	case t.Before(whatchanged.MinTime):
		t = whatchanged.MinTime
	case t.After(whatchanged.MaxTime):
		t = whatchanged.MaxTime
	}
	q.args = append(q.args, clickhouse.DateNamed(name, t, clickhouse.MicroSeconds))
	return q
}

// position gives two parameters, name_sequence and name_ordinal, a position.
func (q *query) position(name string, p whatchanged.Position) *query {
	return q.set(name+"_sequence", p.Sequence).set(name+"_ordinal", p.Index)
}

// interval gives the parameters from and to an interval.
func (q *query) interval(i whatchanged.Interval) *query {
	return q.at("from", i.From).at("to", i.To)
}

// texts spells references as the tables hold them.
func texts(refs []whatchanged.Ref) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = r.String()
	}
	return out
}
