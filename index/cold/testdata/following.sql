-- What stands next in the log, in its order. Bounded on both sides, so that of
-- old granules little more than the sequence is read.
SELECT sequence, ordinal, id, revision, source, kind, action, entity, environment, region, cluster, cell,
    actor, actor_is, written_at, effective_at, seen_at, clock, before, after, diff, version, previous_version, commits, reverts,
    summary, approval, validation, links, rollout, rollout_phase, rollout_share,
    dependency, dependency_evidence, dependency_removed, parent, attributes
FROM events
WHERE (sequence, ordinal) > ({after_sequence:UInt64}, {after_ordinal:UInt32})
  AND sequence >= {after_sequence:UInt64} AND sequence <= {last:UInt64}
ORDER BY sequence, ordinal
LIMIT {limit:UInt64}
