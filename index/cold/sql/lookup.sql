-- The first position of each of these ids and revisions. Only the columns of
-- the projection by_id are named, so it alone is read.
SELECT id, revision, tupleElement(min((sequence, ordinal)) AS first, 1), first.2
FROM events
WHERE id IN {ids:Array(String)}
GROUP BY id, revision
