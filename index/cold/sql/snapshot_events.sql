-- The events a hot tier keeps, in no order: those in effect since the horizon,
-- by the projection by_time, {{if .Late}}and here those in effect before it of which we learned later{{else}}without those in effect before it{{end}}.
-- What stands before the horizon's position and was corrected by then is left
-- out: nobody who asks from there on can see it.
SELECT {{template "event"}}
FROM events
WHERE sequence <= {watermark:UInt64}
{{- if .Late}}
  AND effective_at < {horizon:DateTime64(6, 'UTC')} AND (sequence, ordinal) >= ({horizon_sequence:UInt64}, {horizon_ordinal:UInt32}){{else}}
  AND effective_at >= {horizon:DateTime64(6, 'UTC')}{{end}}
  AND ((sequence, ordinal) > ({known_sequence:UInt64}, {known_ordinal:UInt32}) OR {{template "standing"}})
