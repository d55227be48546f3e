package ingest

import "whatchanged.dev/whatchanged"

// Replay decodes a stored delivery again, as after a fix of its source, and
// returns it as it would be stored now: with the events it becomes, or still
// rejected. What it then says is known from the moment it is appended, and
// not before. It returns an error only if the source is gone.
func (p *Pipeline) Replay(d whatchanged.Delivery) (whatchanged.Delivery, error) {
	s, ok := p.source(d.Source)
	if !ok {
		return d, p.unknownSource(d.Source)
	}
	d.Outcome, d.Reason, d.Field, d.Events = whatchanged.Accepted, "", "", nil
	decoded, err := p.decode(s, d)
	switch {
	case err != nil:
		d = p.rejected(d, err)
	case len(decoded.Events) == 0:
		d.Outcome, d.Reason = whatchanged.Ignored, plain(decoded.Ignored, maxSummary)
	default:
		d.Events = decoded.Events
	}
	return d, nil
}
