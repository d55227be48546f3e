-- The events of a selection, or how many there are.
-- With entities the primary key leads to them; without, the projection by_time
-- leads to the interval; ids are found by their bloom filter, and what arrived
-- lately by the minimum and maximum of seen_at.
SELECT {{if .Count}}count(){{else}}{{template "event"}}{{end}}
FROM events
WHERE {{template "selected" .}}
{{- if not .Count}}{{template "after" .}}
ORDER BY {{template "in_order" .}}
LIMIT {limit:UInt64}{{end}}
