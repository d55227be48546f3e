-- The last revision known of each of a few ids that were corrected.
SELECT id, max(revision)
FROM corrections
WHERE id IN {ids:Array(String)} AND {{template "known"}}
GROUP BY id
