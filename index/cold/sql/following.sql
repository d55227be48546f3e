-- What stands next in the log, in its order. Bounded on both sides, so that of
-- old granules little more than the sequence is read.
SELECT {{template "event"}}
FROM events
WHERE (sequence, ordinal) > ({after_sequence:UInt64}, {after_ordinal:UInt32})
  AND sequence >= {after_sequence:UInt64} AND sequence <= {last:UInt64}
ORDER BY sequence, ordinal
LIMIT {limit:UInt64}
