-- The events of a selection, or how many there are.
-- With entities the primary key leads to them; without, the projection by_time
-- leads to the interval; ids are found by their bloom filter, and what arrived
-- lately by the minimum and maximum of seen_at.
SELECT sequence, ordinal, id, revision, source, kind, action, entity, environment, region, cluster, cell,
    actor, actor_is, written_at, effective_at, seen_at, clock, before, after, diff, version, previous_version, commits, reverts,
    summary, approval, validation, links, rollout, rollout_phase, rollout_share,
    dependency, dependency_evidence, dependency_removed, parent, attributes
FROM events
WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32})
  AND effective_at <= {as_of:DateTime64(6, 'UTC')}
  AND entity IN {entities:Array(String)}
  AND NOT has(arrayZip({stale_ids:Array(String)}, {stale_revisions:Array(UInt32)}), (id, revision))
ORDER BY effective_at, sequence, ordinal
LIMIT {limit:UInt64}
