-- The last revision known of each of a few ids that were corrected.
SELECT id, max(revision)
FROM corrections
WHERE id IN {ids:Array(String)} AND (sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32})
GROUP BY id
