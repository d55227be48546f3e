-- The events of a selection, or how many there are.
-- With entities the primary key leads to them; without, the projection by_time
-- leads to the interval; ids are found by their bloom filter.
SELECT {{if .Count}}count(){{else}}{{template "event"}}{{end}}
FROM events
WHERE {{template "known"}}
  AND effective_at <= {as_of:DateTime64(6, 'UTC')}
{{- if .Entities}}
  AND entity IN {entities:Array(String)}{{end}}
{{- if .IDs}}
  AND id IN {ids:Array(String)}{{end}}
{{- if .Interval}}
  AND effective_at >= {from:DateTime64(6, 'UTC')} AND effective_at < {to:DateTime64(6, 'UTC')}{{end}}
  AND {{template "standing"}}
{{- if not .Count}}
{{- if .After}}
  AND (effective_at, sequence, ordinal) {{if .Descending}}<{{else}}>{{end}} ({after_at:DateTime64(6, 'UTC')}, {after_sequence:UInt64}, {after_ordinal:UInt32}){{end}}
{{- $order := ""}}{{if .Descending}}{{$order = " DESC"}}{{end}}
ORDER BY effective_at{{$order}}, sequence{{$order}}, ordinal{{$order}}
LIMIT {limit:UInt64}{{end}}
