-- The events of a selection, so many of each entity, or how many each has.
-- Which ones is found by the columns of the key alone; the others, which are
-- long, are read only for these. Each entity is named in both: the primary key
-- cannot tell beforehand what the inner query will find. The order, too, is
-- that of the key, so that no projection is taken for it.
SELECT entity, count()
FROM events
WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32})
  AND effective_at <= {as_of:DateTime64(6, 'UTC')}
  AND entity IN {entities:Array(String)}
  AND (id NOT IN (SELECT id FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}))
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}) GROUP BY id))
GROUP BY entity
