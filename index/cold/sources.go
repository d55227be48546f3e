package cold

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

// Sources says how each source that was ever heard, as far as v knows, was
// heard in an interval of arrival. LastHeard may lie after the interval.
func (r *Reader) Sources(ctx context.Context, v whatchanged.View, i whatchanged.Interval) ([]whatchanged.SourceCoverage, error) {
	if err := r.reached(ctx, v); err != nil {
		return nil, err
	}
	var all []whatchanged.SourceCoverage
	q := compose("sources", nil).set("known_sequence", v.KnownAt.Sequence).interval(i)
	err := r.each(ctx, "sources", q, func(rows driver.Rows) error {
		var source string
		var received, rejected uint64
		var before bool
		var last time.Time
		err := rows.Scan(&source, &received, &rejected, &before, &last)
		last = last.UTC()
		all = append(all, whatchanged.SourceCoverage{Source: source, State: state(received, before), LastHeard: &last,
			Deliveries: int(received), Rejected: int(rejected)})
		return err
	})
	return all, err
}

func state(received uint64, before bool) whatchanged.CoverageState {
	switch {
	case received > 0:
		return whatchanged.CoverageHeard
	case before:
		return whatchanged.CoverageSilent
	}
	return whatchanged.CoverageUnknown
}

// Deliveries returns the stored deliveries of these sequences in their order,
// bodies included, events left out; those that are not there are left out.
func (r *Reader) Deliveries(ctx context.Context, v whatchanged.View, sequences []uint64) ([]whatchanged.Delivery, error) {
	if err := r.reached(ctx, v); err != nil || len(sequences) == 0 {
		return nil, err
	}
	var all []whatchanged.Delivery
	q := compose("deliveries", nil).set("known_sequence", v.KnownAt.Sequence).set("sequences", sequences)
	err := r.each(ctx, "deliveries", q, func(rows driver.Rows) error {
		d, err := scanDelivery(rows)
		all = append(all, d)
		return err
	})
	return all, err
}

func scanDelivery(rows driver.Rows) (d whatchanged.Delivery, err error) {
	var outcome, body string
	err = rows.Scan(&d.Sequence, &d.ReceivedAt, &d.Source, &d.Type, &d.ID, &outcome, &d.Reason, &d.Field, &d.Header, &body)
	d.ReceivedAt, d.Outcome = d.ReceivedAt.UTC(), whatchanged.Outcome(outcome)
	if body != "" {
		d.Body = []byte(body)
	}
	if len(d.Header) == 0 {
		d.Header = nil
	}
	return d, err
}
