-- Where entities were placed by events up to the watermark. Rows beyond it may
-- have been written by now; the first position says which count.
SELECT kind, namespace, name, environment, region,
  tupleElement(min(first_told) AS first, 1), first.2, tupleElement(max(last_told) AS last, 1), last.2
FROM places
GROUP BY kind, namespace, name, environment, region
HAVING first.1 <= {watermark:UInt64}
