-- The events of a selection, so many of each entity, or how many each has.
-- Which ones is found by the columns of the key alone; the others, which are
-- long, are read only for these. Each entity is named in both: the primary key
-- cannot tell beforehand what the inner query will find. The order, too, is
-- that of the key, so that no projection is taken for it.
{{if .Count -}}
SELECT entity, count()
FROM events
WHERE {{template "selected" .}}
GROUP BY entity
{{- else -}}
SELECT {{template "event"}}
FROM events
WHERE entity IN {entities:Array(String)} AND (entity, effective_at, sequence, ordinal) IN (
  SELECT entity, effective_at, sequence, ordinal
  FROM events
  WHERE {{template "selected" .}}{{template "after" .}}
  ORDER BY entity, {{template "in_order" .}}
  LIMIT {limit:UInt64} BY entity)
ORDER BY entity, {{template "in_order" .}}
{{- end}}
