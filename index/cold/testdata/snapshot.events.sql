-- The events a hot tier keeps, in no order: those in effect since the horizon,
-- by the projection by_time, without those in effect before it.
-- What stands before the horizon's position and was corrected by then is left
-- out: nobody who asks from there on can see it.
SELECT sequence, ordinal, id, revision, source, kind, action, entity, environment, region, cluster, cell,
    actor, actor_is, written_at, effective_at, seen_at, clock, before, after, diff, version, previous_version, commits, reverts,
    summary, approval, validation, links, rollout, rollout_phase, rollout_share,
    dependency, dependency_evidence, dependency_removed, parent, attributes
FROM events
WHERE sequence <= {watermark:UInt64}
  AND effective_at >= {horizon:DateTime64(6, 'UTC')}
  AND ((sequence, ordinal) > ({known_sequence:UInt64}, {known_ordinal:UInt32}) OR (id NOT IN (SELECT id FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}))
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}) GROUP BY id)))
