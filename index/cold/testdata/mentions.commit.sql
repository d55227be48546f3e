-- The events that carry a text, latest first, or how many there are.
SELECT count()
FROM events
WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32})
  AND effective_at <= {as_of:DateTime64(6, 'UTC')}
  AND (id = {text:String} OR version = {text:String}
    OR arrayExists(c -> startsWith(c, {text:String}), commits)
    OR (positionCaseInsensitiveUTF8(summary, {word0:String}) > 0))
  AND (id NOT IN (SELECT id FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}))
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}) GROUP BY id))
