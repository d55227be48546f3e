-- What holds: of each aspect of each entity in each placement, as declared and
-- as observed, the event in force. That is the latest in effect, and of equals
-- the last heard. Which one it is is found by the columns of the key and of the
-- placement alone; the others, which are long, are read only for these.
-- The order is that of whatchanged.StateKey: see edges.sql.
SELECT {{template "event"}}
FROM events
WHERE {{template "of_state" .}} AND (entity, effective_at, sequence, ordinal) IN (
  SELECT entity, tupleElement(max((effective_at, sequence, ordinal)) AS latest, 1), latest.2, latest.3
  FROM events
  WHERE {{template "known"}} AND effective_at <= {as_of:DateTime64(6, 'UTC')}
    AND {{template "of_state" .}} AND kind IN {kinds:Array(String)}
{{- if .Source}}
    AND source = {source:String}{{end}}
{{- if index .Attribute 0}}
    AND mapContains(attributes, {attribute:String}) AND attributes[{attribute:String}] = {attribute_value:String}{{end}}
    AND (kind != 'deployment' OR rollout = '' AND rollout_phase = '' OR rollout_phase = 'promoted')
    AND {{template "standing"}}
  GROUP BY entity, kind, environment, region, cluster, cell, action = 'observed' AS observed
{{- if .After}}
  HAVING {{template "state_key"}} > ({after_entity:String}, {after_kind:String}, {after_environment:String}, {after_region:String}, {after_cluster:String}, {after_cell:String}, {after_observed:UInt8}){{end}}
  ORDER BY {{template "state_key"}}
  LIMIT {limit:UInt64})
ORDER BY {{template "ref_order"}}, kind, environment, region, cluster, cell, action = 'observed'
