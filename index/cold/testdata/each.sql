-- The events of a selection, so many of each entity, or how many each has.
-- Which ones is found by the columns of the key alone; the others, which are
-- long, are read only for these. Each entity is named in both: the primary key
-- cannot tell beforehand what the inner query will find. The order, too, is
-- that of the key, so that no projection is taken for it.
SELECT sequence, ordinal, id, revision, source, kind, action, entity, environment, region, cluster, cell,
    actor, actor_is, written_at, effective_at, seen_at, clock, before, after, diff, version, previous_version, commits, reverts,
    summary, approval, validation, links, rollout, rollout_phase, rollout_share,
    dependency, dependency_evidence, dependency_removed, parent, attributes
FROM events
WHERE entity IN {entities:Array(String)} AND (entity, effective_at, sequence, ordinal) IN (
  SELECT entity, effective_at, sequence, ordinal
  FROM events
  WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32})
  AND effective_at <= {as_of:DateTime64(6, 'UTC')}
  AND entity IN {entities:Array(String)}
  AND (id NOT IN (SELECT id FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}))
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}) GROUP BY id))
  AND (effective_at, sequence, ordinal) < ({after_at:DateTime64(6, 'UTC')}, {after_sequence:UInt64}, {after_ordinal:UInt32})
  ORDER BY entity, effective_at DESC, sequence DESC, ordinal DESC
  LIMIT {limit:UInt64} BY entity)
ORDER BY entity, effective_at DESC, sequence DESC, ordinal DESC
