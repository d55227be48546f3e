-- Who told of which entity up to the watermark.
SELECT entity, source, tupleElement(min(first_told) AS first, 1), first.2
FROM tellers
GROUP BY entity, source
HAVING first.1 <= {watermark:UInt64}
