-- Every version of every edge, each once, without those that stand before the
-- horizon's position and were corrected by then.
SELECT DISTINCT entity, other, evidence, removed, effective_at, sequence, ordinal, id, revision
FROM dependencies
WHERE direction = 'dependsOn' AND sequence <= {watermark:UInt64}
  AND ((sequence, ordinal) > ({known_sequence:UInt64}, {known_ordinal:UInt32}) OR (id NOT IN (SELECT id FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}))
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}) GROUP BY id)))
