package cold

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

func composeSources(sequence uint64, i whatchanged.Interval) *query {
	return compose("sources", nil).set("connection", whatchanged.ConnectionReports).set("known_sequence", sequence).interval(i)
}

// Sources says what arrived of each source that v knows of, for an interval of
// arrival.
func (r *Reader) Sources(ctx context.Context, v whatchanged.View, i whatchanged.Interval) ([]whatchanged.SourceArrivals, error) {
	if err := r.reached(ctx, v); err != nil {
		return nil, err
	}
	var all []whatchanged.SourceArrivals
	err := r.each(ctx, "sources", composeSources(v.KnownAt.Sequence, i), func(rows driver.Rows) error {
		s, err := scanSource(rows)
		all = append(all, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	gaps, err := r.gaps(ctx, v.KnownAt.Sequence, whatchanged.Interval{From: whatchanged.GapsSince(i.To), To: i.To})
	for i := range all {
		all[i].Told.Gaps, all[i].Runs.Gaps = sumOf(gaps[sortOf{all[i].Source, false}]), sumOf(gaps[sortOf{all[i].Source, true}])
	}
	return all, err
}

func scanSource(rows driver.Rows) (s whatchanged.SourceArrivals, err error) {
	var told, rejected, allTold, runs, allRan, allLinked uint64
	var lastTold, lastRan, linkedAt time.Time
	var link string
	err = rows.Scan(&s.Source, &told, &rejected, &allTold, &lastTold, &runs, &allRan, &lastRan, &allLinked, &link, &linkedAt)
	s.Told.Count, s.Rejected, s.Runs.Count = int(told), int(rejected), int(runs)
	s.Told.Last, s.Runs.Last = lastOf(lastTold, allTold), lastOf(lastRan, allRan)
	if allLinked > 0 {
		s.Connection = &whatchanged.Connection{Report: link, At: linkedAt.UTC()}
	}
	return s, err
}

// lastOf returns the last of n moments.
func lastOf(t time.Time, n uint64) *time.Time {
	if n == 0 {
		return nil
	}
	t = t.UTC()
	return &t
}

// A sortOf is one sort of arrivals of a source: its deliveries, or its runs.
type sortOf struct {
	source string
	ran    bool
}

// gaps counts the gaps in an interval of arrival, by the day on which they
// began.
func (r *Reader) gaps(ctx context.Context, sequence uint64, i whatchanged.Interval) (map[sortOf]map[int64]whatchanged.Gaps, error) {
	all := map[sortOf]map[int64]whatchanged.Gaps{}
	q := compose("gaps", nil).set("connection", whatchanged.ConnectionReports).set("known_sequence", sequence).at("since", i.From).at("to", i.To)
	err := r.each(ctx, "gaps", q, func(rows driver.Rows) error {
		var of sortOf
		var day, seconds int64
		var times uint64
		var ran uint8
		err := rows.Scan(&of.source, &ran, &day, &seconds, &times)
		of.ran = ran == 1
		if all[of] == nil {
			all[of] = map[int64]whatchanged.Gaps{}
		}
		if all[of][day] == nil {
			all[of][day] = whatchanged.Gaps{}
		}
		all[of][day][int(seconds)] += int(times)
		return err
	})
	return all, err
}

func sumOf(days map[int64]whatchanged.Gaps) whatchanged.Gaps {
	sum := whatchanged.Gaps{}
	for _, gaps := range days {
		sum.Add(gaps)
	}
	return sum
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
