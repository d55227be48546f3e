-- The ids that were corrected beyond a sequence.
SELECT DISTINCT id
FROM corrections
WHERE sequence > {after:UInt64}
