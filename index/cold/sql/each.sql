-- The events of a selection, so many of each entity, or how many each has.
-- Which ones is found by the columns of the key alone; the others, which are
-- long, are read only for these.
{{if .Count -}}
SELECT entity, count()
FROM events
WHERE {{template "selected" .}}
GROUP BY entity
{{- else -}}
SELECT {{template "event"}}
FROM events
WHERE (entity, effective_at, sequence, ordinal) IN (
  SELECT entity, effective_at, sequence, ordinal
  FROM events
  WHERE {{template "selected" .}}{{template "after" .}}
  ORDER BY entity, {{template "in_order" .}}
  LIMIT {limit:UInt64} BY entity)
ORDER BY {{template "in_order" .}}
{{- end}}
