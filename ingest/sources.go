package ingest

// Sources lists every sender whose deliveries we read, in the order they are
// shown.
var Sources = []Source{
	cloudEvents,
	github,
}
