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
SELECT sequence, ordinal, id, revision, source, kind, action, entity, environment, region, cluster, cell,
    actor, actor_is, written_at, effective_at, seen_at, clock, before, after, diff, version, previous_version, commits, reverts,
    summary, approval, validation, links, rollout, rollout_phase, rollout_share,
    dependency, dependency_evidence, dependency_removed, parent, attributes
FROM events
WHERE true AND (entity, effective_at, sequence, ordinal) IN (
  SELECT entity, tupleElement(max((effective_at, sequence, ordinal)) AS latest, 1), latest.2, latest.3
  FROM events
  WHERE sequence <= {known_sequence:UInt64} AND effective_at <= {as_of:DateTime64(6, 'UTC')}
    AND true
  AND (id NOT IN (SELECT id FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}))
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}) GROUP BY id)) AND kind IN {kinds:Array(String)}
    AND (kind != 'deployment' OR rollout = '' AND rollout_phase = '' OR rollout_phase = 'promoted')
  GROUP BY entity, kind, environment, region, cluster, cell, action = 'observed' AS observed
  ORDER BY (replaceOne(replaceOne(entity, ':', '\0'), '/', '\0'), kind, environment, region, cluster, cell, observed)
  LIMIT {limit:UInt64})
ORDER BY replaceOne(replaceOne(entity, ':', '\0'), '/', '\0'), kind, environment, region, cluster, cell, action = 'observed'
