-- The events of a selection, or how many there are.
-- With entities the primary key leads to them; without, the projection by_time
-- leads to the interval; ids are found by their bloom filter, and what arrived
-- lately by the minimum and maximum of seen_at.
SELECT count()
FROM events
WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32})
  AND effective_at <= {as_of:DateTime64(6, 'UTC')}
  AND entity IN {entities:Array(String)}
  AND (id NOT IN (SELECT id FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}))
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}) GROUP BY id))
