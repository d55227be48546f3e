package ingest

import (
	"regexp"
	"strings"

	"whatchanged.dev/whatchanged"
)

// regionName matches the names that the large clouds give their regions, at
// the end of the name of an environment or cluster, as in prod-eu-west-1.
var regionName = regexp.MustCompile(`(?i)(?:^|[-_/.])((?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-gov)?-(?:north|south|east|west|central|northeast|northwest|southeast|southwest)-\d|` +
	`(?:africa|asia|australia|europe|me|northamerica|southamerica|us)-(?:north|south|east|west|central|northeast|northwest|southeast|southwest)\d{1,2})$`)

// place puts an event into the environment a source names, if it names one.
func place(e *whatchanged.Event, environment string) {
	if environment == "" {
		return
	}
	e.Placement.Environment = environment
	regionFrom(e, "environment", environment)
}

// regionFrom takes the region, which no standard payload has, from the end of
// the name of an environment or cluster if that is where it stands. The
// attribute regionFrom says whence.
func regionFrom(e *whatchanged.Event, what, name string) {
	m := regionName.FindStringSubmatch(name)
	if m == nil || e.Placement.Region != "" {
		return
	}
	e.Placement.Region = strings.ToLower(m[1])
	attribute(e, "regionFrom", what)
}
