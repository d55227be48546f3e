package whatchanged

import "strings"

// A Placement is where in production something holds. A field that is empty
// is not known, which differs from "everywhere".
type Placement struct {
	Environment string `json:"environment"`
	Region      string `json:"region"`
	Cluster     string `json:"cluster"`
	Cell        string `json:"cell"`
}

// A Match says how a placement stands to the one asked for.
type Match int8

// Outside: a field differs. Unknown: a field asked for is not known.
// Inside: every field asked for is the same.
const (
	Outside Match = iota - 1
	Unknown
	Inside
)

// Match compares p with the placement asked for; empty fields of asked ask
// nothing. Case is ignored.
func (p Placement) Match(asked Placement) Match {
	m := Inside
	for _, f := range [...][2]string{
		{p.Environment, asked.Environment}, {p.Region, asked.Region},
		{p.Cluster, asked.Cluster}, {p.Cell, asked.Cell},
	} {
		switch {
		case f[1] == "":
		case f[0] == "":
			m = min(m, Unknown)
		case !strings.EqualFold(f[0], f[1]):
			return Outside
		}
	}
	return m
}

// IsZero reports whether nothing is known of where.
func (p Placement) IsZero() bool { return p == Placement{} }

// String joins what is known with slashes, from environment to cell.
func (p Placement) String() string {
	var parts []string
	for _, s := range []string{p.Environment, p.Region, p.Cluster, p.Cell} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "/")
}
