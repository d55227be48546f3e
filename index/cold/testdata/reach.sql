-- One step of a walk: the edges at these entities that hold. Of each evidence
-- for an edge the version latest in effect counts, of equals the last heard.
SELECT DISTINCT entity, other
FROM (
  SELECT entity, other
  FROM dependencies
  WHERE entity IN {entities:Array(String)} AND direction = {direction:String}
    AND effective_at <= {as_of:DateTime64(6, 'UTC')} AND (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32})
    AND (id NOT IN (SELECT id FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}))
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}) GROUP BY id))
  GROUP BY entity, other, evidence
  HAVING NOT argMax(removed, (effective_at, sequence, ordinal))
)
