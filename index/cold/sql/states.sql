-- What holds: of each aspect of each entity in each placement, as declared and
-- as observed, the event in force. That is the latest in effect, and of equals
-- the last heard. The order is that of whatchanged.StateKey: see edges.sql.
-- Of a few entities all is read in one pass over their rows, which stand
-- together. Most of the time of so small a read goes into planning it, so the
-- text is short: who asks is given the last event of each kind and phase, and
-- takes those of them that set something. The key leads to the rows; to weigh
-- the projections against it takes as long as to read them, when history is
-- long. Of many it is first found, by the
-- columns of the key and of the placement alone, which events are in force; the
-- other columns, which are long, are read only for these.
{{if .Few -}}
SELECT {{template "event"}}
FROM events
WHERE {{template "told" .}}
ORDER BY effective_at DESC, sequence DESC, ordinal DESC
LIMIT 1 BY entity, kind, environment, region, cluster, cell, action = 'observed', rollout = '', rollout_phase
SETTINGS optimize_use_projections = 0
{{- else -}}
SELECT {{template "event"}}
FROM events
WHERE {{template "of_state" .}} AND (entity, effective_at, sequence, ordinal) IN (
  SELECT entity, tupleElement(max((effective_at, sequence, ordinal)) AS latest, 1), latest.2, latest.3
  FROM events
  WHERE {{template "settings" .}}
  GROUP BY entity, kind, environment, region, cluster, cell, action = 'observed' AS observed
{{- if .After}}
  HAVING {{template "state_key"}} > ({after_entity:String}, {after_kind:String}, {after_environment:String}, {after_region:String}, {after_cluster:String}, {after_cell:String}, {after_observed:UInt8}){{end}}
  ORDER BY {{template "state_key"}}
  LIMIT {limit:UInt64})
ORDER BY {{template "ref_order"}}, kind, environment, region, cluster, cell, action = 'observed'
{{- end}}
