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
WHERE sequence <= {known_sequence:UInt64} AND effective_at <= {as_of:DateTime64(6, 'UTC')}
    AND (entity IN {entities:Array(String)})
  AND (id NOT IN (SELECT id FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}))
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}) GROUP BY id))
ORDER BY effective_at DESC, sequence DESC, ordinal DESC
LIMIT 1 BY entity, kind, environment, region, cluster, cell, action = 'observed', rollout = '', rollout_phase
SETTINGS optimize_use_projections = 0
